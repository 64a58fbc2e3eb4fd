"""The sources that the tests run. Each takes ``upto``: the last id that the far side has by now."""
# mypy: disable-error-code="untyped-decorator"

from __future__ import annotations

import os
import signal
import typing
from collections.abc import Iterator
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal

import dlt


def rows(first: int, last: int) -> list[dict[str, typing.Any]]:
    """Orders ``first`` to ``last``, with two lines each and text that is hard to quote."""
    return [
        {"id": i, "said": f"it's ({i}), \\ 'E'\nend", "lines": [{"n": 1}, {"n": i}]}
        for i in range(first, last + 1)
    ]


def die() -> None:
    """What the kernel does when it must."""
    os.kill(os.getpid(), signal.SIGKILL)


def _orders(upto: int, disposition: typing.Any, key: str | None, name: str = "orders") -> typing.Any:
    @dlt.resource(name=name, write_disposition=disposition, primary_key=key)
    def orders(at: typing.Any = dlt.sources.incremental("id", initial_value=0)) -> Iterator[typing.Any]:
        yield rows(at.last_value + 1, upto)

    return orders


@dlt.source(name="shop")
def append(upto: int = 10) -> typing.Any:
    return _orders(upto, "append", None)


@dlt.source(name="shop")
def merge(upto: int = 10) -> typing.Any:
    return _orders(upto, "merge", "id")


@dlt.source(name="shop")
def long_names(upto: int = 10) -> typing.Any:
    """Tables, nested tables and columns with longer names than a database takes."""
    long = "a_name_of_many_words_" * 5

    @dlt.resource(name=f"orders_{long}", write_disposition="merge", primary_key="id")
    def orders(at: typing.Any = dlt.sources.incremental("id", initial_value=0)) -> Iterator[typing.Any]:
        for row in rows(at.last_value + 1, upto):
            yield {**row, f"{long}text": "a", f"{long}lines": [{f"{long}number": row["id"]}]}

    return orders


@dlt.source(name="shop")
def merge_without_key(upto: int = 10) -> typing.Any:
    return _orders(upto, "merge", None)


@dlt.source(name="shop")
def replace(upto: int = 10) -> typing.Any:
    @dlt.resource(name="orders", write_disposition="replace")
    def orders() -> Iterator[typing.Any]:
        yield rows(1, upto)

    return orders


@dlt.source(name="shop")
def arrow(upto: int = 10) -> typing.Any:
    import pyarrow

    @dlt.resource(name="orders", write_disposition="append")
    def orders(at: typing.Any = dlt.sources.incremental("id", initial_value=0)) -> Iterator[typing.Any]:
        ids = list(range(at.last_value + 1, upto + 1))
        yield pyarrow.table({"id": pyarrow.array(ids, pyarrow.int64())})

    return orders


@dlt.source(name="shop")
def two(upto: int = 10) -> typing.Any:
    return _orders(upto, "append", None), _orders(upto, "append", None, "returns")


@dlt.source(name="shop")
def dies_while_extracting(upto: int = 10) -> typing.Any:
    @dlt.resource(name="orders", write_disposition="append")
    def orders(at: typing.Any = dlt.sources.incremental("id", initial_value=0)) -> Iterator[typing.Any]:
        yield rows(at.last_value + 1, upto - 1)
        die()

    return orders


@dlt.source(name="shop")
def fails_while_extracting(upto: int = 10) -> typing.Any:
    @dlt.resource(name="orders", write_disposition="append")
    def orders(at: typing.Any = dlt.sources.incremental("id", initial_value=0)) -> Iterator[typing.Any]:
        yield rows(at.last_value + 1, upto - 1)
        raise ValueError("page 2 is broken")

    return orders


@dlt.source(name="shop")
def new_column(upto: int = 10) -> typing.Any:
    @dlt.resource(name="orders", write_disposition="append")
    def orders(at: typing.Any = dlt.sources.incremental("id", initial_value=0)) -> Iterator[typing.Any]:
        yield [{**row, "added": "x"} for row in rows(at.last_value + 1, upto)]

    return orders


@dlt.source(name="shop")
def pages(upto: int = 10) -> typing.Any:
    """Newest first, a row a page: what a limited run must not take the cursor from."""

    @dlt.resource(name="orders", write_disposition="append")
    def orders(at: typing.Any = dlt.sources.incremental("id", initial_value=0)) -> Iterator[typing.Any]:
        for i in range(upto, at.last_value, -1):
            yield rows(i, i)

    return orders


