"""One run of one source on an engine, with its retries, from its first line in history to its last."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from launcher import log
from launcher.engines.protocol import Ended, Engine, StopRequest
from launcher.errors import AlreadyRunning, EngineError
from launcher.plan.job import LABEL_LAUNCHER
from launcher.plan.values import JobPlan
from launcher.runs.history import FAILED, OK, RUNNING, STOPPED, History, RunRecord
from launcher.runs.listeners import Listener
from runner.contract import Failure, FailureKind

_HELD_SECONDS = 1.0
"""Seconds between two checks whether the other run of the source has ended."""
FIRST_RETRY_SECONDS = 2.0
LONGEST_RETRY_SECONDS = 120.0
_OF_RESULT = (
    *("rows", "bytes", "versions", "new_tables", "new_columns", "first_run", "cursors"),
    *("load_ids", "resumed_load_ids", "notes", "dataset", "location"),
)
"""What a record takes from the runner's result, under the same names."""


def retry_delay(attempt: int, random: Callable[[], float]) -> float:
    """Seconds to wait after failed attempt number ``attempt``, the first being 1.

    Exponential, with jitter over the upper half, so that sources that failed together don't retry together.
    ``random`` gives numbers from 0 to 1.
    """
    whole = min(FIRST_RETRY_SECONDS * 2.0 ** (attempt - 1), LONGEST_RETRY_SECONDS)
    return whole / 2 + whole / 2 * random()


def run_source(
    plan: JobPlan,
    engine: Engine,
    history: History,
    listener: Listener,
    stop: StopRequest,
    *,
    wait: bool = False,
) -> RunRecord:
    """Run a job to its end, retry transient failures, and keep the record of it.

    With ``wait``, a source that another run holds is waited for. Raises AlreadyRunning where it is
    held and not waited for (history then keeps nothing of this run), ConfigurationError where the
    engine can't run such a job at all, and OSError or HistoryError where history can't be written.
    """
    record = begin(plan, engine.name)
    began = time.monotonic()
    ended: Ended | None = None
    attempt, told = 1, ""
    while True:
        history.write(replace(record, attempts=attempt))
        attempt_began = time.monotonic()
        try:
            ended = engine.run(plan, listener, stop)
        except AlreadyRunning as held:
            # It has not begun: to history it would run beside the one that holds the source.
            history.forget(record.run_id)
            if not wait or stop.gentle.is_set():
                raise
            if held.message != told:
                told = held.message
                log.event("waiting", reason=told)
                listener.say(plan.job.source, f"{told}; waiting for it to end")
            stop.gentle.wait(_HELD_SECONDS)
            record, began = replace(record, started=log.now()), time.monotonic()
            continue
        except EngineError as error:
            gone = Failure(FailureKind.ENGINE_GONE, error.message, error.hint, transient=True)
            ended = Ended(None, failure=gone)
        failure = failure_of(ended)
        log.event(
            "attempt",
            level="info" if failure is None else "warning",
            number=attempt,
            container=plan.container.name,
            exit_code=ended.exit_code,
            peak_memory=ended.peak_memory,
            failure_kind=failure.kind.value if failure else None,
            message=failure.message if failure else None,
            seconds=round(time.monotonic() - attempt_began, 3),
        )
        if failure is None or not failure.transient or attempt > plan.retries or stop.gentle.is_set():
            break
        pause = retry_delay(attempt, random.random)
        log.event("retry", after=round(pause, 3), number=attempt + 1, reason=failure.message)
        listener.say(
            plan.job.source,
            f"{failure.message}; trying again in {pause:.0f} s (attempt {attempt + 1} of {plan.retries + 1})",
        )
        attempt += 1
        if stop.gentle.wait(pause):
            break
    seen = ended.failure
    if seen is not None and seen.kind is FailureKind.KILLED and history.asked_to_stop(record.run_id):
        killed = ", and killed as it did not end in time" if ended.exit_code == 128 + signal.SIGKILL else ""
        hint = "the next sync resumes where this one stopped"
        stopped = replace(seen, kind=FailureKind.CANCELLED, message=f"stopped as asked{killed}", hint=hint)
        ended = replace(ended, failure=stopped)
    record = finish(record, ended, attempts=attempt, seconds=time.monotonic() - began)
    history.write(record)
    return record


def begin(plan: JobPlan, engine: str) -> RunRecord:
    """The record of a run that starts now on the engine of that name."""
    job = plan.job
    return RunRecord(
        run_id=job.run_id,
        source=job.source,
        status=RUNNING,
        started=log.now(),
        environment=plan.image.environment.digest,
        image=plan.container.image,
        dlt=plan.image.packages.get("dlt", ""),
        packages=plan.image.packages,
        engine=engine,
        memory_limit=plan.container.memory,
        full_refresh=job.full_refresh,
        limit=job.limit,
        interval=job.interval,
        resources=job.resources,
        action=job.action,
        log_file=str(plan.log_file),
        launcher=plan.container.labels[LABEL_LAUNCHER],
    )


def finish(record: RunRecord, ended: Ended, *, attempts: int, seconds: float) -> RunRecord:
    """The record of a run that is over."""
    failure = failure_of(ended)
    record = replace(
        record,
        status=OK if failure is None else failed_status(failure.kind),
        ended=log.now(),
        seconds=round(seconds, 3),
        attempts=attempts,
        exit_code=ended.exit_code,
        peak_memory=ended.peak_memory,
    )
    if ended.result is not None:
        result = ended.result
        record = replace(
            record,
            phases=result.seconds,
            dlt=result.versions.get("dlt", record.dlt),
            verdicts=tuple({"what": v.what, "ok": v.ok, "text": v.text} for v in result.verdicts),
            **{name: getattr(result, name) for name in _OF_RESULT},
        )
    if failure is not None:
        record = replace(
            record,
            failure_kind=failure.kind,
            message=failure.message,
            hint=failure.hint,
            transient=failure.transient,
        )
    return record


def failed_status(kind: FailureKind) -> str:
    """The status of a failed run."""
    return STOPPED if kind is FailureKind.CANCELLED else FAILED


def end_fields(record: RunRecord) -> dict[str, Any]:
    """The end of a run for the launcher's own log."""
    failed = record.failure_kind is not None
    return {
        "level": "warning" if failed else "info",
        "status": record.status,
        "seconds": record.seconds,
        "attempts": record.attempts,
        "steps": record.phases or None,
        "rows": record.rows or None,
        "failure_kind": record.failure_kind.value if record.failure_kind else None,
        "message": record.message or None,
        "hint": record.hint or None,
        "log_file": record.log_file or None,
    }


def failure_of(ended: Ended) -> Failure | None:
    """The failure: as the engine saw it, else as the runner reports it; None if the run went well."""
    result = ended.result
    if ended.failure is not None:
        return ended.failure
    if result is None or (result.failure is None and result.status != "ok"):
        return Failure(FailureKind.RESULT_TORN, "the job failed and didn't say why", "its log may")
    return result.failure
