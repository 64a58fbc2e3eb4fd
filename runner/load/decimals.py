"""Rounds decimals to the scale of their columns, on the way into dlt's files, as databases do.

dlt gives a decimal column a scale of nine where nobody declares one. Arrow refuses to write a number with
more digits than its column holds, and the load would fail: rows on the way into Parquet, and Arrow tables,
which dlt makes of a database's rows itself (``sql_database`` with ``backend: pyarrow``). Most databases hold
38 digits in a number, and refuse a column of a greater precision before a row is loaded. Digits before the
point are kept, those after it are rounded.
"""

from __future__ import annotations

import decimal
import typing
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from runner.load.progress import Steps
from runner.patches import wrapped

_EXACT = decimal.Context(prec=100, rounding=decimal.ROUND_HALF_UP)
_OF_38_DIGITS = frozenset(
    ("databricks", "duckdb", "ducklake", "fabric", "motherduck", "mssql", "redshift", "snowflake", "synapse")
)
"""Types of destinations whose numbers have at most 38 digits. For others dlt's own limit of 76 holds."""


def fitted_rows(steps: Steps) -> AbstractContextManager[None]:
    """Within the body decimals that don't fit dlt's Parquet files are rounded; each column is noted once."""
    from dlt.common.data_writers.writers import ParquetDataWriter

    def write_data(original: typing.Any, self: typing.Any, items: typing.Any) -> None:
        before = self.items_count
        try:
            original(self, items)
        except ValueError as exc:  # Arrow's own errors are such
            scales = {f.name: f.type.scale for f in self.schema if hasattr(f.type, "scale")}
            if "decimal" not in str(exc).lower() or not _round(items, scales, steps, {}):
                raise
            self.items_count = before
            original(self, items)

    return wrapped(ParquetDataWriter, "write_data", write_data)


@contextmanager
def fitted_tables(steps: Steps, destination: str) -> Iterator[None]:
    """Within the body decimals of extracted Arrow tables fit the destination; each column is noted once.

    ``destination`` is the destination's type, see ``contract.Destination.kind``.
    """
    from dlt.extract.extractors import ArrowExtractor
    from dlt.extract.hints import DltResourceHints

    try:
        from dlt.common.libs import pyarrow as library
    except ImportError:
        yield  # without pyarrow there are no such tables
        return
    widest = 38 if destination in _OF_38_DIGITS else 76

    def compute_table_schema(original: typing.Any, *given: typing.Any, **named: typing.Any) -> typing.Any:
        table = original(*given, **named)
        columns = table.get("columns")
        if columns and any((column.get("precision") or 0) > widest for column in columns.values()):
            table["columns"] = {name: _narrowed(column, widest) for name, column in columns.items()}
        return table

    def row_tuples_to_arrow(
        original: typing.Any,
        rows: typing.Any,
        caps: typing.Any,
        columns: typing.Any,
        *given: typing.Any,
        **named: typing.Any,
    ) -> typing.Any:
        limits = {name: widest for name, column in columns.items() if _narrowed(column, widest) is not column}
        columns = {name: _narrowed(column, widest) for name, column in columns.items()}
        try:
            return original(rows, caps, columns, *given, **named)
        except Exception as exc:
            default = (getattr(caps, "decimal_precision", None) or (38, 9))[1]
            scales = {
                name: default if column.get("scale") is None else column["scale"]
                for name, column in columns.items()
                if column.get("data_type") == "decimal"
            }
            made = [dict(zip(columns, row, strict=True)) for row in rows]
            if "decimal" not in str(exc).lower() or not _round(made, scales, steps, limits):
                raise
        return original([tuple(row.values()) for row in made], caps, columns, *given, **named)

    def write_items(
        original: typing.Any, self: typing.Any, resource: typing.Any, items: typing.Any, meta: typing.Any
    ) -> None:
        several = items if isinstance(items, list) else [items]
        original(self, resource, [_fitting(item, resource, meta, widest, steps) for item in several], meta)

    with (
        wrapped(library, "row_tuples_to_arrow", row_tuples_to_arrow),
        wrapped(ArrowExtractor, "write_items", write_items),
        wrapped(DltResourceHints, "compute_table_schema", compute_table_schema),
    ):
        yield


def _narrowed(column: typing.Any, widest: int) -> typing.Any:
    """A column's schema, with room for its digits before the point in a number of ``widest`` digits."""
    precision, scale = column.get("precision"), column.get("scale") or 0
    if column.get("data_type") != "decimal" or precision is None or precision <= widest:
        return column
    return {**column, "precision": widest, "scale": _scale(precision, scale, widest)}


def _scale(precision: int, scale: int, widest: int) -> int:
    return max(0, min(scale, widest - (precision - scale)))


def _fitting(
    item: typing.Any, resource: typing.Any, meta: typing.Any, widest: int, steps: Steps
) -> typing.Any:
    """An Arrow table whose decimals have no more digits than their columns; anything else as it is."""
    import pyarrow
    import pyarrow.compute

    if not isinstance(item, pyarrow.Table | pyarrow.RecordBatch):
        return item
    fields = [field for field in item.schema if pyarrow.types.is_decimal(field.type)]
    if not fields:
        return item
    declared = resource.compute_table_schema(item, meta).get("columns") or {}
    for field in fields:
        precision, scale = field.type.precision, field.type.scale
        hint = declared.get(field.name, {}).get("scale")
        held = _scale(precision, scale, widest) if precision > widest else scale
        wanted = held if hint is None else min(held, hint)
        if wanted == scale and precision <= widest:
            continue
        at = item.schema.get_field_index(field.name)
        column = item.column(at)
        rounded = pyarrow.compute.round(column, ndigits=wanted, round_mode="half_towards_infinity")
        if not rounded.equals(column):
            _note(steps, field.name, wanted, widest if wanted == held else None)
        kind = pyarrow.decimal128(min(precision - scale + wanted, widest), wanted)
        item = item.set_column(at, field.with_type(kind), rounded.cast(kind))
    return item


def _round(
    rows: typing.Iterable[dict[str, typing.Any]],
    scales: typing.Mapping[str, int],
    steps: Steps,
    limits: typing.Mapping[str, int],
) -> bool:
    """Rounds, in place, numbers of more digits than the scale of their column; returns whether there was one.

    ``limits`` has the columns whose scale the destination limits, with the most digits of a number there.
    """
    changed = False
    for name, scale in scales.items():
        for row in rows:
            value: typing.Any = row.get(name)
            finite = isinstance(value, decimal.Decimal) and value.is_finite()
            if finite and -int(value.as_tuple().exponent) > scale:
                row[name] = value.quantize(decimal.Decimal(1).scaleb(-scale), context=_EXACT)
                changed = True
                _note(steps, name, scale, limits.get(name))
    return changed


def _note(steps: Steps, column: str, scale: int, most: int | None) -> None:
    """Notes a rounding. ``most``: the digits of a number at the destination, where those are the reason."""
    why = "give the column a scale where it needs more (dlt's columns hint)"
    if most is not None:
        why = f"the destination holds {most} digits in a number, those before the point among them"
    steps.note(f"column {column}: rounded to {scale} digits after the point; {why}")
