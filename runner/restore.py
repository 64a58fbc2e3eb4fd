"""Opens the pipeline and brings its state in line with what the destination holds."""

from __future__ import annotations

import dataclasses
import typing

from runner import compat
from runner.contract import Failure, FailureKind
from runner.failures import JobFailed, classify, unwrap
from runner.neighbours import keeps_state, neighbours, stored_schema, whole_schema
from runner.session import Session
from runner.workdir import Memory

_NOT_UNREADABLE = ("DestinationException", "ConfigurationException", "MissingDependencyException", "OSError")
_GARBLED = frozenset({"SchemaException", "VersionNoUpgradePathException", "CannotRestorePipelineException"})
_TORN = "the working directory could not be read; it is emptied and restored from the destination"


def open_pipeline(session: Session) -> None:
    """Opens the pipeline on its working directory, or on an empty one where that is torn.

    An extract that was cut off is taken back first. Raises dlt's configuration errors.
    """
    cut_off = session.work.undo_extract()
    if session.job.full_refresh:
        session.work.empty()
    existed = session.work.exists
    if not existed:
        # what is remembered was of a folder that is gone
        session.work.empty()
    try:
        session.pipeline = session.open_pipeline()
        _probe(session.pipeline)
    except Exception as exc:
        if not existed or not _unreadable(exc):
            raise
        session.steps.note(_TORN)
        session.start_anew()
        existed = False
    if cut_off:
        session.steps.note("an earlier run was cut off while extracting; what it had read is read again")
    where = _address(session)
    memory = session.work.memory()
    if existed and memory.destination != where:
        if memory.destination:
            session.steps.note("the destination or its dataset has changed: the state is restored from there")
        session.start_anew()
    if session.work.memory().destination != where:
        session.work.remember(Memory(destination=where))


def _address(session: Session) -> str:
    to = session.job.destination
    client = session.pipeline.destination_client()
    parts = (to.type, to.name, to.file or "", session.job.dataset_name, client.config.fingerprint())
    return "|".join(parts)


def _probe(pipeline: typing.Any) -> None:
    """Reads all that a run relies on. Raises whatever reading it raises."""
    pipeline.state  # noqa: B018 (reads the file)
    for name in pipeline.schema_names:
        pipeline.schemas[name]
    for load_id in (*pipeline.list_extracted_load_packages(), *pipeline.list_normalized_load_packages()):
        pipeline.get_load_package_info(load_id)


def _unreadable(exc: BaseException) -> bool:
    """Whether what was read is damaged, rather than out of reach."""
    for link in unwrap(exc):
        names = {base.__name__ for base in type(link).__mro__}
        if isinstance(link, FileNotFoundError | NotADirectoryError | IsADirectoryError):
            continue
        if names & set(_NOT_UNREADABLE) or not isinstance(link, Exception):
            return False
    return True


def _garbled(exc: BaseException) -> bool:
    """Whether what the destination stores could be fetched and not be understood."""
    import zlib

    meant = (ValueError, LookupError, TypeError, AttributeError, EOFError, zlib.error)
    links = list(unwrap(exc))
    understood = any(
        isinstance(link, meant) or {base.__name__ for base in type(link).__mro__} & _GARBLED for link in links
    )
    failure = classify(exc, "restore")
    return understood and not failure.transient and _unreadable(exc)


def restore(session: Session) -> bool:
    """Takes over state and schemas from the destination where they are newer or lost here.

    Returns whether nothing of this pipeline was there before. Raises JobFailed (state) where what
    is stored can't be read, save for a full refresh, which starts over from the tables alone.
    """
    memory = session.work.memory()
    stored = _sync(session)
    if not keeps_state(session.pipeline.destination_client()):
        session.steps.note(
            "this destination keeps no state: should the state directory be lost, or a load be killed "
            "on the way, rows may arrive twice"
        )
        lost = [load_id for load_id in memory.loading if not _pending(session, load_id)]
        if not all(_completed(session, load_id) for load_id in lost):
            session.steps.note("dlt gave an earlier load up: all is loaded again")
            _anew(session)
    elif not session.pipeline.has_pending_data and not _agrees(session.pipeline, stored):
        if stored is None and memory.loaded:
            session.steps.note("the destination no longer holds this pipeline's tables: all is loaded again")
        else:
            session.steps.note(
                "the state directory is ahead of the destination, with nothing left to load: what was "
                "lost on the way is extracted anew"
            )
        restart(session)
    return stored is None and not session.pipeline.default_schema_name


