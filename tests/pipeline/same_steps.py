"""Steps of the random sources in ``same_cases``."""

from __future__ import annotations

import random
import typing
from collections.abc import Iterator

Row = dict[str, typing.Any]


def with_step(dlt: typing.Any, resource: typing.Any, step: str, r: random.Random) -> typing.Any:
    """The resource with a step of this name, or as it is."""

    def number(row: typing.Any) -> int:
        return int(row.get("id") or 0) if isinstance(row, dict) else 0

    def twice(row: Row) -> Iterator[Row]:
        yield row
        if number(row) % 10 == 0:
            yield dict(row)

    def fails(row: Row) -> Row:
        if number(row) % 1000 == 33:
            raise kind("a step failed")
        return row

    kind = r.choice([ValueError, TypeError, KeyError])
    if step == "map":
        return resource.add_map(lambda row: {**row, "mapped": len(row)} if isinstance(row, dict) else row)
    if step == "filter":
        return resource.add_filter(lambda row: number(row) % 3 != 1)
    if step == "yield_map":
        return resource.add_yield_map(twice)
    if step == "limit":
        return resource.add_limit(r.choice([1, 7, 60]))
    if step == "drops":
        return resource.add_map(lambda row: None if number(row) % 5 == 2 else row)
    if step == "lists":
        return resource.add_map(lambda row: [row, {"id": 5}] if number(row) % 50 == 7 else row)
    if step == "meta":
        return resource.add_map(
            lambda row: dlt.mark.with_table_name(row, "marked") if number(row) % 40 == 9 else row
        )
    if step == "fails":
        return resource.add_map(fails) if r.random() < 0.3 else resource
    return resource
