"""Gather facts, plan, execute: what ``dltpod sync`` and ``dltpod check --deep`` do."""

from __future__ import annotations

import concurrent.futures
import contextlib
import errno
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from launcher import __version__, log
from launcher.config.models import Project, Source
from launcher.engines.images import ImageFor
from launcher.engines.protocol import Engine, StopRequest
from launcher.errors import (
    AlreadyRunning,
    BuildError,
    ConfigurationError,
    DltpodError,
    EngineError,
    Exit,
    move_away,
)
from launcher.host import rights as owners
from launcher.host.launchers import Launchers
from launcher.images import scratch
from launcher.plan.options import SyncOptions
from launcher.runs import backfill as backfills
from launcher.runs import edits
from launcher.runs import host as hosts
from launcher.runs.history import OK, PLANNED, History, HistoryError, RunRecord
from launcher.runs.interrupted import collect_ends, record_own_runs
from launcher.runs.listeners import Listener, Listeners
from launcher.runs.log_files import prune
from launcher.runs.planning import Gathered, gather, new_run_id, plan_source
from launcher.runs.run import begin, end_fields, failed_status, run_source
from launcher.runs.signals import Stopper, watched
from launcher.secrets import missing
from runner.contract import FailureKind, Interval

T = TypeVar("T")


@dataclass(frozen=True)
class Outcome:
    """What came of a sync: a record for each source, in their order, and the launcher's exit code."""

    records: tuple[RunRecord, ...]
    exit_code: Exit


def sync(
    project: Project,
    sources: Sequence[Source],
    options: SyncOptions,
    *listeners: Listener,
    environ: Mapping[str, str] | None = None,
    engine: Engine | None = None,
    image_for: ImageFor | None = None,
    stopper: Stopper | None = None,
    faults: Mapping[str, ConfigurationError] | None = None,
) -> Outcome:
    """Run sources, each in a container of its own, ``options.jobs`` at once.

    A source's own fault (its configuration, its image, its run) is its record's failure and stops no
    other. ``faults``, by source, are known before: such a source fails with that and isn't planned. While
    the sync runs, SIGINT, SIGTERM and SIGHUP stop the jobs: gently, and at once the second time.

    Raises EngineError where no engine answers, ConfigurationError where nothing can run at all.
    """
    from launcher.engines import choose

    began = time.monotonic()
    stopper = stopper or Stopper()
    launchers = Launchers(project.private)
    history = History(project.private)
    given = os.environ if environ is None else environ
    with contextlib.ExitStack() as stack:
        stack.enter_context(owners.rights(project.root))
        # Closed after the signals' handlers, so that Ctrl-C works while a blocked terminal takes nothing.
        listener = stack.enter_context(Listeners(*listeners))
        if not options.dry_run:
            _make_writable(project)
            stack.enter_context(launchers)
        stack.enter_context(watched(stopper))
        if engine is None:
            several = len(sources) > 1 or len(options.steps) > 1
            engine = choose.make_engine(
                options.engine, project, alive=launchers.alive, environ=given, several=several
            )
            stack.callback(engine.close)
        log.event(
            "sync",
            action=options.action,
            sources=[source.name for source in sources],
            project=project.name,
            engine=engine.facts().name,
            jobs=options.jobs,
            dry_run=options.dry_run or None,
            version=__version__,
        )
        if not options.dry_run:
            _clean_up(project, engine, launchers, history, listener)
        for problem in engine.facts().problems if sources else ():
            listener.say(sources[0].name, f"{engine.facts().name}: {problem}")
        gathered = gather(
            project,
            options,
            engine,
            given,
            launcher=launchers.id,
            image_for=image_for,
            stopped=stopper.gentle.is_set,
        )
        work = _Work(gathered, history, listener, stopper, faults or {})
        records = run_all(sources, work, jobs=options.jobs, fail_fast=options.fail_fast, stopper=stopper)
    exit_code = _exit_code(records, stopper, work.refusals)
    log.event("sync_ended", exit_code=int(exit_code), seconds=round(time.monotonic() - began, 3))
    return Outcome(records, exit_code)


def _clean_up(
    project: Project, engine: Engine, launchers: Launchers, history: History, listener: Listener
) -> None:
    """Record how the runs of killed launchers ended, and remove their containers and files."""
    launchers.clear()
    scratch.clear()
    marked = {record.run_id: record for record in history.reconcile(launchers.alive)}
    history.file.touch(mode=0o600)
    for record in marked.values():
        log.event("interrupted", source=record.source, run_id=record.run_id, reason="its launcher was killed")
        listener.say(record.source, f"run {record.run_id} was interrupted: its dltpod was killed")
    record_own_runs(engine, project, history)
    collected = collect_ends(engine, project.name, history)
    for record in collected:
        log.event("collected", source=record.source, run_id=record.run_id, **end_fields(record))
        listener.say(
            record.source, f"run {record.run_id} continued without its dltpod and ended: {record.status}"
        )
    for left in engine.sweep(project.name):
        log.event(
            "cleared",
            source=left.source,
            run_id=left.run_id,
            container=left.container,
            state=left.state,
            reason="its launcher was killed",
        )
        listener.say(left.source, f"removed {left.container}, left behind by a dltpod that was killed")
    # A job that goes on in a cluster has not ended yet.
    ended = [record for record in marked.values() if record.engine == "docker"]
    for record in (*ended, *collected):
        listener.ended_earlier(record)


