"""The steps of a backfill, planned: what is asked for, what is done, what is left."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from launcher.errors import ConfigurationError
from launcher.plan.steps import left, steps
from runner.contract import Interval, interval, moment

NOW = datetime(2026, 6, 1, tzinfo=timezone.utc)


def planned(start: str | None, end: str | None, every: str | None = None) -> list[str]:
    return [str(step) for step in steps(start, end, every, NOW)]


def test_dates_are_utc_and_the_last_step_is_what_remains() -> None:
    assert planned("2026-01-01", "2026-01-03T12:00", "1d") == [
        "2026-01-01T00:00:00Z to 2026-01-02T00:00:00Z",
        "2026-01-02T00:00:00Z to 2026-01-03T00:00:00Z",
        "2026-01-03T00:00:00Z to 2026-01-03T12:00:00Z",
    ]


def test_an_offset_counts() -> None:
    assert planned("2026-01-01T00:00+02:00", "2026-01-01") == ["2025-12-31T22:00:00Z to 2026-01-01T00:00:00Z"]


def test_without_every_it_is_one_step_and_without_dates_none() -> None:
    assert planned("2026-01-01", "2026-03-01") == ["2026-01-01T00:00:00Z to 2026-03-01T00:00:00Z"]
    assert planned(None, None) == []


@pytest.mark.parametrize(
    ("start", "end", "every", "message"),
    [
        ("2026-01-01", None, None, "an interval has two ends: its end (--to) is missing"),
        (None, "2026-01-01", None, "an interval has two ends: its start (--from) is missing"),
        ("soon", "2026-01-01", None, "the interval's start (--from): 'soon' is no date or time"),
        ("2026-01-01", "2026-02-30", None, "the interval's end (--to): '2026-02-30' is no date or time"),
        (
            "0001-01-01T00:00+14:00",
            "2026-01-01",
            None,
            "the interval's start (--from): '0001-01-01T00:00+14:00' is no date or time",
        ),
        (
            "2026-01-01",
            "2026-01-01",
            None,
            "the interval (--from and --to): 2026-01-01T00:00:00Z to 2026-01-01T00:00:00Z is empty: its end "
            "must be later than its start",
        ),
        (
            "2026-01-01",
            "2026-07-01",
            None,
            "the interval's end (--to), 2026-07-01T00:00:00Z, is not over yet: rows that come until then "
            "would be missed",
        ),
        (
            "2026-01-01",
            "2026-01-02",
            "daily",
            "every (--every): 'daily' is no duration such as 1d, 6h or 30m",
        ),
        (
            "2026-01-01",
            "2026-01-02",
            "1s",
            "1s (--every) makes 86,400 steps, each a run of its own, and 5,000 are the most",
        ),
    ],
)
def test_what_gives_no_steps_is_told(
    start: str | None, end: str | None, every: str | None, message: str
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        steps(start, end, every, NOW)
    assert caught.value.message == message


def hours(first: int, end: int) -> Interval:
    return interval(f"2026-01-01T{first:02}:00", f"2026-01-01T{end:02}:00")


@given(st.lists(st.tuples(st.integers(0, 22), st.integers(1, 23)).filter(lambda s: s[0] < s[1]), max_size=8))
def test_what_is_left_and_what_is_done_make_what_was_asked_for(spans: list[tuple[int, int]]) -> None:
    asked = [hours(first, first + 3) for first in range(0, 21, 3)]
    todo = left(asked, [hours(*span) for span in spans])
    covered = [hour for step in todo for hour in range(moment(step.start).hour, moment(step.end).hour)]
    done = {hour for first, end in spans for hour in range(first, end)}
    assert covered == [hour for hour in range(21) if hour not in done]


def test_a_step_that_is_done_in_part_is_cut() -> None:
    assert left([hours(0, 6), hours(6, 12)], [hours(2, 3), hours(5, 8)]) == (
        hours(0, 2),
        hours(3, 5),
        hours(8, 12),
    )
