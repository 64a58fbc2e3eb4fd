"""Runs a source into its destination: restore, extract, normalize, load.

What dlt leaves to chance is settled here: a run may be killed at any point, its working directory
may be lost or torn, and still each row arrives once. ``recover/``, ``loading`` and ``workdir`` say how.
"""

from __future__ import annotations

import os
import shutil
import typing
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import dlt

from runner.contract import ExitCode, JobSpec, Result
from runner.explain.classify import JobFailed, StepError
from runner.load import (
    compat,
    decimals,
    destination,
    edits,
    http_retries,
    imported_files,
    intervals,
    loading,
    merges,
    selection,
)
from runner.load.fast import switch
from runner.load.locks import state_lock
from runner.load.progress import Steps, collector
from runner.load.recover import ledger, restore
from runner.load.session import Session
from runner.load.workdir import Workdir
from runner.resolve import incrementals, resources
from runner.supervise import results

LIMITED_SUFFIX = "_limited"
"""Ends the name of the dataset that limited runs load into; each run replaces the last one's."""
SETTINGS = {
    # Arrow data carries no ids by default, and without them a cut-off load can't be undone
    "NORMALIZE__PARQUET_NORMALIZER__ADD_DLT_LOAD_ID": "true",
    "NORMALIZE__PARQUET_NORMALIZER__ADD_DLT_ID": "true",
    # retries are the runner's: see loading._load_all
    "LOAD__RAISE_ON_MAX_RETRIES": "1",
    "LOAD__RAISE_ON_FAILED_JOBS": "true",
    "LOAD__DELETE_COMPLETED_JOBS": "true",
    # it would be pickled to disk at every step, and nothing reads it
    "ENABLE_RUNTIME_TRACE": "false",
    "RUNTIME__DLTHUB_TELEMETRY": "false",
}


def run(job: JobSpec, make_source: Callable[[], typing.Any], steps: Steps, *, state: Path) -> Result:
    """Runs the job's source once and returns what came of it.

    ``make_source`` is called when the pipeline exists and its state is restored; it returns a
    DltSource, a DltResource or a list of them. ``state`` is the folder of the working directory.
    ``steps`` knows the step and the notes also where this raises.
    Raises JobFailed, and StepError around any other exception.
    """
    with _prepared(job, steps), http_retries.without_local_retries(), state_lock(state, job.run_id):
        session = _start(job, steps, state)
        try:
            way = _sync if job.limit is None else _limited
            first = way(session, make_source)
        finally:
            compat.deactivate(session.pipeline)
    return _result(session, first)


def sample(job: JobSpec, make_source: Callable[[], typing.Any], *, state: Path) -> Session:
    """Extracts and normalizes a limited job, and loads nothing; its packages stay in ``state``.

    Raises as ``run`` does.
    """
    steps = Steps()
    with _prepared(job, steps):
        session = _start(job, steps, state)
        _extract(session, make_source)
        loading.normalize(session)
    return session


@contextmanager
def _prepared(job: JobSpec, steps: Steps) -> Iterator[None]:
    """Within the body dlt has ``SETTINGS``. Raises StepError around any exception but JobFailed."""
    before = {name: os.environ.get(name) for name in SETTINGS}
    os.environ.update(SETTINGS)
    try:
        with switch.running(job.fast):
            yield
    except JobFailed:
        raise
    except BaseException as exc:
        raise StepError(steps.current, exc) from exc
    finally:
        steps.stop()
        for name, value in before.items():
            os.environ.pop(name, None)  # the source may have removed it
            if value is not None:
                os.environ[name] = value


def _start(job: JobSpec, steps: Steps, state: Path) -> Session:
    with steps.step("start"):
        limited = job.limit is not None
        work = Workdir(state / "limited" if limited else state, job.pipeline_name)
        if limited:
            shutil.rmtree(state / "limited", ignore_errors=True)

        def open_pipeline() -> typing.Any:
            pipeline = dlt.pipeline(
                pipeline_name=job.pipeline_name,
                pipelines_dir=str(work.pipelines),
                destination=destination.build(job.destination, file_format=job.loader_file_format),
                dataset_name=dataset_of(job),
                progress=collector(steps),
            )
            if limited:
                pipeline.config.restore_from_destination = False
            return pipeline

        session = Session(job=job, steps=steps, work=work, open_pipeline=open_pipeline)
        restore.open_pipeline(session)
        return session


def dataset_of(job: JobSpec) -> str:
    """The dataset that this job's rows go to: a throw-away one for a limited run."""
    return job.dataset_name + LIMITED_SUFFIX if job.limit is not None else job.dataset_name


