"""Records the ends of runs that no launcher watched to their end."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from launcher.config.models import Project
from launcher.engines.protocol import Engine, KeepsJobs
from launcher.log import timestamp
from launcher.runs.history import INTERRUPTED, RUNNING, History, HistoryError, RunRecord
from launcher.runs.run import finish
from runner.contract import moment


def collect_ends(engine: Engine, project: str, history: History) -> tuple[RunRecord, ...]:
    """Asks the engine how interrupted runs ended, and records it. Returns the changed records.

    An engine whose jobs end with their launcher (Docker) has none. Where history can't be written, the
    records are returned all the same. Raises EngineError where the engine doesn't answer.
    """
    if not isinstance(engine, KeepsJobs):
        return ()
    waiting = {
        record.run_id: record
        for record in history.runs(statuses=(INTERRUPTED,), limit=None)
        if record.engine == engine.name
    }
    if not waiting:
        return ()
    logs = {run_id: Path(record.log_file) for run_id, record in waiting.items()}
    learnt = []
    for collected in engine.collect(project, logs):
        record = replace(waiting[collected.run_id], failure_kind=None, message="", hint="")
        record = finish(record, collected.ended, attempts=record.attempts, seconds=collected.seconds)
        with contextlib.suppress(OSError, HistoryError):
            history.write(record)
        learnt.append(record)
    return tuple(learnt)


def record_own_runs(engine: Engine, project: Project, history: History) -> tuple[RunRecord, ...]:
    """Adds the finished runs to history that the engine started by itself (a cluster's CronJobs).

    Returns those that were not there yet. What a name of the project's sources doesn't cover is left out:
    history tells of sources. Raises EngineError where the engine doesn't answer.
    """
    if not isinstance(engine, KeepsJobs):
        return ()
    sources = {source.name for source in project.sources}
    found = {
        run.run_id: (run, moment(run.started))
        for run in engine.own_runs(project.name)
        if run.source in sources
    }
    since = min((timestamp(started) for _, started in found.values()), default="")
    known = {record.run_id for record in history.runs(since=since, limit=None)} if found else set()
    new = []
    for run_id in found.keys() - known:
        run, started = found[run_id]
        record = RunRecord(run_id, run.source, RUNNING, timestamp(started), engine=engine.name)
        record = finish(record, run.ended, attempts=run.attempts, seconds=run.seconds)
        record = replace(record, ended=timestamp(started + timedelta(seconds=run.seconds)))
        with contextlib.suppress(OSError, HistoryError):
            history.write(record)
        new.append(record)
    return tuple(new)


def still_running(engine: Engine, project: str, records: Sequence[RunRecord]) -> tuple[RunRecord, ...]:
    """The records, with those as running that their dltpod left and that the engine still runs.

    History keeps them as interrupted: it is their end that is missing there. Raises EngineError.
    """
    if not any(record.status == INTERRUPTED and record.engine == engine.name for record in records):
        return tuple(records)
    running = {row.run_id for row in engine.running(project) if row.runs}
    return tuple(
        replace(
            record,
            status=RUNNING,
            ended=None,
            seconds=0.0,
            failure_kind=None,
            message="its dltpod was killed; it goes on in the cluster",
            hint=f"`dltpod logs {record.source} --engine {engine.name} --follow` shows it",
        )
        if record.status == INTERRUPTED and record.run_id in running
        else record
        for record in records
    )