@dataclass(frozen=True)
class _Work:
    """Runs one source and returns its record; errors are in the record."""

    gathered: Gathered
    history: History
    listener: Listener
    stopper: Stopper
    faults: Mapping[str, ConfigurationError]
    refusals: dict[str, Exit] = field(default_factory=dict)
    """Exit codes by source, of those that could not begin."""

    def __call__(self, source: Source) -> RunRecord:
        options = self.gathered.options
        if not options.steps:
            return self._once(source, self.gathered)
        todo, told = backfills.plan(options.steps, () if options.again else self._loaded(source))
        if told:
            self.listener.say(source.name, told)
        records: list[RunRecord] = []
        for number, step in enumerate(todo, 1):
            if len(todo) > 1:
                self.listener.say(source.name, f"step {number} of {len(todo)}: {step}")
            gathered = replace(self.gathered, options=replace(options, interval=step))
            records.append(self._once(source, gathered))
            if records[-1].status != OK:
                break
        if records:
            return backfills.combined(records, options.steps, len(todo), told)
        # History keeps none of it.
        moment = log.now()
        launcher = self.gathered.host.launcher
        record = RunRecord(new_run_id(), source.name, OK, moment, moment, attempts=0, launcher=launcher)
        self.listener.ended(record)
        return replace(record, interval=backfills.whole_interval(options.steps), notes=(told,))

    def _loaded(self, source: Source) -> tuple[Interval, ...]:
        """What history says is loaded there; nothing where that can't be known: the run says why."""
        from launcher.secrets.gather import drivers_for

        gathered = self.gathered
        try:
            to = drivers_for(gathered.project, source, gathered.environ).destination
            runs = self.history.runs(source.name, limit=None)
        except (DltpodError, OSError):
            return ()
        return backfills.loaded(
            backfills.at(runs, to.shown or to.file or to.name or to.type, source.dataset_name),
            gathered.options.resources or source.dlt_native.resources,
        )

    def _once(self, source: Source, gathered: Gathered) -> RunRecord:
        run_id = new_run_id()
        with self.stopper.job() as stop, log.bound(source=source.name, run_id=run_id):
            record = self._run(source, gathered, run_id, stop)
            log.event("run_ended", **end_fields(record))
        if record.log_file:
            prune(Path(record.log_file).parent)
        self.listener.ended(record)
        return record

    def _run(self, source: Source, gathered: Gathered, run_id: str, stop: StopRequest) -> RunRecord:
        options = gathered.options
        started, clock = log.now(), time.monotonic()

        def say(text: str) -> None:
            # What makes an image says what comes next: after a stop no build begins.
            if stop.gentle.is_set():
                raise _stopped()
            log.event("say", text=text)
            self.listener.say(source.name, text)

        try:
            if stop.gentle.is_set():
                raise _stopped()
            if source.name in self.faults:
                raise self.faults[source.name]
            plan = plan_source(gathered, source, say, run_id=run_id)
            if stop.gentle.is_set():
                raise _stopped()
            if options.dry_run:
                self.listener.planned(source.name, plan)
                return replace(begin(plan, self.gathered.engine.name), status=PLANNED)
            if not self.gathered.engine.facts().remote:
                hosts.prepare(plan, self.gathered.project.data)
            plan.log_file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            record = run_source(
                plan,
                self.gathered.engine,
                self.history,
                self.listener,
                stop,
                wait=options.wait,
            )
            lacks = record.failure_kind is FailureKind.SECRETS_MISSING
            # The job can't tell of another section whose secrets it could share: it never sees those.
            if lacks and (line := missing.line_after(self.gathered.project, source, record.message)):
                record = replace(record, hint=f"{record.hint}\n{line}")
                self._keep(record)
            if record.status == OK and plan.job.state_edits:
                edits.done(self.gathered.project.private, source.name, plan.job.state_edits["id"])
            return record
        except (DltpodError, OSError) as caught:
            kind, error = (_kind(caught), caught) if isinstance(caught, DltpodError) else _of_disk(caught)
            if stop.gentle.is_set():
                # A build that a signal broke off failed because of that, whatever it says.
                kind, error = FailureKind.CANCELLED, _stopped()
            record = self._refused(source, run_id, kind, error)
            seconds = round(time.monotonic() - clock, 3)
            record = replace(record, started=started, seconds=seconds, interval=options.interval)
            if kind is not FailureKind.ALREADY_RUNNING and not options.dry_run:
                self._keep(record)
            return record

    def _keep(self, record: RunRecord) -> None:
        """Writes to history; if that fails, says so and lets the other sources continue."""
        try:
            self.history.write(record)
        except (HistoryError, OSError) as error:
            self.listener.say(record.source, f"this run could not be written to the history: {error}")

    def _refused(self, source: Source, run_id: str, kind: FailureKind, error: DltpodError) -> RunRecord:
        """The record of a run that never began: no attempts, and no exit code, for there was no container."""
        self.refusals[source.name] = error.exit_code
        moment = log.now()
        return RunRecord(
            run_id=run_id,
            source=source.name,
            status=failed_status(kind),
            started=moment,
            ended=moment,
            engine=self.gathered.engine.name,
            action=self.gathered.options.action,
            failure_kind=kind,
            message=error.message,
            hint=error.hint,
            attempts=0,
            launcher=self.gathered.host.launcher,
        )