def _sync(session: Session, make_source: Callable[[], typing.Any]) -> bool:
    with session.at_destination("restore"), ledger.held(session):
        first = restore.restore(session)
    known = set(session.tables())
    first = first or not known
    loading.finish_leftovers(session)
    edits.apply(session)
    session.known = {} if session.job.full_refresh else session.tables()
    by_interval = set() if session.job.full_refresh else merges.loaded_only_by_intervals(session)
    _extract(session, make_source)
    loading.normalize(session)
    merges.note_appends(session, known, by_interval)
    _note_texts(session)
    loading.load(session)
    session.dataset = compat.dataset_of(session.pipeline)
    return first


def _limited(session: Session, make_source: Callable[[], typing.Any]) -> bool:
    """A look at the source's first rows. Neither its state nor its tables are touched."""
    _extract(session, make_source)
    loading.normalize(session)
    with session.at_destination("load"):
        session.retry_while_locked(lambda: compat.drop_dataset(session.pipeline))
    loading.load(session)
    session.dataset = compat.dataset_of(session.pipeline)
    session.steps.note(
        f"limited to {session.job.limit} pages of each resource, into dataset "
        f"{session.dataset}, which the next limited run replaces; no cursor was saved"
    )
    shutil.rmtree(session.work.pipelines.parent, ignore_errors=True)
    return False


def _extract(session: Session, make_source: Callable[[], typing.Any]) -> None:
    fitted = decimals.fitted_tables(session.steps, session.job.destination.kind)
    with session.steps.step("extract"), fitted, imported_files.with_load_ids():
        sources: list[typing.Any] = []
        try:
            with session.work.extracting():
                _extract_once(session, make_source, sources)
        except Exception as exc:
            if not resources.declare_return(exc, selection.resources_of(sources)):
                raise
            with session.work.extracting():
                _extract_once(session, make_source, [])


def _extract_once(session: Session, make_source: Callable[[], typing.Any], sources: list[typing.Any]) -> None:
    """Extracts; ``sources`` is given those that are made, for whoever catches what this raises."""
    with intervals.context(session) as run:
        sources += selection.select(session, make_source())
        if not sources:
            session.steps.note(f"{session.job.function} returned no resource: nothing is extracted")
            return
        chosen = sources if run is None else run.choose(sources)
        if chosen:
            _extract_sources(session, chosen)
        if run is not None:
            run.check_taken()


def _extract_sources(session: Session, sources: typing.Sequence[typing.Any]) -> None:
    job = session.job
    names = list(dict.fromkeys(source.schema.name for source in sources))
    refresh = None
    if job.full_refresh and job.limit is None:
        with session.at_destination("restore"):
            refresh = session.retry_while_locked(lambda: restore.prepare_refresh(session, names))
    restore.remember_extracting(session, sources, refresh)
    selection.apply_contract(session, sources, refresh)
    with switch.extracting(job.fast, sources):
        session.pipeline.extract(sources, refresh=refresh)
    selection.check_keys(session, sources)


def _cursors(state: typing.Mapping[str, typing.Any]) -> dict[str, str]:
    """The incremental cursors: ``resource.path`` to the last value as text."""
    found = {place: cursor.get("last_value") for place, cursor in edits.cursors_of(state).items()}
    return {place: str(value) for place, value in found.items() if value is not None}


def _note_texts(session: Session) -> None:
    """Says why a source may have given no row at all: its cursor is a text, and what it reads has dates."""
    if any(not table.startswith("_dlt") for table in session.tables_with_rows()):
        return
    for name, start in incrementals.begins_at_a_text(_cursors(session.pipeline.state)).items():
        session.steps.note(
            f"{name}: no row came, and the cursor begins at a text ('{start}'): if the source has dates, "
            f"begin at one (initial_value: !!timestamp {start})"
        )


def _additions(session: Session) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The tables and the columns that this run added to those that were known; none where none were."""
    if not session.known:
        return (), ()
    now = session.tables()
    columns = (
        f"{table}.{column}"
        for table, found in now.items()
        if table in session.known
        for column in sorted(found - set(session.known[table]))
    )
    return tuple(table for table in now if table not in session.known), tuple(columns)


def _result(session: Session, first: bool) -> Result:
    job, pipeline = session.job, session.pipeline
    new_tables, new_columns = _additions(session)
    state = {} if job.limit is not None else pipeline.state
    return Result(
        status="ok",
        exit_code=int(ExitCode.OK),
        rows=session.rows,
        seconds={name: round(value, 3) for name, value in session.steps.seconds.items()},
        load_ids=tuple(session.load_ids),
        resumed_load_ids=tuple(session.resumed),
        bytes=session.bytes,
        notes=tuple(session.steps.notes),
        cursors=_cursors(state),
        new_tables=new_tables,
        new_columns=new_columns,
        first_run=first,
        dataset=session.dataset,
        location=destination.shown(job.destination),
        versions={**results.versions(), **destination.driver_versions(job.destination)},
    )
