"""From the dates of a backfill to its steps. Pure."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from launcher.config.units import parse_duration
from launcher.errors import ConfigurationError
from runner.contract import Interval, instant, interval, moment

MOST = 5000
"""Steps of one command: each is a run of its own, of some seconds at least."""


class Words(NamedTuple):
    """What the dates and a step's length are called: options of a command, or arguments in Python."""

    start: str = "--from"
    end: str = "--to"
    both: str = "--from, --to"
    every: str = "--every"
    example: str = "--from 2026-01-01 --to 2026-02-01T08:00+01:00"


_OPTIONS = Words()
_PYTHON = Words(
    "the interval's start", "the interval's end", "interval", "every", 'interval=("2026-01-01", "2026-02-01")'
)


def steps(
    start: str | None, end: str | None, every: str | None, now: datetime, words: Words = _OPTIONS
) -> tuple[Interval, ...]:
    """The steps from one date to another, the last one maybe shorter; none without dates.

    Raises ConfigurationError for what is no date, no step, an empty interval, one that isn't over, and for
    too many steps.
    """
    if not start and not end:
        return ()
    form = f"{words.example}; without an offset it is UTC"
    if not start or not end:
        missing = words.end if start else words.start
        raise ConfigurationError(f"an interval has two ends: {missing} is missing", form)
    bounds = []
    for option, text in ((words.start, start), (words.end, end)):
        try:
            bounds.append(instant(text))
        except ValueError:
            raise ConfigurationError(f"{option}: '{text}' is no date or time", form) from None
    try:
        whole = interval(*bounds)
    except ValueError as error:
        raise ConfigurationError(f"{words.both}: {error}", form) from None
    if moment(whole.end) > now:
        raise ConfigurationError(
            f"{words.end} {whole.end} is not over yet: rows that come until then would be missed",
            "a sync without dates loads what is new",
        )
    if every is None:
        return (whole,)
    try:
        size = timedelta(seconds=parse_duration(every))
    except (ValueError, OverflowError):
        raise ConfigurationError(f"{words.every}: '{every}' is no duration such as 1d, 6h or 30m") from None
    count = -((moment(whole.start) - moment(whole.end)) // size)
    if count > MOST:
        raise ConfigurationError(
            f"{words.every} {every} makes {count:,} steps, each a run of its own, and {MOST:,} are the most",
            "choose longer steps, or load the interval in parts",
        )
    first, last = moment(whole.start), moment(whole.end)
    ends = [min(first + size * number, last) for number in range(count + 1)]
    return tuple(interval(a.isoformat(), b.isoformat()) for a, b in itertools.pairwise(ends))


def steps_within(
    interval: Sequence[datetime | str] | None, every: timedelta | str | None, now: datetime, *, again: bool
) -> tuple[Interval, ...]:
    """``steps`` for a Python program, whose arguments these are: none without an interval.

    Raises ConfigurationError as ``steps``, and for ``every`` or ``again`` without an interval.
    """
    if interval is None:
        for name, given in (("every", every is not None), ("again", again)):
            if given:
                raise ConfigurationError(f"{name} goes with an interval", _PYTHON.example)
        return ()
    if isinstance(interval, str) or len(interval) != 2:
        raise ConfigurationError("interval takes two times", _PYTHON.example)
    length = f"{every.total_seconds():.0f}s" if isinstance(every, timedelta) else every
    return steps(str(interval[0]), str(interval[1]), length, now, _PYTHON)


def left(asked: Collection[Interval], done: Collection[Interval]) -> tuple[Interval, ...]:
    """What is left of the steps without what is done: a step that is done in part is cut."""
    found = []
    spans: list[tuple[datetime, datetime]] = []
    for start, until in sorted((moment(span.start), moment(span.end)) for span in done):
        if spans and start <= spans[-1][1]:
            spans[-1] = (spans[-1][0], max(spans[-1][1], until))
        else:
            spans.append((start, until))
    for step in asked:
        at, end = moment(step.start), moment(step.end)
        for start, until in spans:
            if at < min(start, end):
                found.append((at, min(start, end)))
            at = max(at, until)
        if at < end:
            found.append((at, end))
    return tuple(interval(start.isoformat(), until.isoformat()) for start, until in found)
