"""Intervals of time, loaded beside what is new: each row once, no cursor moved, whatever is killed."""

from __future__ import annotations

import typing
from datetime import date, datetime, timezone

import dlt
import pytest

from runner.contract import FailureKind, Interval, Result, interval
from runner.explain.classify import JobFailed, StepError, classify
from tests.pipeline import sources
from tests.pipeline.sandbox import DuckSandbox

MERGE = {"days": {"disposition": "merge"}}


def january(first: int, end: int) -> Interval:
    return interval(f"2026-01-{first:02}", f"2026-01-{end:02}")


def load(sandbox: DuckSandbox, first: int, end: int, upto: int = 20, **changes: typing.Any) -> Result:
    """Loads the days from ``first`` to ``end``, which is not one of them."""
    ours = {name: changes.pop(name) for name in ("again", "fast", "limit", "full_refresh") if name in changes}
    resources = changes.pop("resources", ("orders",))
    arguments = {"upto": upto, **changes}
    return sandbox.run("days", interval=january(first, end), kwargs=arguments, resources=resources, **ours)


def sync(sandbox: DuckSandbox, upto: int = 20, **more: typing.Any) -> Result:
    return sandbox.run("days", kwargs={"upto": upto, **more}, resources=("orders",))


def begun(sandbox: DuckSandbox) -> Result:
    """A first sync, of days 10 to 12."""
    return sandbox.begun("days", kwargs={"upto": 12, "begins": "2026-01-10"}, resources=("orders",))


def refusal(sandbox: DuckSandbox, first: int, end: int, **changes: typing.Any) -> str:
    with pytest.raises((JobFailed, StepError)) as caught:
        load(sandbox, first, end, **changes)
    failure = classify(caught.value)
    assert failure.kind is FailureKind.CONFIGURATION
    return failure.message


@pytest.mark.parametrize("fast", [True, False])
@pytest.mark.parametrize("one_by_one", [True, False])
def test_an_interval_holds_its_start_and_not_its_end(
    sandbox: DuckSandbox, fast: bool, one_by_one: bool
) -> None:
    result = load(sandbox, 5, 8, fast=fast, one_by_one=one_by_one)
    assert sandbox.ids() == [5, 6, 7]
    assert result.rows == {"orders": 3, "orders__lines": 6}
    assert result.cursors == {}


def test_overlapping_intervals_leave_each_row_once_and_the_cursor_alone(sandbox: DuckSandbox) -> None:
    before = sync(sandbox, 12, disposition="merge", begins="2026-01-10").cursors
    for first, end in ((2, 6), (4, 11)):
        assert load(sandbox, first, end, disposition="merge").cursors == before
    assert sandbox.ids() == list(range(2, 13))
    result = sync(sandbox, 14, disposition="merge", begins="2026-01-10")
    assert result.rows["orders"] == 2
    assert sandbox.ids() == list(range(2, 15))


def test_an_append_before_what_syncs_load_comes_once(sandbox: DuckSandbox) -> None:
    before = begun(sandbox).cursors
    assert load(sandbox, 2, 10).cursors == before
    assert sync(sandbox, 13, begins="2026-01-10").rows["orders"] == 1
    assert sandbox.ids() == list(range(2, 14))


def test_an_interval_that_was_loaded_is_not_loaded_again_unless_asked(sandbox: DuckSandbox) -> None:
    load(sandbox, 2, 6, disposition="merge")
    load(sandbox, 6, 8, disposition="merge")
    result = load(sandbox, 3, 8, disposition="merge")
    assert result.rows == {}
    assert result.notes == (
        "orders: 2026-01-03T00:00:00Z to 2026-01-08T00:00:00Z was loaded before, and is not loaded again",
    )
    assert load(sandbox, 3, 8, disposition="merge", again=True).rows["orders"] == 5
    assert sandbox.ids() == list(range(2, 8))


