"""``from dltpod import sync, check``: what a scheduler or another Python program calls.

Both do what the commands of their names do, and print nothing. Progress goes to Python's logger ``dltpod``:
its INFO lines say what happens, and its DEBUG lines are the sources' own logs, with secrets masked.
"""

from __future__ import annotations

import contextlib
import contextvars
import logging
import os
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from launcher.errors import (
    AlreadyRunning,
    BuildError,
    ConfigurationError,
    DltpodError,
    EngineError,
    Exit,
    counted,
)
from runner.contract import moment

if TYPE_CHECKING:
    from launcher.config.models import Project
    from launcher.runs.history import RunRecord
    from launcher.runs.listeners import Listener

__all__ = [
    "AlreadyRunning",
    "BuildError",
    "CheckResult",
    "ConfigurationError",
    "DltpodError",
    "EngineError",
    "Failure",
    "Run",
    "SyncFailed",
    "SyncResult",
    "Verdict",
    "check",
    "sync",
]

_logger = logging.getLogger("dltpod")
_logger.addHandler(logging.NullHandler())


@dataclass(frozen=True)
class Failure:
    """Why a run failed. No text holds a secret."""

    kind: str
    """``extract``, ``load``, ``destination_unreachable`` and the like: docs/events.md lists them."""
    message: str
    """One sentence."""
    hint: str
    """What to do next; may be empty."""
    transient: bool
    """Whether another try may succeed. dltpod has already tried again ``container.retries`` times."""


@dataclass(frozen=True)
class Run:
    """One run of one source."""

    source: str
    run_id: str
    status: Literal["ok", "failed", "stopped"]
    started: datetime
    ended: datetime
    seconds: float
    rows: Mapping[str, int]
    """Rows that were loaded, by table."""
    failure: Failure | None
    """None where the run went well."""
    attempts: int
    """How often it was tried; 0 where it could not begin."""
    first_run: bool
    """Whether nothing of this source had been loaded before."""
    new_tables: tuple[str, ...]
    new_columns: tuple[str, ...]
    """``table.column``."""
    interval: tuple[datetime, datetime] | None
    """The interval that was loaded, instead of what is new. Its end is exclusive."""
    cursors: Mapping[str, str]
    """The last value of each incremental, by ``resource.path``."""
    notes: tuple[str, ...]
    dataset: str
    location: str
    """Where the dataset is: a file, or the destination's name."""
    log_file: Path | None

    @property
    def total_rows(self) -> int:
        """Rows that were loaded, of all tables."""
        return sum(self.rows.values())


@dataclass(frozen=True)
class SyncResult:
    """A run for each source that was asked for, in that order."""

    runs: tuple[Run, ...]

    def __getitem__(self, source: str) -> Run:
        """The run of a source. Raises KeyError."""
        found = next((run for run in self.runs if run.source == source), None)
        if found is None:
            raise KeyError(source)
        return found

    @property
    def failed(self) -> tuple[Run, ...]:
        """The runs that did not go well, those that were stopped included."""
        return tuple(run for run in self.runs if run.status != "ok")


@dataclass(frozen=True)
class Verdict:
    """One finding of ``check``. No text holds a secret."""

    source: str
    """Empty where it is about the whole project."""
    what: str
    """``module``, ``function``, ``arguments``, ``environment``, ``destination``, ``secrets`` and the like."""
    level: Literal["ok", "note", "wrong"]
    text: str
    hint: str


@dataclass(frozen=True)
class CheckResult:
    """What ``check`` found."""

    verdicts: tuple[Verdict, ...]

    @property
    def wrong(self) -> tuple[Verdict, ...]:
        """What would make a run fail."""
        return tuple(verdict for verdict in self.verdicts if verdict.level == "wrong")

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.wrong


class SyncFailed(DltpodError):
    """At least one source failed or was stopped. ``result`` has all runs, the good ones too."""

    exit_code = Exit.FAILED

    def __init__(
        self,
        message: str,
        hint: str = "",
        *,
        exit_code: Exit | None = None,
        result: SyncResult = SyncResult(()),
    ) -> None:
        super().__init__(message, hint, exit_code=exit_code)
        self.result = result

    @property
    def transient(self) -> bool:
        """Whether every failed run may succeed when it is tried again: then a scheduler should retry."""
        return all(run.failure is not None and run.failure.transient for run in self.result.failed)


