"""Rows as columns, and how dlt's Parquet writer takes them."""

from __future__ import annotations

import typing
from collections.abc import Callable, Iterator, Sequence

_USUAL = r"^[12]\d{3}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?(Z|[+-][01]\d:[0-5]\d)$"


class Timestamps:
    """Texts that are timestamps with a zone, which Arrow reads as ``convert`` would."""

    def __init__(self, texts: Sequence[str], convert: Callable[[str], typing.Any], array: typing.Any) -> None:
        self.texts = texts
        self.convert = convert
        self.array = array

    @classmethod
    def of(cls, texts: Sequence[str], convert: Callable[[str], typing.Any]) -> Timestamps | None:
        """None where one of the texts is written in another way, or is no date."""
        import pyarrow
        from pyarrow import compute

        array = pyarrow.array(texts, pyarrow.string())
        if not compute.all(compute.match_substring_regex(array, _USUAL)).as_py():
            return None
        try:
            return cls(texts, convert, array.cast(pyarrow.timestamp("us", "UTC")))
        except pyarrow.ArrowInvalid:
            return None

    def __iter__(self) -> Iterator[typing.Any]:
        return map(self.convert, self.texts)

    def __getitem__(self, part: slice) -> Timestamps:
        return Timestamps(self.texts[part], self.convert, self.array[part])


class Columns:
    """Rows of one table, by column. A column that isn't there is null."""

    def __init__(self, count: int, values: dict[str, typing.Any]) -> None:
        self.count = count
        self.values = values

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns: dlt counts the rows of an item that has this attribute."""
        return self.count, len(self.values)

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, part: slice) -> Columns:
        if part.start == 0 and part.stop >= self.count:
            return self
        values = {name: column[part] for name, column in self.values.items()}
        return Columns(len(range(*part.indices(self.count))), values)

    def rows(self) -> Iterator[dict[str, typing.Any]]:
        """The rows one by one, as dlt would have them."""
        for row in zip(*self.values.values(), strict=True):
            yield {name: value for name, value in zip(self.values, row, strict=True) if value is not None}

    def table(self, schema: typing.Any) -> typing.Any:
        """The Arrow table that Arrow would make of the rows."""
        import pyarrow

        return pyarrow.Table.from_arrays([self._array(field) for field in schema], schema=schema)

    def _array(self, field: typing.Any) -> typing.Any:
        import pyarrow

        column = self.values.get(field.name)
        if column is None:
            return pyarrow.nulls(self.count, field.type)
        if isinstance(column, Timestamps):
            kind = field.type
            if pyarrow.types.is_timestamp(kind) and kind.unit == "us" and kind.tz:
                return column.array.cast(kind)
            column = list(column)
        return pyarrow.array(column, field.type)


def write_data(original: typing.Any, self: typing.Any, items: Sequence[typing.Any]) -> None:
    """Around ``ParquetDataWriter.write_data``: takes columns among the rows.

    Where they don't fit, dlt gets them as rows and says why in its own words.
    """
    if not any(type(item) is Columns for item in items):
        original(self, items)
        return
    try:
        table = _together(items, self.schema, self.nested_indices)
    except Exception:  # noqa: BLE001 as above
        table = None
    if table is None:
        rows = [row for item in items for row in (item.rows() if type(item) is Columns else (item,))]
        original(self, rows)
        return
    self.items_count += table.num_rows
    self.writer.write_table(table, row_group_size=self.parquet_format.row_group_size)


def _together(items: Sequence[typing.Any], schema: typing.Any, nested: Sequence[str]) -> typing.Any:
    """One table of rows and columns; None where dlt has to see them as rows."""
    import pyarrow

    parts = []
    rows: list[typing.Any] = []
    for item in [*items, None]:
        if type(item) is not Columns and item is not None:
            rows.append(item)
            continue
        if rows:
            if any(row.get(name) is not None for row in rows for name in nested):
                return None
            parts.append(pyarrow.Table.from_pylist(rows, schema=schema))
            rows = []
        if item is not None:
            if not item.values.keys().isdisjoint(nested):
                return None
            parts.append(item.table(schema))
    table = pyarrow.concat_tables(parts)
    whole = all(field.nullable or not table[field.name].null_count for field in schema)
    return table if whole else None