def test_an_append_that_would_double_rows_is_refused(sandbox: DuckSandbox) -> None:
    begun(sandbox)
    assert "syncs load it from 2026-01-10" in refusal(sandbox, 5, 11)
    assert "syncs load it from 2026-01-10" in refusal(sandbox, 15, 18)
    load(sandbox, 5, 8)
    twice = "has loaded 2026-01-05T00:00:00Z to 2026-01-08T00:00:00Z: its rows would be there twice"
    assert twice in refusal(sandbox, 7, 10)
    assert twice in refusal(sandbox, 5, 8, again=True)
    assert sandbox.ids() == [5, 6, 7, 10, 11, 12]


def test_a_first_sync_after_intervals_that_appends_is_told(sandbox: DuckSandbox) -> None:
    load(sandbox, 5, 8)
    (note,) = sync(sandbox, 12).notes
    assert note.startswith("orders: appended from the cursor's beginning on, after intervals")
    assert sync(sandbox, 14).notes == ()


def test_a_first_sync_after_intervals_that_merges_has_nothing_to_tell(sandbox: DuckSandbox) -> None:
    load(sandbox, 5, 8, disposition="merge")
    assert sync(sandbox, 12, disposition="merge").notes == ()


@pytest.mark.parametrize(
    ("kill", "lost"),
    [
        ("extract_committed", False),
        ("job_committed", False),
        ("after_complete", False),
        ("before_complete", True),
        ("after_complete", True),
    ],
)
def test_an_interval_that_was_killed_comes_once(sandbox: DuckSandbox, kill: str, lost: bool) -> None:
    begun(sandbox)
    step: dict[str, typing.Any] = {
        "interval": january(3, 7),
        "kwargs": {"upto": 20},
        "resources": ("orders",),
    }
    sandbox.killed("days", kill, **step)
    if lost:
        sandbox.lose_state()
    sandbox.run("days", **step)
    load(sandbox, 7, 10)
    assert sandbox.ids() == list(range(3, 13))
    assert sync(sandbox, 13, begins="2026-01-10").rows["orders"] == 1
    assert sandbox.ask("SELECT count(*) FROM raw_shop.orders__lines") == [(2 * len(range(3, 14)),)]


def test_an_interval_that_fails_is_not_counted_as_loaded(sandbox: DuckSandbox) -> None:
    step: dict[str, typing.Any] = {"interval": january(3, 7), "resources": ("orders",)}
    sandbox.failing("days", kwargs={"upto": 20, "fails": True}, **step)
    sandbox.run("days", kwargs={"upto": 20}, **step)
    assert sandbox.ids() == [3, 4, 5, 6]


def test_a_full_refresh_forgets_which_intervals_were_loaded(sandbox: DuckSandbox) -> None:
    load(sandbox, 2, 6)
    sandbox.run("days", kwargs={"upto": 12, "begins": "2026-01-10"}, resources=("orders",), full_refresh=True)
    assert sandbox.ids() == [10, 11, 12]
    load(sandbox, 2, 6)
    assert sandbox.ids() == [2, 3, 4, 5, 10, 11, 12]


def test_resources_without_a_cursor_are_left_out_and_said(sandbox: DuckSandbox) -> None:
    result = load(sandbox, 2, 4, resources=())
    assert (sandbox.ids("orders"), sandbox.ids("returns")) == ([2, 3], [2, 3])
    assert "shops" not in result.rows
    assert "shops: without a cursor, so not part of an interval" in result.notes
    assert "goes by a cursor" in refusal(sandbox, 2, 4, resources=("shops",))


def test_a_child_goes_by_the_cursor_of_its_parent(sandbox: DuckSandbox) -> None:
    load(sandbox, 2, 4, resources=("returns",))
    assert sandbox.ids("returns") == [2, 3]
    assert load(sandbox, 2, 4, resources=("returns",)).rows == {}
    assert load(sandbox, 2, 4).rows["orders"] == 2


