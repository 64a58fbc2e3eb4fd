"""Random sources, each made from a seed: tables, steps, hints, contracts, ways to yield."""

from __future__ import annotations

import asyncio
import copy
import datetime as dt
import decimal
import itertools
import random
import typing
import uuid
from collections.abc import Callable, Iterator

from tests.pipeline.same_steps import with_step

UTC = dt.timezone.utc
NAMES = (
    "Name first_name firstName UPPER ünï 1st select value _x a__b a.b x y z camelCaseName when amount".split()
    + [
        "first name",
        " ",
        "",
        "éa",
        "very_long_" + "n" * 70,
        "_dlt_id",
        "_dlt_load_id",
        "_dlt_list_idx",
        "list",
    ]
)
SHAPES = "rows rows rows rows list pages mixed marked hinted async parallel defer child fails reused".split()
"""How a resource yields its rows."""
Make = Callable[[], typing.Any]
Row = dict[str, typing.Any]


def kinds(r: random.Random) -> dict[str, Make]:
    """What a column may hold."""

    def moment() -> dt.datetime:
        seconds = dt.timedelta(seconds=r.randrange(10**8), microseconds=r.choice([0, 0, 123456]))
        return dt.datetime(2020, 1, 1, tzinfo=UTC) + seconds

    def some(*values: typing.Any) -> Make:
        return lambda: r.choice(values)

    def listed(make: Make, most: int = 3) -> Make:
        return lambda: [make() for _ in range(r.randrange(most + 1))]

    flat: dict[str, Make] = {
        "int": lambda: r.randrange(-1000, 1000),
        "float": some(0.5, 1.0, -3.25, 1e300),
        "bool": some(True, False),
        "text": some("a", "", "héllo", "x" * 50, " lead", "1", "true"),
        "iso": lambda: moment().isoformat(),
        "moment": moment,
        "date": lambda: moment().date(),
        "decimal": lambda: decimal.Decimal(r.randrange(-(10**6), 10**6)) / 100,
        "bytes": lambda: bytes(r.randrange(256) for _ in range(3)),
        "none": some(None),
    }
    odd: dict[str, Make] = {
        "big": some(2**62, 2**63 - 1, -(2**63)),
        "huge": some(1, 2**64),
        "nan": some(1.5, float("nan"), float("inf")),
        "number": some(1, 2.5),
        "iso naive": lambda: moment().replace(tzinfo=None).isoformat(),
        "iso z": lambda: moment().strftime("%Y-%m-%dT%H:%M:%SZ"),
        "iso or not": lambda: r.choice([moment().isoformat(), "n/a"]),
        "date text": lambda: moment().date().isoformat(),
        "naive": lambda: moment().replace(tzinfo=None),
        "zone": lambda: moment().astimezone(dt.timezone(dt.timedelta(hours=r.choice([2, -5])))),
        "time": lambda: moment().time(),
        "whole decimal": lambda: decimal.Decimal(r.randrange(100)),
        "uuid": lambda: uuid.UUID(int=r.getrandbits(128)),
        "mixed": some(1, "one", 2.5, True),
        "moment or else": lambda: r.choice([moment(), "text", 5]),
        "number text": some(1, "2"),
        "text number": some("2", 3),
        "bool number": some(True, 1, 0),
        "pua": lambda: "\uf026" + r.choice(["1.5", "x", ""]),
    }
    leaf = {**flat, **odd}
    item = {name: leaf[name] for name in r.sample(sorted(leaf), 3)}

    def inner() -> Row:
        return {name: make() for name, make in item.items() if r.random() < 0.9}

    nested: dict[str, Make] = {
        "dict": lambda: {"a": r.randrange(5), "B b": "x", **inner()},
        "deep dict": lambda: {"d": {"e": inner(), "f": [inner()]}, "g": r.choice([None, {"h": 1}, 3])},
        "list": listed(lambda: r.randrange(5)),
        "text list": listed(flat["text"]),
        "moment list": listed(moment),
        "none list": listed(some(None, 1)),
        "list of dicts": listed(inner),
        "list of lists": listed(listed(lambda: r.randrange(3))),
        "deep list": listed(lambda: {"k": r.randrange(9), "l": [inner() for _ in range(2)], "m": [1, 2]}),
        "list or none": lambda: r.choice([None, [], [inner()]]),
        "list or text": lambda: r.choice(["text", [1]]),
        "dict or none": lambda: r.choice([None, inner()]),
        "empty dict": some({}, {"a": {}}, [{}]),
    }
    r.shuffle(order := sorted(odd))
    return {**flat, **{name: odd[name] for name in order[:6]}, **(nested if r.random() < 0.5 else {})}


