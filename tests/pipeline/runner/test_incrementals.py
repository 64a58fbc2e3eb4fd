"""Incrementals that the newest dlt can't run by itself load their rows, and only what is new."""

from __future__ import annotations

import sqlite3

import pytest

from tests.pipeline.runner.box import Box

KINDS = {
    "an annotation of any type": 'at: Optional[Any] = dlt.sources.incremental("day", initial_value=0)',
    "an annotation of any type, and no initial value": 'at: Optional[Any] = dlt.sources.incremental("day")',
    "the cursor's own type": 'at: Optional[int] = dlt.sources.incremental("day", initial_value=0)',
    "an optional cursor without its type": (
        'at: Optional[dlt.sources.incremental] = dlt.sources.incremental("day", initial_value=0)'
    ),
    "an optional cursor with its type": (
        'at: Optional[dlt.sources.incremental[int]] = dlt.sources.incremental("day", initial_value=0)'
    ),
    "one that a scheduler may steer": (
        'at=dlt.sources.incremental("day", initial_value=0, allow_external_schedulers=True)'
    ),
    "one with a type that a scheduler may steer": (
        'at: dlt.sources.incremental[int] = dlt.sources.incremental("day", allow_external_schedulers=True)'
    ),
}
SHOP = """
import dlt
from typing import Any, Optional

@dlt.source
def orders(upto: int = 1):
    @dlt.resource(name="orders")
    def rows({argument}):
        yield [{{"id": day, "day": day}} for day in range(1, upto + 1)]
    return rows
"""


@pytest.mark.parametrize("kind", KINDS)
def test_it_runs_and_goes_by_its_cursor(box: Box, kind: str) -> None:
    box.write("shop.py", SHOP.format(argument=KINDS[kind]))
    first = box.run(kwargs={"upto": 2})
    assert first.stored.failure is None, first.log
    second = box.run(kwargs={"upto": 3})
    assert second.stored.failure is None, second.log
    assert second.stored.rows == {"orders": 1}
    assert box.rows("SELECT id FROM raw_shop.orders ORDER BY id") == [(1,), (2,), (3,)]


def test_a_scheduler_that_gives_an_interval_is_obeyed_and_the_cursor_stays(box: Box) -> None:
    box.write(
        "shop.py",
        """
        import dlt
        from datetime import datetime, timezone

        STEERED = dlt.sources.incremental("at", allow_external_schedulers=True)

        @dlt.resource
        def orders(at: dlt.sources.incremental[datetime] = STEERED):
            yield [{"id": day, "at": datetime(2026, 1, day, tzinfo=timezone.utc)} for day in range(1, 10)]
        """,
    )
    interval = {"DLT_INTERVAL_START": "2026-01-03T00:00:00Z", "DLT_INTERVAL_END": "2026-01-05T00:00:00Z"}
    ran = box.run(env=interval)
    assert ran.stored.failure is None, ran.log
    assert box.rows("SELECT id FROM raw_shop.orders ORDER BY id") == [(3,), (4,)]
    assert ran.stored.cursors == {}


RETURNS_ANOTHER = """
import dlt

def documents(upto):
    yield [{"id": number} for number in range(upto)]

@dlt.resource(name=lambda args: args["collection"], standalone=True)
def orders(collection: str, upto: int = 2):
    return dlt.resource(documents, name=collection, primary_key="id", write_disposition="append")(upto)
"""


@pytest.mark.parametrize(("disposition", "rows"), [(None, 4), ("merge", 2)])
def test_a_resource_that_returns_another_is_run_as_that_one_with_its_keys(
    box: Box, disposition: str | None, rows: int
) -> None:
    box.write("shop.py", RETURNS_ANOTHER)
    for _ in range(2):
        ran = box.run(kwargs={"collection": "users"}, write_disposition=disposition)
        assert ran.stored.failure is None, ran.log
    assert box.rows("SELECT count(*) FROM raw_shop.users") == [(rows,)]