def test_a_table_that_is_replaced_is_not_loaded_by_intervals(sandbox: DuckSandbox) -> None:
    sync(sandbox, 5, disposition="replace")
    assert "replaces its table" in refusal(sandbox, 2, 4, disposition="replace")
    assert sandbox.ids() == [1, 2, 3, 4, 5]
    scd2 = {"disposition": "merge", "strategy": "scd2"}
    assert "keeps its history" in refusal(sandbox, 2, 4, disposition=scd2)


@pytest.mark.parametrize(
    ("kind", "bounds"),
    [
        ("date", (date(2026, 1, 3), date(2026, 1, 6))),
        ("int", (1767398400, 1767657600)),
        ("float", (1767398400.0, 1767657600.0)),
    ],
)
def test_cursors_of_days_and_numbers_take_an_interval_as_dlt_has_it(
    sandbox: DuckSandbox, kind: str, bounds: tuple[typing.Any, typing.Any]
) -> None:
    sources.BOUNDS.clear()
    result = load(sandbox, 3, 6, kind=kind)
    assert sandbox.ids() == [3, 4, 5]
    assert [bounds] == sources.BOUNDS
    seconds = "orders.at is a number: the interval is in seconds since 1970"
    assert (seconds in result.notes) == (kind != "date")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kind": "str"}, "is a text, and dlt compares none with a time"),
        ({"kind": "none"}, "has no known type: declare it"),
        ({"last_value_func": min}, "goes by another order than the greatest value"),
    ],
)
def test_a_cursor_that_takes_no_interval_is_told(
    sandbox: DuckSandbox, changes: dict[str, typing.Any], message: str
) -> None:
    assert message in refusal(sandbox, 3, 6, **changes)


def test_an_open_start_loses_no_row_between_two_intervals(sandbox: DuckSandbox) -> None:
    load(sandbox, 2, 4, range_start="open")
    load(sandbox, 4, 6, range_start="open")
    assert sandbox.ids() == [2, 3, 4, 5]


def test_what_lies_before_the_sources_own_start_is_told(sandbox: DuckSandbox) -> None:
    result = load(sandbox, 2, 4, begins="2026-01-05")
    assert result.rows == {}
    assert any("orders.at: the source's own bounds leave nothing of" in note for note in result.notes)


def test_an_offset_counts_and_parts_of_a_day_do_too(sandbox: DuckSandbox) -> None:
    asked = interval("2026-01-03T01:00+01:00", "2026-01-04T12:00Z")
    sources.BOUNDS.clear()
    sandbox.run("days", interval=asked, kwargs={"upto": 20}, resources=("orders",))
    assert sandbox.ids() == [3, 4]
    start, end = (datetime(2026, 1, day, hour, tzinfo=timezone.utc) for day, hour in ((3, 0), (4, 12)))
    assert [(start, end)] == sources.BOUNDS


def test_neither_a_full_refresh_nor_a_limit_goes_with_an_interval(sandbox: DuckSandbox) -> None:
    for changes in ({"full_refresh": True}, {"limit": 1}):
        assert "neither by a full refresh nor with a limit" in refusal(sandbox, 2, 4, **changes)


@pytest.mark.parametrize("function", ["bare_days", "returning_days", "days"])
def test_a_cursor_is_found_wherever_a_source_has_it(sandbox: DuckSandbox, function: str) -> None:
    resources = ("orders",)
    for _ in range(2):
        sandbox.run(
            function,
            interval=january(3, 5),
            kwargs={"upto": 20, **MERGE.get(function, {})},
            resources=resources,
        )
    assert sandbox.ids() == [3, 4]


def test_an_argument_that_may_be_a_cursor_counts_where_it_is_given(sandbox: DuckSandbox) -> None:
    with pytest.raises(JobFailed) as caught:
        sandbox.run("perhaps_days", interval=january(3, 5), kwargs={"upto": 20})
    assert "goes by a cursor" in classify(caught.value).message
    given = {"upto": 20, "at": dlt.sources.incremental[datetime]("at")}
    sandbox.run("perhaps_days", interval=january(3, 5), kwargs=given)
    assert sandbox.ids() == [3, 4]