class Table:
    """Rows of one resource in all runs of a case."""

    def __init__(self, r: random.Random, runs: int) -> None:
        self.r = r
        makes = kinds(r)
        simple = [
            kind
            for kind in makes
            if kind in ("int", "text", "moment", "float", "bool", "date", "list of dicts")
        ]
        names = r.sample(NAMES, r.randrange(1, 9))
        if r.random() < 0.85:
            names = [name for name in names if not name.startswith("_dlt") and name.strip()]
        pick = simple if r.random() < 0.3 else list(makes)
        columns = {name: r.choice(pick) for name in names}
        self.columns = dict(columns)
        nulls = {name: r.choice([0, 0, 0.3, 0.9]) for name in names}
        missing = {name: r.choice([0, 0, 0, 0.3]) for name in names}
        self.rows: list[list[Row]] = []
        for run in range(runs):
            count = r.choice([0, 1, 3, 40, 40, 150, 250, 1203])
            late = {name: r.randrange(count + 1) for name in names if r.random() < 0.2}
            found = []
            for at in range(count):
                row: Row = {"id": at + run * 1000, "day": f"2024-01-{1 + at * 5 // (count + 1) + run:02}"}
                for name, kind in columns.items():
                    if r.random() >= missing[name] and at >= late.get(name, 0):
                        row[name] = None if r.random() < nulls[name] else makes[kind]()
                found.append(dict(reversed(row.items())) if r.random() < 0.05 else row)
            self.rows.append(found)
            if names and r.random() < 0.4:
                columns[r.choice(names)] = r.choice(list(makes))

    def hints(self) -> dict[str, typing.Any]:
        """Arguments of dlt.resource."""
        r = self.r
        found: dict[str, typing.Any] = {}
        x = r.random()
        if x < 0.25:
            found = {"write_disposition": "merge", "primary_key": "id"}
        elif x < 0.32:
            found = {"write_disposition": {"disposition": "merge", "strategy": "upsert"}, "primary_key": "id"}
        elif x < 0.37:
            found = {"write_disposition": {"disposition": "merge", "strategy": "scd2"}}
        elif x < 0.45:
            found = {"write_disposition": "replace"}
        y = r.random()
        if y < 0.1:
            kind = r.choice(["text", "double", "decimal", "bigint", "json"])
            found["columns"] = {r.choice(["id", *self.columns]): {"data_type": kind}}
        elif y < 0.15:
            found["columns"] = {"later": {"data_type": "json", "nullable": True}, "named": {"nullable": True}}
        elif y < 0.2:
            found["columns"] = {
                r.choice(["id", *self.columns]): {"data_type": "timestamp", "timezone": False}
            }
        elif y < 0.3 and "write_disposition" not in found:
            found["columns"] = _model(r)
        elif y < 0.34:
            found["table_name"] = lambda row: f"table_{row.get('id', 0) % 2}"
        elif y < 0.37:
            found["columns"] = lambda row: {"id": {"description": "row" if row else "none"}}
        if r.random() < 0.15:
            found["schema_contract"] = r.choice(
                [
                    {"columns": "discard_value"},
                    {"columns": "discard_row"},
                    {"data_type": "discard_value"},
                    {"data_type": "discard_row"},
                    {"columns": "freeze"},
                    {"data_type": "freeze"},
                    {"tables": "discard_value"},
                ]
            )
        if r.random() < 0.15:
            found["max_table_nesting"] = r.choice([0, 1, 2])
        return {name: hint for name, hint in found.items() if hint is not None}


