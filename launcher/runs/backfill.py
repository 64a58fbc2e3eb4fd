"""A source's steps over an interval: which are left, by history, and what came of them together."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from launcher.engines.kubernetes.names import IN_CLAIM
from launcher.plan.steps import left
from launcher.runs.history import OK, PLANNED, RunRecord
from runner.contract import Interval


def loaded(runs: Sequence[RunRecord], resources: Sequence[str]) -> tuple[Interval, ...]:
    """The intervals that these runs of a source, newest first, have loaded of the resources.

    What came before a full refresh is gone.
    """
    found = []
    for run in runs:
        if run.status != OK or run.action != "sync":
            continue
        if run.full_refresh:
            break
        if run.interval is not None and set(run.resources) == set(resources):
            found.append(run.interval)
    return tuple(found)


def at(runs: Sequence[RunRecord], location: str, dataset: str) -> list[RunRecord]:
    """The runs that loaded into this dataset at this location. A run in a cluster has another location, and a
    destination may spell the dataset's name in its own way."""
    return [
        run
        for run in runs
        if (run.location in ("", location) or IN_CLAIM in run.location)
        and (not run.dataset or _letters(run.dataset) == _letters(dataset))
    ]


def _letters(name: str) -> str:
    return re.sub(r"[\W_]", "", name).lower()


def plan(asked: Sequence[Interval], done: Sequence[Interval]) -> tuple[tuple[Interval, ...], str]:
    """What is left of the steps, and what is to be said of those that are done."""
    before = sum(not left([step], done) for step in asked) if done else 0
    told = f"{before} of {len(asked)} steps were loaded before; again (--again) loads them anew"
    return left(asked, done), told if before else ""


def whole_interval(steps: Sequence[Interval]) -> Interval:
    """From the first one's start to the last one's end."""
    return Interval(steps[0].start, steps[-1].end)


def combined(records: Sequence[RunRecord], asked: Sequence[Interval], steps: int, told: str) -> RunRecord:
    """The last record, with what all of them loaded: ``steps`` were left of what was ``asked``."""
    last = records[-1]
    rows: Counter[str] = Counter()
    phases: Counter[str] = Counter()
    for record in records:
        rows.update(record.rows)
        phases.update(record.phases)
    notes = list(dict.fromkeys(note for record in records for note in record.notes))
    failed = last.status not in (OK, PLANNED)
    going_on = f"{len(records) - 1} of {steps} steps are loaded; the same command goes on with this one"
    going_on = going_on if steps > 1 else ""
    return replace(
        last,
        interval=whole_interval(asked) if not failed else last.interval,
        started=records[0].started,
        seconds=round(sum(record.seconds for record in records), 3),
        rows=dict(rows),
        phases={name: round(took, 3) for name, took in phases.items()},
        bytes=sum(record.bytes for record in records),
        peak_memory=max((r.peak_memory for r in records if r.peak_memory is not None), default=None),
        first_run=records[0].first_run,
        new_tables=tuple(dict.fromkeys(name for record in records for name in record.new_tables)),
        new_columns=tuple(dict.fromkeys(name for record in records for name in record.new_columns)),
        load_ids=tuple(load_id for record in records for load_id in record.load_ids),
        notes=tuple(filter(None, (told, *notes))),
        message=f"{last.interval}: {last.message}" if failed else last.message,
        hint="\n".join(filter(None, (last.hint, going_on))) if failed else last.hint,
    )