def _agrees(pipeline: typing.Any, stored: typing.Mapping[str, typing.Any] | None) -> bool:
    """Whether the cursors here are those of the rows in the destination."""
    return (pipeline.state.get("sources") or {}) == ((stored or {}).get("sources") or {})


def restart(session: Session) -> None:
    """Empties the working directory and restores it from the destination."""
    _anew(session)
    _sync(session)


def _anew(session: Session) -> None:
    where = session.work.memory().destination
    session.start_anew()
    session.work.remember(Memory(destination=where))


def _sync(session: Session) -> typing.Mapping[str, typing.Any] | None:
    """One exchange with the destination; returns the state that it holds of this pipeline."""
    pending = session.pipeline.has_pending_data
    before = session.pipeline.state.get("_version_hash")
    try:
        stored = session.patiently(lambda: compat.synchronize(session.pipeline))
    except JobFailed:
        raise
    except Exception as exc:
        if not _garbled(exc):
            raise
        if not session.job.full_refresh:
            raise JobFailed(
                Failure(
                    FailureKind.STATE,
                    f"the state stored in dataset {compat.dataset_of(session.pipeline)} can't be read",
                    "start over with --full-refresh: it drops this source's tables and loads all anew",
                )
            ) from exc
        session.steps.note("the stored state could not be read; the full refresh replaces it")
        _anew(session)
        return {}
    if pending and session.pipeline.state.get("_version_hash") != before:
        session.steps.note(
            "another machine has loaded this source meanwhile: what an earlier run had extracted here "
            "is left out, as it may be there already"
        )
        _anew(session)
        return _sync(session)
    return stored


def _pending(session: Session, load_id: str) -> bool:
    pipeline = session.pipeline
    return load_id in (*pipeline.list_extracted_load_packages(), *pipeline.list_normalized_load_packages())


def _completed(session: Session, load_id: str) -> bool:
    """Whether dlt ended this package well; old versions end one with a failed job as 'aborted'."""
    try:
        return str(session.pipeline.get_load_package_info(load_id).state) == "loaded"
    except FileNotFoundError:
        return False


def prepare_refresh(session: Session, schema_names: typing.Sequence[str]) -> str:
    """Gets ready to drop this source's tables; returns dlt's refresh mode.

    Tables are dropped in the same load that brings the new rows, so a refresh that fails before
    that changes nothing. Raises JobFailed where a table belongs to another pipeline too.
    """
    mode = "drop_resources" if session.job.resources else "drop_sources"
    for name in schema_names:
        known = session.pipeline.schemas[name] if name in session.pipeline.schema_names else None
        with compat.client_for(session.pipeline, known or _blank(session, name)) as client:
            if known is None and client.is_storage_initialized():
                known = stored_schema(client, name)
                if known is not None:
                    compat.adopt_schema(session.pipeline, known)
            if known is None:
                continue
            others = neighbours(client, session.job.pipeline_name, [known])
            if others.same_schema:
                compat.adopt_schema(session.pipeline, whole_schema(client, known))
        if others.same_schema:
            mode = "drop_resources"
            session.steps.note(
                f"pipeline {others.same_schema[0]} keeps schema {name} in the same dataset: only the "
                "tables of the resources that are loaded now are started over, and if it loads into "
                "them too, it has to be synced with a full refresh as well"
            )
        if others.tables:
            table, owner = next(iter(sorted(others.tables.items())))
            raise JobFailed(
                Failure(
                    FailureKind.CONFIGURATION,
                    f"a full refresh would drop table {table}, which pipeline {owner} loads into as well",
                    "give one of the two a dataset_name of its own",
                )
            )
    return mode


def _blank(session: Session, name: str) -> typing.Any:
    from dlt.common.schema import Schema

    with session.pipeline._maybe_destination_capabilities():
        return Schema(name)


def remember_loading(session: Session, load_ids: typing.Sequence[str]) -> None:
    """Notes the packages that are about to be loaded."""
    session.work.remember(dataclasses.replace(session.work.memory(), loading=tuple(load_ids), swept=True))


def remember_loaded(session: Session) -> None:
    """Notes that all of them went through."""
    session.work.remember(dataclasses.replace(session.work.memory(), loading=(), loaded=True))
