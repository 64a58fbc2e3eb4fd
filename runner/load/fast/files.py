"""How dlt's buffered writer takes pages, and how hard its intermediate files are packed."""

from __future__ import annotations

import functools
import gzip
import typing

from runner.load.fast.pages import Buffer, Page
from runner.load.fast.tables import Columns

LEVEL = 1
"""gzip's, for files that are read once and removed. dlt's 9 takes ten times as long and saves a fifth of the
size."""
_TEMPORARY = "typed-jsonl"


def write_data_item(original: typing.Any, self: typing.Any, item: typing.Any, columns: typing.Any) -> int:
    """Around ``BufferedDataWriter.write_data_item``: a page fills the buffer up to the same row as with dlt.

    So the files, and what each write brings them, are the same as with rows that come one by one.
    """
    if type(item) is not Page and type(item) is not Columns:
        return int(original(self, item, columns))
    begin = count = 0
    while begin < len(item):
        room = max(1, self.buffer_max_items - self._buffered_items_count)
        count += original(self, item[begin : begin + room], columns)
        begin += room
    return count


def init(
    buffer: Buffer, made: typing.Any, self: typing.Any, spec: typing.Any, *rest: typing.Any, **kw: typing.Any
) -> None:
    """Around ``BufferedDataWriter.__init__``: another gzip level for files between extract and normalize.

    ``buffer`` is told of the writer's size.
    """
    made(self, spec, *rest, **kw)
    if spec.file_format != _TEMPORARY:
        return
    buffer.known(self.buffer_max_items)
    if self.open is gzip.open:
        self.open = functools.partial(gzip.open, compresslevel=LEVEL)
