"""Writes and reads the rows between extract and normalize by column.

Where all rows of a write have the same keys, a line of the file has each key once and then its values: half
the bytes, which are read in half the time, and no row is built that normalize would take apart again.
"""

from __future__ import annotations

import typing
from collections.abc import Sequence

MARK = b"by column: "
"""Begins a line of rows by column. It is no JSON: dlt alone fails on it, and the rows are extracted anew."""


class RowsByKey:
    """Rows that all have the same keys, as the values of each key."""

    def __init__(self, keys: Sequence[str], values: Sequence[Sequence[typing.Any]]) -> None:
        self.keys = keys
        self.values = values

    def __len__(self) -> int:
        return len(self.values[0])

    def rows(self) -> list[dict[str, typing.Any]]:
        """The rows as dlt would read them."""
        return [dict(zip(self.keys, row, strict=True)) for row in zip(*self.values, strict=True)]


def write_data(original: typing.Any, self: typing.Any, items: Sequence[typing.Any]) -> None:
    """Around ``TypedJsonlListWriter.write_data``: rows with the same keys are written by column."""
    try:
        line = _line(items)
    except Exception:  # noqa: BLE001 dlt says why, in its own words
        line = None
    if line is None:
        original(self, items)
        return
    self.items_count += len(items)
    self._f.write(line)


def _line(items: Sequence[typing.Any]) -> bytes | None:
    from dlt.common.json import json

    # the same order too: dlt makes columns in the order of keys
    if len(items) < 2 or set(map(type, items)) != {dict} or len(set(map(tuple, items))) > 1:
        return None
    keys = list(items[0])
    if set(map(type, keys)) != {str}:
        return None
    return b"%s%s\n" % (MARK, json.typed_dumpb([keys, *([item[key] for item in items] for key in keys)]))


class Reader:
    """Stands for ``json`` in dlt's normalizer and reads such lines too: as rows, if ``whole``."""

    def __init__(self, original: typing.Any, *, whole: bool) -> None:
        self._original = original
        self._whole = whole

    def __getattr__(self, name: str) -> typing.Any:
        return getattr(self._original, name)

    def loadb(self, line: bytes) -> typing.Any:
        """The rows of a line."""
        if not line.startswith(MARK):
            return self._original.loadb(line)
        keys, *values = self._original.loadb(memoryview(line)[len(MARK) :])
        found = RowsByKey(keys, values)
        return found.rows() if self._whole else found