def _model(r: random.Random) -> typing.Any:
    try:
        import pydantic
    except ImportError:
        return None
    some: typing.Any = typing.Any if r.random() < 0.5 else str | None
    return pydantic.create_model("Model", id=(int, ...), day=(str | None, None), y=(some, None))


class Case:
    """One source and how it is run. The same seed makes the same case."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.r = r = random.Random(seed)
        self.runs = r.choice([1, 2, 2, 3])
        self.stops = r.random() < 0.5
        self.tables = [Table(r, self.runs) for _ in range(r.choice([1, 1, 1, 2, 3]))]
        self.hints = [table.hints() for table in self.tables]
        self.settings: dict[str, str] = {}
        if r.random() < 0.15:
            self.settings["SCHEMA__NAMING"] = r.choice(["sql_cs_v1", "direct", "sql_ci_v1", "duck_case"])
        if r.random() < 0.2:
            self.settings["DATA_WRITER__BUFFER_MAX_ITEMS"] = str(r.choice([7, 100, 1000]))
        if r.random() < 0.1:
            self.settings["NORMALIZE__DATA_WRITER__FILE_MAX_ITEMS"] = str(r.choice([30, 400]))
        self.excludes = r.random() < 0.08
        self.root_key = r.choice([None, None, None, True, False])
        self.loads = seed % 6 == 0
        """Whether it goes as far as DuckDB; else the files that would be loaded are compared."""
        self.loader = r.choice(["parquet", "jsonl", "insert_values"] if self.loads else ["parquet", "jsonl"])
        self.shapes = [r.choice(SHAPES) for _ in self.tables]
        steps = "none none none map filter yield_map limit drops lists meta fails raises".split()
        self.steps = [[r.choice(steps) for _ in range(r.choice([1, 1, 2]))] for _ in self.tables]
        self.cursors = [self._cursor() if r.random() < 0.3 else None for _ in self.tables]
        self.shared = r.random() < 0.1

    def has_threads(self) -> bool:
        """Whether the order of rows is left to chance."""
        return bool({"async", "parallel", "defer"} & set(self.shapes))

    def seen_by_one(self) -> bool:
        """Whether there is no second generator beside the first."""
        return len(self.tables) == 1

    def may_fail_twice(self) -> bool:
        """Whether several resources may fail in extract: the turn decides which is first."""
        parts = zip(self.shapes, self.steps, self.cursors, self.hints, strict=True)
        return (
            sum(
                shape == "fails"
                or "fails" in steps
                or cursor is not None
                or bool({"columns", "table_name"} & {*hints})
                for shape, steps, cursor, hints in parts
            )
            > 1
        )

    def told(self) -> str:
        """What stands out in the case."""
        return (
            f"{self.shapes} {self.steps} {self.cursors} {self.settings} {self.loader} {self.runs} runs\n"
            f"  {self.hints} {[table.columns for table in self.tables]}"
        )[:1500]

    def _cursor(self) -> dict[str, typing.Any]:
        r = self.r
        found: dict[str, typing.Any] = {"cursor_path": r.choice(["id", "day", "day", "x"])}
        if r.random() < 0.3:
            found["on_cursor_value_missing"] = r.choice(["include", "exclude"])
        if r.random() < 0.3:
            found["primary_key"] = r.choice(["id", ["id", "day"], (), "nope"])
        if r.random() < 0.2:
            found["row_order"] = r.choice(["asc", "desc"])
        if r.random() < 0.2 and found["cursor_path"] == "id":
            found.update(initial_value=20, end_value=r.choice([None, 90]))
            found["lag"] = r.choice([None, 3])
        if r.random() < 0.1:
            found["last_value_func"] = min
        return found

    def format_at(self, step: str) -> dict[str, typing.Any]:
        """The argument that tells the file format, where this dlt takes it."""
        import inspect

        import dlt

        takes = inspect.signature(getattr(dlt.Pipeline, step)).parameters
        return {"loader_file_format": self.loader} if "loader_file_format" in takes else {}

    def source(self, run: int, logs: list[list[typing.Any]]) -> typing.Any:
        """The source for a run; what each generator sees is written to one of ``logs``."""
        import dlt

        resources = []
        for at, table in enumerate(self.tables):
            logs.append([])
            resources += self._resources(dlt, at, table, run, logs[-1])
        source = dlt.source(lambda: resources, name="src", root_key=self.root_key or False)()
        if self.root_key is None:
            source.root_key = None
        if self.excludes:
            source.schema.update_table(dlt.common.schema.utils.new_table("table_a", columns=[]))
            source.schema.tables["table_a"]["filters"] = {"excludes": ["re:^x", "re:^y"], "includes": []}
            source.schema._compile_settings()
        return source

    def _resources(
        self, dlt: typing.Any, at: int, table: Table, run: int, log: list[typing.Any]
    ) -> list[typing.Any]:
        r = random.Random(self.seed * 31 + at * 7 + run)
        rows = copy.deepcopy(table.rows[run])
        shape, name = self.shapes[at], f"table_{'a' if self.shared else 'abc'[at]}"
        hints = dict(self.hints[at])
        cursor = self.cursors[at]
        if self.shared and "table_name" not in hints:
            hints["table_name"] = name
        made: typing.Any = self._rows(dlt, shape, rows, r, log, hashed=cursor is not None)
        arguments = {"name": f"res_{at}" if self.shared else name, **hints}
        if shape == "list":
            resource = dlt.resource(rows or [{"id": 1}], **arguments)
        elif cursor is not None and shape == "rows" and r.random() < 0.7:

            def looks(since: typing.Any = dlt.sources.incremental(**cursor)) -> Iterator[typing.Any]:
                for number, row in enumerate(rows):
                    yield row
                    if number % 13 == 0 or number > len(rows) - 3:
                        log.append((str(since.last_value), since.start_out_of_range, since.end_out_of_range))
                    if since.start_out_of_range and number % 2:
                        return

            resource = dlt.resource(looks, **arguments)
            cursor = None
        else:
            resource = dlt.resource(made, parallelized=shape == "parallel", **arguments)
        for step in self.steps[at]:
            resource = with_step(dlt, resource, step, r)
        if cursor is not None:
            resource.apply_hints(incremental=dlt.sources.incremental(**cursor))
        if shape != "child":
            return [resource]

        def details(row: Row) -> Iterator[Row]:
            for number in range((row.get("id") or 0) % 3):
                yield {"of": row.get("id"), "number": number}

        return [resource, resource | dlt.transformer(details, name=f"details_{at}")]

    def _rows(
        self,
        dlt: typing.Any,
        shape: str,
        rows: list[Row],
        r: random.Random,
        log: list[typing.Any],
        *,
        hashed: bool,
    ) -> typing.Any:
        # ``hashed``: dlt hashes a row of the newest cursor value again after it was changed, runner.load.fast
        # when it is yielded
        def pages() -> Iterator[typing.Any]:
            rest = iter(rows)
            while page := list(itertools.islice(rest, r.choice([1, 3, 40]) if shape == "mixed" else 40)):
                yield page[0] if shape == "mixed" and len(page) == 1 else page
                if r.random() < 0.1:
                    yield r.choice([None, []])

        def one_by_one() -> Iterator[typing.Any]:
            try:
                for at, row in enumerate(rows):
                    if shape == "fails" and at > len(rows) * 0.8:
                        raise r.choice([ValueError, TypeError, KeyError])(f"row {at}")
                    if shape == "marked" and at % 17 == 5:
                        yield dlt.mark.with_table_name(row, "other")
                    elif shape == "hinted" and at == 5:
                        hints = dlt.mark.make_hints(
                            write_disposition="append", columns={"id": {"description": "five"}}
                        )
                        yield dlt.mark.with_hints(row, hints)
                    elif shape == "defer" and at % 3 == 0:
                        yield lambda row=row: row
                    else:
                        yield row
                    if shape == "reused" and not hashed:
                        row["day"] = "2024-02-01"
            finally:
                log.append("closed")

        async def awaited() -> typing.Any:
            for row in rows:
                await asyncio.sleep(0)
                yield row

        if shape in ("pages", "mixed"):
            return pages
        return awaited if shape == "async" else one_by_one
