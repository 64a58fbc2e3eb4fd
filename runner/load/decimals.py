"""Rounds numbers to their column's scale on the way into Parquet, as databases do with what they are sent.

dlt gives a decimal column nine digits after the point where nobody says how many. Arrow refuses to write
more than a column holds, and would fail the whole load.
"""

from __future__ import annotations

import decimal
import typing
from collections.abc import Iterator
from contextlib import contextmanager

from runner import patches
from runner.load.progress import Steps

_EXACT = decimal.Context(prec=100, rounding=decimal.ROUND_HALF_UP)


@contextmanager
def rounded(steps: Steps) -> Iterator[None]:
    """Within the body dlt's Parquet files take any number of digits; what was rounded is noted once."""
    from dlt.common.data_writers.writers import ParquetDataWriter

    with patches.wrapped(ParquetDataWriter, "write_data", lambda original: _rounding(original, steps)):
        yield


def _rounding(original: typing.Any, steps: Steps) -> typing.Any:
    def write_data(self: typing.Any, items: typing.Any) -> None:
        before = self.items_count
        try:
            original(self, items)
        except ValueError as exc:  # Arrow's own errors are such
            if "decimal" not in str(exc).lower() or not _round(self.schema, items, steps):
                raise
            self.items_count = before
            original(self, items)

    return write_data


def _round(schema: typing.Any, items: typing.Any, steps: Steps) -> bool:
    """Rounds, in place, what has more digits than its column holds; returns whether there was any."""
    changed = False
    for field in schema:
        scale = getattr(field.type, "scale", None)
        if scale is None:
            continue
        for row in items:
            value = row.get(field.name)
            if isinstance(value, decimal.Decimal) and has_more_digits(value, scale):
                row[field.name] = to_scale(value, scale)
                changed = True
                steps.note(told(field.name, scale))
    return changed


def has_more_digits(value: decimal.Decimal, scale: int) -> bool:
    """Whether a number has more than ``scale`` digits after the point."""
    return value.is_finite() and -int(value.as_tuple().exponent) > scale


def to_scale(value: decimal.Decimal, scale: int) -> decimal.Decimal:
    """The number rounded to ``scale`` digits after the point, halves away from zero."""
    return value.quantize(decimal.Decimal(1).scaleb(-scale), context=_EXACT)


def told(column: str, scale: int, most: int | None = None) -> str:
    """What people are told of it. ``most``: the digits that the destination holds, where those are why."""
    rounded = f"column {column}: rounded to {scale} digits after the point; "
    if most is not None:
        return rounded + f"the destination holds {most} digits in a number, those before the point among them"
    return rounded + "give the column a scale where it needs more (dlt's columns hint)"
