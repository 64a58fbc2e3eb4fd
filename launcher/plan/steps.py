"""From the dates of a backfill to its steps. Pure."""

from __future__ import annotations

import itertools
from collections.abc import Collection
from datetime import datetime, timedelta

from launcher.config.units import parse_duration
from launcher.errors import ConfigurationError
from runner.contract import INTERVAL_VARIABLES, Interval, instant, interval, moment

MOST = 5000
"""Steps of one command: each is a run of its own, of some seconds at least."""
_START, _END = "start (--from)", "end (--to)"
_FORM = "2026-01-01 to 2026-02-01T08:00+01:00, say; without an offset it is UTC"


def steps(
    start: str | None,
    end: str | None,
    every: str | None,
    now: datetime,
    *,
    again: bool = False,
    full_refresh: bool = False,
    limit: int | None = None,
) -> tuple[Interval, ...]:
    """The steps from one date to another, the last one maybe shorter; none without dates.

    The other arguments are options of the same sync. Raises ConfigurationError for what is no date, no step,
    an empty interval, one that isn't over, too many steps, and for options that don't go with an interval or
    with none.
    """
    if not start and not end:
        for name, given in (("every (--every)", every is not None), ("again (--again)", again)):
            if given:
                raise ConfigurationError(f"{name} goes with an interval (--from and --to)", _FORM)
        return ()
    beside = (("full refresh (--full-refresh)", full_refresh), ("limit (--limit)", limit is not None))
    for name, given in beside:
        if given:
            variables = " and ".join(INTERVAL_VARIABLES)
            raise ConfigurationError(
                f"a {name} goes with no interval (--from and --to, or {variables})", "leave one of them out"
            )
    if not start or not end:
        missing = _END if start else _START
        raise ConfigurationError(f"an interval has two ends: its {missing} is missing", _FORM)
    bounds = []
    for name, text in ((_START, start), (_END, end)):
        try:
            bounds.append(instant(text))
        except ValueError:
            raise ConfigurationError(f"the interval's {name}: '{text}' is no date or time", _FORM) from None
    try:
        whole = interval(*bounds)
    except ValueError as error:
        raise ConfigurationError(f"the interval (--from and --to): {error}", _FORM) from None
    if moment(whole.end) > now:
        raise ConfigurationError(
            f"the interval's {_END}, {whole.end}, is not over yet: rows that come until then would be missed",
            "a sync without dates loads what is new",
        )
    if every is None:
        return (whole,)
    try:
        size = timedelta(seconds=parse_duration(every))
    except (ValueError, OverflowError):
        raise ConfigurationError(f"every (--every): '{every}' is no duration such as 1d, 6h or 30m") from None
    count = -((moment(whole.start) - moment(whole.end)) // size)
    if count > MOST:
        raise ConfigurationError(
            f"{every} (--every) makes {count:,} steps, each a run of its own, and {MOST:,} are the most",
            "choose longer steps, or load the interval in parts",
        )
    first, last = moment(whole.start), moment(whole.end)
    ends = [min(first + size * number, last) for number in range(count + 1)]
    return tuple(interval(a.isoformat(), b.isoformat()) for a, b in itertools.pairwise(ends))


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