def test_a_resource_that_returns_rows_is_still_refused_a_merge_without_a_key(box: Box) -> None:
    box.write("shop.py", "import dlt\n@dlt.resource\ndef orders():\n    return [{'id': 1}]\n")
    failure = box.run(write_disposition="merge").failure
    assert failure.message == "write_disposition: merge needs a key, and resource 'orders' has none"


DATES = """
import dlt
from datetime import datetime, timezone

ROWS = [{"id": day, "at": datetime(2026, 1, day, tzinfo=timezone.utc)} for day in range(1, 5)]

def after(start):
    # as a database compares them: a text is after no date, and nothing is raised
    return [row for row in ROWS if isinstance(start, datetime) and row["at"] >= start]

@dlt.source
def orders(at: dlt.sources.incremental = None):
    return dlt.resource(rows, name="orders")(at)

def rows(at: dlt.sources.incremental = None):
    yield after(at.last_value)

@dlt.resource(name="orders")
def typed(at: dlt.sources.incremental[datetime] = dlt.sources.incremental("at")):
    yield after(at.last_value)

@dlt.resource(name="orders")
def begun(at=dlt.sources.incremental("at", initial_value=datetime(2020, 1, 1, tzinfo=timezone.utc))):
    yield after(at.last_value)
"""
START = "2026-01-03T00:00:00+00:00"


@pytest.mark.parametrize(
    ("function", "given"),
    [
        ("orders", {"cursor_path": "at", "initial_value": f"!!timestamp {START}"}),
        ("orders", {"cursor_path": "at", "initial_value": "!!timestamp 2026-01-03"}),
        ("typed", {"initial_value": START}),
        ("typed", START),
        ("begun", {"initial_value": START}),
        ("begun", START),
    ],
)
def test_a_cursor_is_given_a_point_in_time(box: Box, function: str, given: object) -> None:
    box.write("shop.py", DATES)
    ran = box.run(function=function, kwargs={"at": given})
    assert ran.stored.failure is None, ran.log
    assert box.rows("SELECT id FROM raw_shop.orders ORDER BY id") == [(3,), (4,)]


def test_a_cursor_at_a_text_that_finds_no_date_is_told_and_never_taken_for_nothing_new(box: Box) -> None:
    box.write("shop.py", DATES)
    for _ in range(2):
        ran = box.run(kwargs={"at": {"cursor_path": "at", "initial_value": "2026-01-01"}})
        assert ran.stored.first_run
        assert ran.stored.rows == {}
        (note,) = ran.stored.notes
        assert note.startswith("orders.at: no row came, and the cursor begins at a text ('2026-01-01')")
        assert "!!timestamp 2026-01-01" in note


@pytest.mark.parametrize(
    ("start", "rows"), [("2026-01-03T00:00:00", None), ("!!timestamp 2026-01-03T00:00:00", 2)]
)
def test_the_cursor_of_a_databases_table_begins_at_a_point_in_time_and_a_text_is_told(
    box: Box, start: str, rows: int | None
) -> None:
    with sqlite3.connect(box.root / "shop.db") as database:
        database.execute("CREATE TABLE orders (id INTEGER, at TIMESTAMP)")
        for day in range(1, 5):
            database.execute("INSERT INTO orders VALUES (?, ?)", (day, f"2026-01-{day:02} 00:00:00.000000"))
    address = f"sqlite:///{box.root}/shop.db"
    cursor = {"cursor_path": "at", "initial_value": start}
    kwargs = {"credentials": address, "table": "orders", "incremental": cursor}
    ran = box.run(module="sql_database", function="sql_table", kwargs=kwargs)
    assert ran.stored.rows == ({"orders": rows} if rows else {})
    if rows is None:
        assert (
            ran.failure.hint == f"if the source has dates, begin at one: initial_value: !!timestamp {start}"
        )


def test_a_setting_that_no_cursor_has_is_refused(box: Box) -> None:
    box.write("shop.py", DATES)
    failure = box.run(function="typed", kwargs={"at": {"cursor": "at"}}).failure
    assert "wants a cursor's settings (cursor_path, initial_value, …) for 'at'" in failure.message