@dlt.source(name="shop")
def dated(upto: int = 10) -> typing.Any:
    """Cursors and state that JSON has no words for."""
    start = datetime(2026, 1, 1, tzinfo=timezone.utc)

    @dlt.resource(name="orders", write_disposition="append")
    def orders(at: typing.Any = dlt.sources.incremental("at", initial_value=start)) -> Iterator[typing.Any]:
        kept = dlt.current.resource_state()
        kept["price"] = Decimal("1.10")
        kept["seen"] = [*kept.get("seen", []), upto]
        yield [
            {"id": i, "at": start + timedelta(days=i)}
            for i in range(1, upto + 1)
            if start + timedelta(days=i) > at.last_value
        ]

    return orders


@dlt.source(name="history")
def history(upto: int = 10) -> typing.Any:
    @dlt.resource(name="people", write_disposition={"disposition": "merge", "strategy": "scd2"})
    def people() -> Iterator[typing.Any]:
        yield [{"id": 1, "city": f"city {upto}"}]

    return people, _orders(upto, "append", "id")


@dlt.source(name="other")
def other(upto: int = 10) -> typing.Any:
    return _orders(upto, "append", None, "invoices")


@dlt.source(name="other")
def rival(upto: int = 10) -> typing.Any:
    """Another source that loads into the same table as ``append``."""
    return _orders(upto, "append", None)


@dlt.resource(name="orders", write_disposition="append")
def bare(
    upto: int = 10, at: typing.Any = dlt.sources.incremental("id", initial_value=0)
) -> Iterator[typing.Any]:
    yield rows(at.last_value + 1, upto)


def nothing(upto: int = 10) -> list[typing.Any]:
    """No resource at all."""
    return []


def several_schemas(upto: int = 10) -> list[typing.Any]:
    return [append(upto), other(upto)]


