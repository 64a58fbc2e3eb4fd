"""What dlt asks for again and again in one run, though it stays as it is, is asked for once.

A small load resolves configuration a hundred times, half of its time once all is imported. A third of that
is to learn what the destination can do, and a third to find out which settings are secrets.
"""

from __future__ import annotations

import typing

from runner.load import compat


def is_secret_hint(original: typing.Any) -> typing.Any:
    """dlt works out once for each type whether its values are secrets, not at each look at a provider."""
    known: dict[typing.Any, bool] = {}

    def is_secret(hint: typing.Any) -> typing.Any:
        try:
            if hint not in known:
                known[hint] = original(hint)
            return known[hint]
        except TypeError:  # the type can't be a key
            return original(hint)

    return is_secret


def configuration(original: typing.Any) -> typing.Any:
    """A destination's configuration without credentials, on which its capabilities depend, is kept."""
    kept: dict[int, tuple[typing.Any, typing.Any, typing.Any]] = {}

    def resolve(self: typing.Any, initial_config: typing.Any, accept_partial: bool = False) -> typing.Any:
        if not accept_partial:
            return original(self, initial_config)
        given = dict(self.config_params)
        if id(self) not in kept or kept[id(self)][1] != given:
            kept[id(self)] = self, given, original(self, initial_config, accept_partial)
        return kept[id(self)][2]

    return resolve


def capabilities(original: typing.Any) -> typing.Any:
    """To learn what the destination can do, a pipeline doesn't read its default schema from the file anew."""

    def found(self: typing.Any) -> typing.Any:
        schema = compat.live_schemas(self).get(self.default_schema_name)
        if schema is None or self.destination is None:
            return original(self)
        return self.destination.capabilities(naming=schema.naming)

    return found
