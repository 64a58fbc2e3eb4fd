"""Runs a source over an interval in steps. Which steps are done stands in history."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace

from launcher import log
from launcher.engines.kubernetes.names import IN_CLAIM
from launcher.plan.steps import left
from launcher.runs.history import OK, PLANNED, RunRecord
from runner.contract import Interval

Say = Callable[[str], None]


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
    """The runs that loaded into this dataset there. A claim's files have another place than on this machine,
    and a destination writes a dataset's name in its own way."""
    return [
        run
        for run in runs
        if (run.location in ("", location) or IN_CLAIM in run.location)
        and (not run.dataset or _letters(run.dataset) == _letters(dataset))
    ]


def _letters(name: str) -> str:
    return re.sub(r"[\W_]", "", name).lower()


def backfill(
    asked: Sequence[Interval],
    done: Sequence[Interval],
    run: Callable[[Interval], RunRecord],
    say: Say,
    nothing: Callable[[], RunRecord],
    again_as: str = "--again",
) -> RunRecord:
    """Runs what is left of the steps, in order, until one fails; one record of what came of them all.

    ``nothing`` makes the record where there is nothing left to run; ``again_as`` is how the caller asks for
    steps that are done.
    """
    todo = left(asked, done)
    whole = Interval(asked[0].start, asked[-1].end)
    before = sum(not left([step], done) for step in asked) if done else 0
    told = ""
    if before:
        told = f"{before} of {len(asked)} steps were loaded before; {again_as} loads them anew"
        say(told)
    records: list[RunRecord] = []
    for number, step in enumerate(todo, 1):
        if len(todo) > 1:
            say(f"step {number} of {len(todo)}: {step}")
        records.append(run(step))
        if records[-1].status != OK:
            break
    if not records:
        return replace(nothing(), interval=whole, notes=(told,))
    return _together(records, whole, len(todo), told)


def _together(records: Sequence[RunRecord], whole: Interval, steps: int, told: str) -> RunRecord:
    """The last record, with what all of them loaded."""
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
        interval=whole if not failed else last.interval,
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


def nothing_left(run_id: str, source: str, launcher: str) -> RunRecord:
    """The record of a backfill whose steps are all done: history keeps none of it."""
    moment = log.now()
    return RunRecord(run_id, source, OK, moment, moment, attempts=0, launcher=launcher)
