"""Runs whose launcher was killed and which went on without it: history learns how they ended."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from launcher.config.models import Project
from launcher.engines.protocol import Adopts, Engine
from launcher.history import INTERRUPTED, History, RunRecord
from launcher.presence import Presence
from launcher.run import finish


def look_again(engine: Engine, project: Project, history: History) -> tuple[RunRecord, ...]:
    """Mark the runs of dead launchers as interrupted, then adopt those that ended without them."""
    history.reconcile(Presence(project.private).alive)
    return adopt(engine, project.name, history)


def adopt(engine: Engine, project: str, history: History) -> tuple[RunRecord, ...]:
    """Ask the engine for the ends of interrupted runs, and write them down. Returns what was learnt.

    An engine whose jobs die with their launcher has none. Raises EngineError where it doesn't answer.
    """
    if not isinstance(engine, Adopts):
        return ()
    waiting = {
        record.run_id: record
        for record in history.runs(status=INTERRUPTED, limit=None)
        if record.engine == engine.name
    }
    if not waiting:
        return ()
    logs = {run_id: Path(record.log_file) for run_id, record in waiting.items()}
    learnt = []
    for collected in engine.collect(project, logs):
        record = replace(waiting[collected.run_id], failure_kind=None, message="", hint="")
        record = finish(record, collected.ended, attempts=record.attempts, seconds=collected.seconds)
        history.write(record)
        learnt.append(record)
    return tuple(learnt)