def touched(upto: int) -> dict[int, int]:
    """What a table that is merged into holds after ``upto`` events: each id's newest event."""
    return {(event + 1) // 2: event for event in range(1, upto + 1)}


def snapshot(upto: int) -> dict[int, str]:
    """Who is among the people after ``upto``, and where: one moves, one stays, one comes and goes."""
    there = {1: f"city {upto // 10}", 2: "city 0"}
    return {**there, 3: "city 3"} if upto // 10 % 2 else there


def _touched(name: str, upto: int, strategy: str) -> typing.Any:
    @dlt.resource(
        name=name, write_disposition={"disposition": "merge", "strategy": strategy}, primary_key="id"
    )
    def changed(at: typing.Any = dlt.sources.incremental("event", initial_value=0)) -> Iterator[typing.Any]:
        for number, event in touched(upto).items():
            if event > at.last_value:
                yield {"id": number, "event": event, "lines": [{"n": 1}, {"n": event}]}

    return changed


@dlt.source(name="shop")
def every(
    upto: int = 10, bad: bool = False, kinds: typing.Sequence[str] = ("append", "replace")
) -> typing.Any:
    """A resource of each kind, named after it: what is merged changes with time, people have a history.

    ``bad`` gives the first row that is appended a number that no column of integers holds.
    """

    @dlt.resource(name="append", write_disposition="append")
    def append(at: typing.Any = dlt.sources.incremental("id", initial_value=0)) -> Iterator[typing.Any]:
        for number, row in enumerate(rows(at.last_value + 1, upto)):
            yield {**row, "big": 2**63 + 5 if bad and number == 0 else number}

    @dlt.resource(name="replace", write_disposition="replace")
    def replace() -> Iterator[typing.Any]:
        yield rows(1, upto)

    @dlt.resource(name="scd2", write_disposition={"disposition": "merge", "strategy": "scd2"})
    def people() -> Iterator[typing.Any]:
        yield [
            {"id": number, "city": city, "lines": [{"n": 1}, {"n": 2}]}
            for number, city in snapshot(upto).items()
        ]

    made = {"append": append, "replace": replace, "scd2": people}
    for name, strategy in (("merge", "delete-insert"), ("upsert", "upsert")):
        made[name] = _touched(name, upto, strategy)
    return [made[kind] for kind in kinds]


def every_and_other(upto: int = 10, **more: typing.Any) -> list[typing.Any]:
    """``every``, with a source of another schema behind it."""
    return [every(upto, **more), other(upto)]


@dlt.source(name="shop")
def whole(upto: int = 10) -> typing.Any:
    """All rows each time, appended: no cursor."""
    return dlt.resource(rows(1, upto), name="orders", write_disposition="append")


@dlt.source(name="shop")
def remembered(upto: int = 10) -> typing.Any:
    """Goes by a state of its own."""

    @dlt.resource(name="orders", write_disposition="append")
    def orders() -> Iterator[typing.Any]:
        state = dlt.current.resource_state()
        first, state["last"] = state.get("last", 0) + 1, upto
        yield rows(first, upto)

    return orders


DAY_ONE = datetime(2026, 1, 1, tzinfo=timezone.utc)
BOUNDS: list[tuple[typing.Any, typing.Any]] = []
"""What cursors were given, run by run, in this process."""


@dlt.resource(name="orders", write_disposition="merge", primary_key="id")
def bare_days(
    upto: int = 10,
    at: typing.Any = dlt.sources.incremental[datetime]("at"),
    other: dlt.sources.incremental[datetime] | None = None,
) -> Iterator[typing.Any]:
    yield [{"id": i, "at": DAY_ONE + timedelta(days=i - 1)} for i in range(1, upto + 1)]


def _perhaps(upto: int = 10, at: typing.Any = None) -> Iterator[typing.Any]:
    yield [{"id": i, "at": DAY_ONE + timedelta(days=i - 1)} for i in range(1, upto + 1)]


# a real annotation: dlt reads none that is a text
_perhaps.__annotations__["at"] = dlt.sources.incremental[datetime] | None
perhaps_days = dlt.resource(_perhaps, name="orders", write_disposition="merge", primary_key="id")


def returning_days(upto: int = 10) -> typing.Any:
    """A resource whose function returns another one, as verified sources do."""

    @dlt.resource(name="orders", write_disposition="merge", primary_key="id")
    def orders() -> dlt.sources.DltResource:
        return bare_days(upto)

    return orders


def rest_days(url: str, start: typing.Any) -> typing.Any:
    """dlt's rest_api over rows of days: JSON has no times, so a step makes them."""
    from dlt.sources.rest_api import rest_api_source

    def timed(row: dict[str, typing.Any]) -> dict[str, typing.Any]:
        return {**row, "at": datetime.fromisoformat(row["at"])}

    endpoint = {
        "path": "orders",
        "params": {"since": "{incremental.start_value}", "until": "{incremental.end_value}"},
        "incremental": {"cursor_path": "at", "initial_value": start},
    }
    orders: dict[str, typing.Any] = {"name": "orders", "primary_key": "id", "write_disposition": "merge"}
    steps = [] if isinstance(start, str) else [{"map": timed}]
    config: typing.Any = {
        "client": {"base_url": url, "paginator": "single_page"},
        "resources": [{**orders, "endpoint": endpoint, "processing_steps": steps}],
    }
    return rest_api_source(config, name="shop")


def sql_days(url: str) -> typing.Any:
    """dlt's sql_database over two tables, of which one has a cursor."""
    from dlt.sources.sql_database import sql_database

    source = sql_database(url, table_names=["orders", "shops"], backend="sqlalchemy")
    cursor: typing.Any = dlt.sources.incremental("at", initial_value=datetime(2026, 1, 1))
    source.orders.apply_hints(incremental=cursor, write_disposition="merge", primary_key="id")
    return source


@dlt.source(name="shop")
def days(
    upto: int = 10,
    disposition: str = "append",
    begins: str | None = None,
    kind: str = "datetime",
    one_by_one: bool = False,
    fails: bool = False,
    **hints: typing.Any,
) -> typing.Any:
    """An order for each day of January 2026, up to day ``upto``, with a cursor of a kind."""
    made: dict[str, typing.Callable[[datetime], typing.Any]] = {
        "datetime": lambda at: at,
        "date": lambda at: at.date(),
        "int": lambda at: int(at.timestamp()),
        "float": lambda at: at.timestamp(),
        "str": lambda at: at.isoformat(),
        "none": lambda at: at,
    }
    types = {"datetime": datetime, "date": date, "int": int, "float": float, "str": str, "none": typing.Any}
    start = made[kind](datetime.fromisoformat(begins).replace(tzinfo=timezone.utc)) if begins else None
    cursor: typing.Any = dlt.sources.incremental[types[kind]]("at", initial_value=start, **hints)

    @dlt.resource(name="orders", write_disposition=disposition, primary_key="id")
    def orders(at: typing.Any = cursor) -> Iterator[typing.Any]:
        BOUNDS.append((at.initial_value, at.end_value))
        found = [
            {"id": i, "at": made[kind](DAY_ONE + timedelta(days=i - 1)), "lines": [{"n": 1}, {"n": 2}]}
            for i in range(1, upto + 1)
        ]
        if one_by_one:
            yield from found
        else:
            yield found
        if fails:
            raise ValueError("page 2 is broken")

    @dlt.transformer(data_from=orders, name="returns", write_disposition="append")
    def returns(rows: typing.Any) -> Iterator[typing.Any]:
        yield [{"id": row["id"]} for row in (rows if isinstance(rows, list) else [rows])]

    @dlt.resource(name="shops", write_disposition="append")
    def shops() -> Iterator[typing.Any]:
        yield [{"id": 1}]

    return orders, shops, returns
