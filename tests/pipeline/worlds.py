"""What must be in a destination after the last sync, compared row by row with what is."""

from __future__ import annotations

import typing
from collections import Counter
from itertools import pairwise
from pathlib import Path

from tests.pipeline import sources
from tests.pipeline.sandbox import FileSandbox, SqlSandbox, duck, files, in_postgres

KINDS = {
    "duckdb": ("append", "merge", "upsert", "replace", "scd2"),
    "postgres": ("append", "merge", "upsert", "replace", "scd2"),
    "jsonl": ("append", "replace"),
    "parquet": ("append", "replace"),
}
"""The resources of ``sources.every`` that each destination can hold: plain files can't be merged into."""
STRATEGIES = {
    "duckdb": ("truncate-and-insert", "insert-from-staging"),
    "postgres": ("truncate-and-insert", "insert-from-staging", "staging-optimized"),
    "jsonl": ("truncate-and-insert",),
    "parquet": ("truncate-and-insert",),
}
"""The ways in which each destination replaces a table."""
WORLDS = [f"{name} {strategy}" for name, strategies in STRATEGIES.items() for strategy in strategies]


class World:
    """One project that loads a table of each kind, in several files each."""

    def __init__(self, root: Path, name: str, postgres: str | None = None, several: bool = False) -> None:
        self.destination, strategy = name.split()
        if self.destination == "duckdb":
            self.box: SqlSandbox | FileSandbox = duck(root)
        elif self.destination == "postgres":
            assert postgres is not None
            self.box = in_postgres(root, postgres)
        else:
            self.box = files(root, self.destination)
        self.kinds = KINDS[self.destination]
        self.function = "every_and_other" if several else "every"
        self.tables = (*self.kinds, "invoices") if several else self.kinds
        self.box.environment |= {
            "DESTINATION__REPLACE_STRATEGY": strategy,
            "NORMALIZE__DATA_WRITER__FILE_MAX_ITEMS": "8",
        }

    def kwargs(self, upto: int, **more: typing.Any) -> dict[str, typing.Any]:
        return {"upto": upto, "kinds": list(self.kinds), **more}

    def sync(self, upto: int, **changes: typing.Any) -> typing.Any:
        """An undisturbed sync in this process."""
        return self.box.run(self.function, kwargs=self.kwargs(upto), **changes)

    def begun(self, upto: int) -> None:
        """What a first sync leaves (``Sandbox.begun``)."""
        self.box.begun(self.function, kwargs=self.kwargs(upto))

    def killed(self, upto: int, kill: str, table: str = "append", **changes: typing.Any) -> None:
        """A sync that dies at the point."""
        self.box.killed(self.function, kill, table, kwargs=self.kwargs(upto), **changes)

    def faults(self, upto: int) -> list[str]:
        """What isn't as an undisturbed sync up to there would have left it, in words."""
        with self.box.opened():
            return [
                *(fault for kind in self.tables for fault in _table(self.box, kind, upto)),
                *_loads(self.box, self.tables),
            ]

    def whole(self, upto: int) -> None:
        """Asserts that there are no faults."""
        assert self.faults(upto) == []


def _table(box: SqlSandbox | FileSandbox, kind: str, upto: int) -> typing.Iterator[str]:
    rows, lines = box.rows(kind), box.rows(f"{kind}__lines")
    if kind == "scd2":
        yield from _history(rows, upto)
    elif kind in ("merge", "upsert"):
        yield from _differ(
            f"{kind}: events", [(r["id"], r["event"]) for r in rows], sources.touched(upto).items()
        )
    else:
        yield from _differ(f"{kind}: ids", [r["id"] for r in rows], range(1, upto + 1))
    keys = Counter(row["_dlt_id"] for row in rows)
    if kind != "scd2":  # where a row that comes again has the same key
        yield from (f"{kind}: row {key} is there {count} times" for key, count in keys.items() if count > 1)
    children = Counter(line["_dlt_parent_id"] for line in lines)
    orphans = sum(count for parent, count in children.items() if parent not in keys)
    if orphans:
        yield f"{kind}: {orphans} lines without a row"
    wrong = Counter(children[key] for key in keys if children[key] != 2)
    if wrong:
        yield f"{kind}: rows with other than two lines: {dict(wrong)}"


def _differ(what: str, found: typing.Iterable[typing.Any], wanted: typing.Iterable[typing.Any]) -> list[str]:
    there, due = Counter(found), Counter(wanted)
    lost, more = sorted((due - there).elements()), sorted((there - due).elements())
    return [f"{what}: {len(lost)} lost {lost[:5]}, {len(more)} too many {more[:5]}"] if lost or more else []


def _history(rows: list[dict[str, typing.Any]], upto: int) -> typing.Iterator[str]:
    now = [(row["id"], row["city"]) for row in rows if row["_dlt_valid_to"] is None]
    yield from _differ("scd2: people now", now, sources.snapshot(upto).items())
    for number in sorted({row["id"] for row in rows}):
        past = sorted((row for row in rows if row["id"] == number), key=lambda row: row["_dlt_valid_from"])
        told = [(row["city"], str(row["_dlt_valid_from"]), str(row["_dlt_valid_to"])) for row in past]
        if any(row["_dlt_valid_to"] is None for row in past[:-1]):
            yield f"scd2: person {number} is in two places: {told}"
        if number < 3:
            for before, after in pairwise(past):
                if before["city"] == after["city"] or before["_dlt_valid_to"] != after["_dlt_valid_from"]:
                    yield f"scd2: person {number}'s history has a hole or a step that is none: {told}"


def _loads(box: SqlSandbox | FileSandbox, tables: typing.Iterable[str]) -> typing.Iterator[str]:
    loads = Counter(str(row["load_id"]) for row in box.rows("_dlt_loads"))
    yield from (f"_dlt_loads: {load} is there {count} times" for load, count in loads.items() if count > 1)
    for kind in tables:
        unknown = {str(row["_dlt_load_id"]) for row in box.rows(kind)} - set(loads)
        if unknown:
            yield f"{kind}: rows of loads that never ended: {sorted(unknown)}"
