"""How dlt's buffered writer takes pages, and how hard its intermediate files are packed."""

from __future__ import annotations

import functools
import gzip
import typing
from collections.abc import Callable

from runner.load.fast.pages import Buffer, Page
from runner.load.fast.tables import Columns

LEVEL = 1
"""gzip's, for files that are read once and removed. dlt's 9 takes ten times as long and saves a fifth of the
size."""
_TEMPORARY = "typed-jsonl"


def write_rows(original: Callable[..., int]) -> Callable[..., int]:
    """``BufferedDataWriter.write_data_item``, which fills its buffer from a page up to the same row as dlt
    does.

    So files and what is in each write of them are the same as with rows that come one by one.
    """

    def write_data_item(self: typing.Any, item: typing.Any, columns: typing.Any) -> int:
        if type(item) is not Page and type(item) is not Columns:
            return original(self, item, columns)
        begin = count = 0
        while begin < len(item):
            room = max(1, self.buffer_max_items - self._buffered_items_count)
            count += original(self, item[begin : begin + room], columns)
            begin += room
        return count

    return write_data_item


def compress_lightly(original: Callable[..., None], buffer: Buffer) -> Callable[..., None]:
    """``BufferedDataWriter.__init__``, with another gzip level for files between extract and normalize."""

    def init(self: typing.Any, writer_spec: typing.Any, *args: typing.Any, **kwargs: typing.Any) -> None:
        original(self, writer_spec, *args, **kwargs)
        if writer_spec.file_format != _TEMPORARY:
            return
        buffer.known(self.buffer_max_items)
        if self.open is gzip.open:
            self.open = functools.partial(gzip.open, compresslevel=LEVEL)

    return init
