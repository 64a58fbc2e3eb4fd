"""Incrementals that the newest dlt can't run by itself load their rows, and only what is new."""

from __future__ import annotations

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
