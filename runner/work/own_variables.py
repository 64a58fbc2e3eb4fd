"""Keeps dlt from taking the process's own variables for configuration.

dlt looks an argument up under sections first, ``SOURCES__ORDERS__USER``, and at last under its bare
name, before any file: an argument ``path`` would be given ``PATH``, and a secret ``user`` in a file
would lose to the ``USER`` that the runner sets for libraries that ask for one. Those variables say
nothing about the source; what ``container.env`` sets does, and counts.
"""

from __future__ import annotations

import functools
import typing
from collections.abc import Collection, Mapping


def of_process(environ: Mapping[str, str], given: Collection[str]) -> frozenset[str]:
    """Names of ``environ`` that are the process's own: without sections, and not ``given`` to the job."""
    return frozenset(name for name in environ if "__" not in name and name not in given)


def hide(names: Collection[str]) -> None:
    """From now on, dlt finds no configuration under these bare names. Imports dlt."""
    from dlt.common.configuration.providers.environ import EnvironProvider

    found: typing.Any = EnvironProvider.get_value

    @functools.wraps(found)
    def get_value(
        self: typing.Any, key: str, hint: typing.Any, pipeline_name: typing.Any, *sections: str
    ) -> typing.Any:
        name = self.get_key_name(key, pipeline_name, *sections)
        return (None, name) if name in names else found(self, key, hint, pipeline_name, *sections)

    EnvironProvider.get_value = get_value