def sync(
    *names: str,
    file: str | os.PathLike[str] | None = None,
    tags: Sequence[str] = (),
    all: bool = False,
    full_refresh: bool = False,
    resources: Sequence[str] = (),
    limit: int | None = None,
    interval: tuple[datetime | str, datetime | str] | None = None,
    every: timedelta | str | None = None,
    again: bool = False,
    set: Mapping[str, Any] | None = None,
    timeout: float | None = None,
    locked: bool = False,
    wait: bool = False,
    jobs: int | None = None,
    fail_fast: bool = False,
    engine: Literal["docker", "kubernetes"] = "docker",
) -> SyncResult:
    """Run sources, each in its own container, and load their rows.

    ``names``, ``tags`` and ``all`` choose the sources. ``file`` is the project's ``sources.yml``, by default
    the one that DLTPOD_FILE names, or that of the working directory or a folder above it. ``timeout`` is in
    seconds. ``set`` are keyword arguments of the source, for this run only. The other parameters are the
    command's options. ``interval`` is what to load instead of what is new: its first time, and its second
    one, which is exclusive; both in UTC unless they name another zone. ``every`` loads it in steps of that
    length (``"1d"``), with ``again`` also those that were loaded. ``notify`` in ``sources.yml`` applies.

    In the main thread SIGINT, SIGTERM and SIGHUP stop the runs gently; then the signal is raised again, for
    whoever handles it. In another thread, no signal is touched.

    Raises SyncFailed where a source failed, AlreadyRunning where other programs run all that was asked for,
    ConfigurationError for names and files that are wrong, EngineError where no engine answers.
    """
    from launcher import config, log
    from launcher.plan.options import SyncOptions
    from launcher.plan.steps import steps
    from launcher.runs.signals import Stopper
    from launcher.runs.sync import sync as run_sync
    from launcher.runs.webhook import notified

    if interval is not None and (isinstance(interval, str) or len(interval) != 2):
        raise ConfigurationError("interval takes two times", 'interval=("2026-01-01", "2026-02-01")')
    start, end = (None, None) if interval is None else map(str, interval)
    length = f"{every.total_seconds():.0f}s" if isinstance(every, timedelta) else every
    beside: dict[str, Any] = {"again": again, "full_refresh": full_refresh, "limit": limit}
    options = SyncOptions(
        steps=steps(start, end, length, datetime.now(timezone.utc), **beside),
        resources=tuple(resources),
        set=dict(set or {}),
        timeout=timeout,
        locked=locked,
        wait=wait,
        jobs=jobs or os.cpu_count() or 1,
        fail_fast=fail_fast,
        engine=engine,
        **beside,
    )
    stopper = Stopper()
    with contextlib.ExitStack() as stack:
        project = stack.enter_context(_project(file))
        sources = config.select(project, names=names, tags=tuple(tags), all=all)
        stack.enter_context(log.opened(project.private / log.FILE))
        listeners = [_progress(), *notified(project, stack, _logger.warning)]
        outcome = run_sync(project, sources, options, *listeners, stopper=stopper)
    if stopper.signal is not None:
        signal.raise_signal(stopper.signal)
    result = SyncResult(tuple(_run(record) for record in outcome.records))
    if outcome.exit_code is not Exit.OK:
        raise _failed(result, outcome.exit_code)
    return result


