"""Makes decimals of Arrow tables fit their columns, on the way from the source into dlt's files.

dlt makes Arrow tables of a database's rows itself (``sql_database`` with ``backend: pyarrow``), and fails
where a number has more digits after the point than its column: nine, where the database says nothing. Most
databases hold 38 digits in a number, and refuse a column of more before a row is loaded. Digits before the
point are kept, those after it are rounded.
"""

from __future__ import annotations

import decimal
import typing
from collections.abc import Iterator
from contextlib import contextmanager

from runner.load import decimals
from runner.load.progress import Steps
from runner.patches import wrapped

WIDEST = dict.fromkeys(
    ("databricks", "duckdb", "ducklake", "fabric", "motherduck", "mssql", "redshift", "snowflake", "synapse"),
    38,
)
"""The most digits of a number, by type of destination. Of the others dlt's own limits hold."""


@contextmanager
def fitted(steps: Steps, destination: str) -> Iterator[None]:
    """Within the body decimals that sources extract fit what the destination holds; rounding is noted."""
    from dlt.extract.extractors import ArrowExtractor
    from dlt.extract.hints import DltResourceHints

    try:
        from dlt.common.libs import pyarrow as library
    except ImportError:
        yield  # without pyarrow there are no such tables
        return
    widest = WIDEST.get(destination, 76)
    with (
        wrapped(library, "row_tuples_to_arrow", lambda original: _converting(original, widest, steps)),
        wrapped(ArrowExtractor, "write_items", lambda original: _writing(original, widest, steps)),
        wrapped(DltResourceHints, "compute_table_schema", lambda original: _declaring(original, widest)),
    ):
        yield


def narrowed(column: typing.Any, widest: int) -> typing.Any:
    """A column's schema, with room for its digits before the point in a number of ``widest`` digits."""
    precision, scale = column.get("precision"), column.get("scale") or 0
    if column.get("data_type") != "decimal" or precision is None or precision <= widest:
        return column
    return {**column, "precision": widest, "scale": _scale(precision, scale, widest)}


def _scale(precision: int, scale: int, widest: int) -> int:
    return max(0, min(scale, widest - (precision - scale)))


def _declaring(original: typing.Any, widest: int) -> typing.Any:
    def compute_table_schema(self: typing.Any, *given: typing.Any, **named: typing.Any) -> typing.Any:
        table = original(self, *given, **named)
        columns = table.get("columns")
        if columns and any((column.get("precision") or 0) > widest for column in columns.values()):
            table["columns"] = {name: narrowed(column, widest) for name, column in columns.items()}
        return table

    return compute_table_schema


def _converting(original: typing.Any, widest: int, steps: Steps) -> typing.Any:
    def row_tuples_to_arrow(
        rows: typing.Any, caps: typing.Any, columns: typing.Any, *given: typing.Any, **named: typing.Any
    ) -> typing.Any:
        limits = {name: widest for name, column in columns.items() if narrowed(column, widest) is not column}
        columns = {name: narrowed(column, widest) for name, column in columns.items()}
        try:
            return original(rows, caps, columns, *given, **named)
        except Exception as exc:
            if "decimal" not in str(exc).lower():
                raise
            rounded = _rounded(rows, caps, columns, limits, steps)
            if rounded is None:
                raise
        return original(rounded, caps, columns, *given, **named)

    return row_tuples_to_arrow


def _rounded(
    rows: typing.Any, caps: typing.Any, columns: typing.Any, limits: dict[str, int], steps: Steps
) -> list[typing.Any] | None:
    """The rows, with numbers of more digits than their column rounded; None where there are none."""
    default = (getattr(caps, "decimal_precision", None) or (38, 9))[1]
    made = [list(row) for row in rows]
    changed = False
    for at, (name, column) in enumerate(columns.items()):
        if column.get("data_type") != "decimal":
            continue
        scale = default if column.get("scale") is None else column["scale"]
        for row in made:
            value = row[at]
            if isinstance(value, decimal.Decimal) and decimals.has_more_digits(value, scale):
                row[at] = decimals.to_scale(value, scale)
                changed = True
                steps.note(decimals.told(name, scale, limits.get(name)))
    return [tuple(row) for row in made] if changed else None


def _writing(original: typing.Any, widest: int, steps: Steps) -> typing.Any:
    def write_items(self: typing.Any, resource: typing.Any, items: typing.Any, meta: typing.Any) -> None:
        several = items if isinstance(items, list) else [items]
        original(self, resource, [_fitting(item, resource, meta, widest, steps) for item in several], meta)

    return write_items


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
            steps.note(decimals.told(field.name, wanted, widest if wanted == held else None))
        kind = pyarrow.decimal128(min(precision - scale + wanted, widest), wanted)
        item = item.set_column(at, field.with_type(kind), rounded.cast(kind))
    return item