def run_all(
    sources: Sequence[T],
    work: Callable[[T], RunRecord],
    *,
    jobs: int,
    fail_fast: bool,
    stopper: Stopper,
) -> tuple[RunRecord, ...]:
    """Do the work for each, ``jobs`` (at least 1) at the same time; records in the order of ``sources``.

    A failure is a record and stops no other source, save with ``fail_fast``: then the running ones are
    stopped gently, and the rest end before they begin. What ``work`` raises (a bug) is raised at the end.
    """

    def one(source: T) -> RunRecord:
        # Asked in the thread that saw the failure, before it can take up another source.
        went_well = False
        try:
            record = work(source)
            went_well = record.status in (OK, PLANNED)
            return record
        finally:
            if fail_fast and not went_well and not stopper.gentle.is_set():
                stopper.ask(FailureKind.CANCELLED)

    with concurrent.futures.ThreadPoolExecutor(jobs, thread_name_prefix="source") as pool:
        futures = [pool.submit(one, source) for source in sources]
    return tuple(future.result() for future in futures)


def _of_disk(error: OSError) -> tuple[FailureKind, DltpodError]:
    """The kind of failure and the error for what the launcher could not read, write or reach."""
    if error.errno is None:
        # What HTTP libraries raise is an OSError by name alone.
        gone = EngineError(" ".join(str(error).split())[:300], "`dltpod doctor` checks the engine")
        return FailureKind.ENGINE_GONE, gone
    kind, hint = FailureKind.CONFIGURATION, ""
    message = f"dltpod's own files can't be written: {error.strerror or error}"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        kind, message = FailureKind.DISK_FULL, "the disk is full"
        hint = "`dltpod gc` frees what no source uses"
    elif error.filename and error.errno in (errno.EACCES, errno.EPERM):
        shown = f"`ls -ld {error.filename}` shows its owner; dltpod writes it as this user"
        hint = owners.rights_hint(error.filename) or shown
    where = f" ({error.filename})" if error.filename else ""
    return kind, DltpodError(message + where, hint, exit_code=Exit.FAILED)


def _stopped() -> DltpodError:
    return DltpodError(
        "stopped as asked", "the next sync resumes where this one stopped", exit_code=Exit.FAILED
    )


def _kind(error: DltpodError) -> FailureKind:
    kinds = {
        AlreadyRunning: FailureKind.ALREADY_RUNNING,
        BuildError: FailureKind.ENVIRONMENT,
        ConfigurationError: FailureKind.CONFIGURATION,
        EngineError: FailureKind.ENGINE_GONE,
        HistoryError: FailureKind.CONFIGURATION,
    }
    return next((kind for cls, kind in kinds.items() if isinstance(error, cls)), FailureKind.INTERNAL)


def _exit_code(records: Sequence[RunRecord], stopper: Stopper, refusals: Mapping[str, Exit]) -> Exit:
    """A signal's code; else 0, 4 where other launchers run all the sources, 2 where nothing began, 1."""
    failed = [record for record in records if record.status not in (OK, PLANNED)]
    if stopper.exit_code is not None:
        return stopper.exit_code
    if all(record.failure_kind is FailureKind.ALREADY_RUNNING for record in failed):
        return Exit.ALREADY_RUNNING if failed and len(failed) == len(records) else Exit.OK
    if all(refusals.get(record.source) is Exit.USAGE for record in records):
        return Exit.USAGE
    return Exit.FAILED


def _make_writable(project: Project) -> None:
    """Make ``.dltpod``. Raises ConfigurationError where it or something in it can't be written."""
    try:
        project.private.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(
            f"{project.private} can't be made: {error.strerror}",
            f"it is a file: `{move_away(project.private)}`"
            if project.private.is_file()
            else owners.rights_hint(project.root) or "run dltpod as the owner of the project's folder",
        ) from None
    places = [project.private]
    with contextlib.suppress(OSError):
        places += project.private.iterdir()
    for place in places:
        if not owners.can_write(place):
            raise ConfigurationError(
                f"{place} can't be written",
                owners.rights_hint(project.private) or f"`sudo chown -R $USER {project.private}`",
            )