def check(
    *names: str,
    file: str | os.PathLike[str] | None = None,
    tags: Sequence[str] = (),
    deep: bool = False,
    connect: bool = False,
    secrets: bool = True,
    jobs: int | None = None,
    engine: Literal["docker", "kubernetes"] = "docker",
) -> CheckResult:
    """Check sources without running them, by default all that are enabled. Extracts and loads nothing.

    ``deep`` also imports each source in its container, ``connect`` also logs in to source and destination.
    Without ``secrets`` no value of a secret is asked for. ``file`` is as for ``sync``.

    Raises ConfigurationError for names and files that are wrong, EngineError where an engine is needed and
    none answers. A fault of a source is a verdict.
    """
    from launcher import config, log
    from launcher.check.all_rows import file_rows, joined, ready_for_container
    from launcher.plan.options import SyncOptions
    from launcher.runs.signals import Stopper
    from launcher.runs.sync import sync as run_sync

    if (deep or connect) and not secrets:
        raise ConfigurationError("deep and connect read the secrets, so neither goes with secrets=False")
    stopper = Stopper()
    with _project(file) as project:
        chosen = config.select(project, names=names, tags=tuple(tags), all=not (names or tags))
        rows = file_rows(project, chosen, os.environ, _logger.info, with_secrets=secrets)
        if (deep or connect) and (hopeful := ready_for_container(chosen, rows)):
            action = "connect" if connect else "check"
            options = SyncOptions(action=action, jobs=jobs or os.cpu_count() or 1, engine=engine)
            with log.opened(project.private / log.FILE):
                outcome = run_sync(project, hopeful, options, _progress(), stopper=stopper)
            rows = joined(rows, outcome.records)
    if stopper.signal is not None:
        signal.raise_signal(stopper.signal)
    return CheckResult(
        tuple(Verdict(row.source, row.what, row.level.value, row.text, row.hint) for row in rows)
    )


@contextlib.contextmanager
def _project(file: str | os.PathLike[str] | None) -> Iterator[Project]:
    """Yield the project. Within the block, files are accessed with its owner's rights."""
    from launcher import config
    from launcher.host.rights import rights

    given = None if file is None else os.fspath(file)
    try:
        found = config.find_file(Path.cwd(), given, os.environ)
        with rights(config.root_of(found)):
            yield config.load(found)
    except DltpodError as error:
        raise _noted(error) from None


def _progress() -> Listener:
    from launcher.runs.history import OK
    from launcher.runs.listeners import Listener

    # Another thread tells, and log handlers of Prefect and the like ask the caller's context who is at work.
    context = contextvars.copy_context()

    class Progress(Listener):
        def say(self, source: str, text: str) -> None:
            context.run(_logger.info, "%s: %s", source, text)

        def log(self, source: str, line: str) -> None:
            context.run(_logger.debug, "%s | %s", source, line)

        def ended(self, record: RunRecord) -> None:
            level = logging.INFO if record.status == OK else logging.ERROR
            text = record.message or f"{record.status}, {counted(record.total_rows, 'row')}"
            context.run(_logger.log, level, "%s: %s", record.source, text)

    return Progress()


def _run(record: RunRecord) -> Run:
    failure = None
    if record.status != "ok":
        kind = record.failure_kind.value if record.failure_kind else record.status
        failure = Failure(kind, record.message, record.hint, record.transient)
    return Run(
        source=record.source,
        run_id=record.run_id,
        status="ok" if record.status == "ok" else "stopped" if record.status == "stopped" else "failed",
        started=moment(record.started),
        ended=moment(record.ended or record.started),
        seconds=record.seconds,
        rows=dict(record.rows),
        failure=failure,
        attempts=record.attempts,
        first_run=record.first_run,
        new_tables=record.new_tables,
        new_columns=record.new_columns,
        interval=(moment(record.interval.start), moment(record.interval.end)) if record.interval else None,
        cursors=dict(record.cursors),
        notes=record.notes,
        dataset=record.dataset,
        location=record.location,
        log_file=Path(record.log_file) if record.log_file else None,
    )


def _failed(result: SyncResult, code: Exit) -> DltpodError:
    told = [(run, run.failure) for run in result.failed if run.failure is not None]
    message = "; ".join(f"{run.source}: {failure.message}" for run, failure in told)
    hint = told[0][1].hint if len(told) == 1 else ""
    if len(told) != 1:
        message = f"{len(told)} of {len(result.runs)} sources failed: {message}"
    if code is Exit.ALREADY_RUNNING:
        return _noted(AlreadyRunning(message, hint))
    return _noted(SyncFailed(message, hint, exit_code=code, result=result))


def _noted(error: DltpodError) -> DltpodError:
    """The error, with its hint as a note for tracebacks (Python 3.11)."""
    if error.hint and sys.version_info >= (3, 11):
        error.add_note(f"hint: {error.hint}")
    return error
