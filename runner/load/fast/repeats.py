"""What dlt asks for again and again in one run, though the answer stays the same, is asked for once.

A small load resolves configuration a hundred times, which takes half of its time once all is imported. A
third of that is to learn what the destination can do, and a third to find out which settings are secrets.
"""

from __future__ import annotations

import typing

from runner.load import compat


class Answers:
    """What was found in one run."""

    def __init__(self) -> None:
        self._secret: dict[typing.Any, bool] = {}
        self._configurations: dict[int, tuple[typing.Any, typing.Any, typing.Any]] = {}

    def is_secret_hint(self, original: typing.Any, hint: typing.Any) -> typing.Any:
        """Around dlt's ``is_secret_hint``: asked once for each type, not at each look at a provider."""
        try:
            if hint not in self._secret:
                self._secret[hint] = original(hint)
            return self._secret[hint]
        except TypeError:  # the type can't be a key
            return original(hint)

    def configuration(
        self,
        original: typing.Any,
        owner: typing.Any,
        initial_config: typing.Any,
        accept_partial: bool = False,
    ) -> typing.Any:
        """Around ``Destination.configuration``: one without credentials, for its capabilities, is kept."""
        if not accept_partial:
            return original(owner, initial_config)
        kept, given = self._configurations, dict(owner.config_params)
        if id(owner) not in kept or kept[id(owner)][1] != given:
            kept[id(owner)] = owner, given, original(owner, initial_config, accept_partial)
        return kept[id(owner)][2]


def capabilities(original: typing.Any, pipeline: typing.Any) -> typing.Any:
    """Around ``Pipeline._get_destination_capabilities``: the default schema isn't read from its file anew."""
    schema = compat.live_schemas(pipeline).get(pipeline.default_schema_name)
    if schema is None or pipeline.destination is None:
        return original(pipeline)
    return pipeline.destination.capabilities(naming=schema.naming)
