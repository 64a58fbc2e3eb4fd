"""Opens the pipeline and brings its state in line with what the destination holds."""

from __future__ import annotations

import typing
from collections.abc import Callable

from runner.contract import FailureKind
from runner.explain.causes import has_class, unwrap
from runner.explain.classify import JobFailed, classify
from runner.load import compat
from runner.load.recover import ledger
from runner.load.recover.claims import newest, settle, start_over
from runner.load.recover.ledger import Record
from runner.load.recover.shared_tables import keeps_state, other_pipelines, stored_schema, whole_schema
from runner.load.session import Session
from runner.load.workdir import Memory

_NO_DAMAGE = ("DestinationException", "ConfigurationException", "MissingDependencyException", "OSError")
_GARBLED = ("SchemaException", "VersionNoUpgradePathException", "CannotRestorePipelineException")
_GIVEN_UP = "an earlier load was given up: what it had not loaded is extracted again"
_TORN = "the working directory could not be read; it is emptied and restored from the destination"


def open_pipeline(session: Session) -> None:
    """Opens the pipeline on its working directory, or on an empty one where that is torn.

    An interrupted extract is undone first. Raises dlt's configuration errors.
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
    fingerprint = ledger.connected(session).config.fingerprint()
    return "|".join((to.type, to.name, to.file or "", session.job.dataset_name, fingerprint))


def _probe(pipeline: typing.Any) -> None:
    """Reads all that a run relies on. Raises whatever reading it raises."""
    pipeline.state  # noqa: B018 (reads the file)
    for name in pipeline.schema_names:
        pipeline.schemas[name]
    for load_id in (*pipeline.list_extracted_load_packages(), *pipeline.list_normalized_load_packages()):
        pipeline.get_load_package_info(load_id)


def _unreadable(exc: BaseException) -> bool:
    """Whether the error means damaged data, not an unreachable destination."""
    for link in unwrap(exc):
        if isinstance(link, FileNotFoundError | NotADirectoryError | IsADirectoryError):
            continue
        if has_class(link, *_NO_DAMAGE) or not isinstance(link, Exception):
            return False
    return True


def _garbled(exc: BaseException) -> bool:
    """Whether the destination's data could be fetched but not decoded."""
    import zlib

    meant = (ValueError, LookupError, TypeError, AttributeError, EOFError, zlib.error)
    understood = any(isinstance(link, meant) or has_class(link, *_GARBLED) for link in unwrap(exc))
    return understood and not classify(exc, "restore").transient and _unreadable(exc)


def restore(session: Session) -> bool:
    """Restores state and schemas from the destination where they are newer there or lost here.

    Pending packages are kept only if the destination shows that no other load has begun since. Returns
    whether this is the pipeline's first run. Raises JobFailed (state) if the stored state can't be read; a
    full refresh needs only the tables, so it continues.
    """
    if not keeps_state(ledger.connected(session)):
        return _restore_nothing(session)
    memory = session.work.memory()
    found = session.retry_while_locked(lambda: ledger.read(session))
    if found is None:
        session.steps.note(
            "this destination can't hold a record of the loads that were begun: should one be killed and the "
            "state directory be lost, put back or used on two machines, rows may be lost or arrive twice"
        )
    if session.pipeline.has_pending_data:
        given_up = _given_up(session)
        if newest(memory, found) and not given_up and _unchanged(session):
            return False
        session.steps.note(_GIVEN_UP if given_up else _overtaken(memory, found))
        _start_anew(session)
    stored = _take_over(session, found)
    return stored is None and not session.pipeline.default_schema_name


def _restore_nothing(session: Session) -> bool:
    """Restores as far as possible for a destination that stores no state."""
    stored = _asked(session, compat.synchronize)
    session.steps.note(
        "this destination keeps no state: should the state directory be lost, or a load be killed "
        "on the way, rows may arrive twice"
    )
    if _given_up(session):
        session.steps.note(_GIVEN_UP)
        _start_anew(session)
    return stored is None and not session.pipeline.default_schema_name


def _unchanged(session: Session) -> bool:
    """Whether the destination still holds the state from which the pending packages were made, or theirs."""
    before = session.work.memory().stored
    if before is None:
        return True
    return _hash(_asked(session, compat.stored_state)) in (before, _hash(session.pipeline.state))


def _overtaken(memory: Memory, found: Record | None) -> str:
    why = "another machine has loaded this source meanwhile"
    if found is not None and memory.epoch and not found.epoch:
        why = "the destination no longer holds what this state directory knows of it"
    elif not memory.epoch:
        why = "this state directory doesn't know the destination's newest load"
    return f"{why}: what an earlier run had extracted here is discarded, as it may be loaded already"


def _take_over(session: Session, found: Record | None) -> typing.Mapping[str, typing.Any] | None:
    """Makes this folder, which has no pending package, agree with the destination."""
    memory = session.work.memory()
    refresh = session.retry_while_locked(lambda: settle(session, found))
    if refresh:
        _start_anew(session)
    stored = _asked(session, compat.synchronize)
    # the cursors here have to be those of the rows in the destination
    if (session.pipeline.state.get("sources") or {}) != ((stored or {}).get("sources") or {}):
        if stored is None and memory.loaded:
            session.steps.note("the destination no longer holds this pipeline's tables: all is loaded again")
        else:
            session.steps.note(
                "the state directory is ahead of the destination, with nothing left to load: what was "
                "lost in between is extracted again"
            )
        _start_anew(session)
        stored = _asked(session, compat.synchronize)
    session.retry_while_locked(lambda: start_over(session, refresh))
    if session.work.memory().stored != _hash(stored):
        session.work.change(stored=_hash(stored))
    return stored


def _hash(state: typing.Mapping[str, typing.Any] | None) -> str:
    return str((state or {}).get("_version_hash") or "")


def restart(session: Session) -> None:
    """Empties the working directory and restores it from the destination."""
    _start_anew(session)
    _take_over(session, session.retry_while_locked(lambda: ledger.read(session)))


def _start_anew(session: Session) -> None:
    """Empties the working directory, and keeps of its memory only what the destination confirmed."""
    before = session.work.memory()
    session.start_anew()
    session.work.remember(Memory(destination=before.destination, epoch=before.epoch))


def _asked(
    session: Session,
    ask: Callable[[typing.Any], typing.Mapping[str, typing.Any] | None],
) -> typing.Mapping[str, typing.Any] | None:
    """The result of ``ask``; for a full refresh, nothing if the stored data can't be read."""
    try:
        return session.retry_while_locked(lambda: ask(session.pipeline))
    except JobFailed:
        raise
    except Exception as exc:
        if not _garbled(exc):
            raise
        if not session.job.full_refresh:
            raise JobFailed.of(
                FailureKind.STATE,
                f"the state stored in dataset {compat.dataset_of(session.pipeline)} can't be read",
                "start over with --full-refresh: it drops this source's tables and reloads everything",
            ) from exc
        session.steps.note("the stored state could not be read; the full refresh replaces it")
        _start_anew(session)
        return {}


def _given_up(session: Session) -> bool:
    """Whether dlt's loader gave up a package: it is neither complete nor pending.

    Old versions of dlt do so when a job fails. The other packages must not be loaded without it then.
    """
    pipeline = session.pipeline
    there = {*pipeline.list_extracted_load_packages(), *pipeline.list_normalized_load_packages()}
    return any(
        load_id not in there and not _completed(session, load_id) for load_id in session.work.memory().loading
    )


def _completed(session: Session, load_id: str) -> bool:
    """Whether dlt ended this package well; old versions end one with a failed job as 'aborted'."""
    try:
        return str(session.pipeline.get_load_package_info(load_id).state) == "loaded"
    except FileNotFoundError:
        return False


def prepare_refresh(session: Session, schema_names: typing.Sequence[str]) -> str:
    """Prepares dropping this source's tables; returns dlt's refresh mode.

    Tables are dropped in the same load that brings the new rows, so a refresh that fails before
    that changes nothing. Raises JobFailed where a table belongs to another pipeline too.
    """
    mode = "drop_resources" if session.job.resources else "drop_sources"
    for name in schema_names:
        known = session.pipeline.schemas[name] if name in session.pipeline.schema_names else None
        with compat.client_for(
            session.pipeline, known or compat.blank_schema(session.pipeline, name)
        ) as client:
            if known is None and client.is_storage_initialized():
                known = stored_schema(client, name)
            if known is None:
                continue
            known = whole_schema(client, known)
            compat.adopt_schema(session.pipeline, known)
            others = other_pipelines(client, session.job.pipeline_name, known)
        if others.same_schema:
            mode = "drop_resources"
            session.steps.note(
                f"pipeline {others.same_schema[0]} keeps schema {name} in the same dataset: only the "
                "tables of the resources that are loaded now are started over, and if it loads into "
                "them too, it has to be synced with a full refresh as well"
            )
        if others.tables:
            table, owner = next(iter(sorted(others.tables.items())))
            raise JobFailed.of(
                FailureKind.CONFIGURATION,
                f"a full refresh would drop table {table}, which pipeline {owner} loads into as well",
                "give one of the two a dataset_name of its own",
            )
    return mode


def remember_extracting(session: Session, sources: typing.Sequence[typing.Any], mode: str | None) -> None:
    """Remembers which resources the next packages load anew, by schema; None is all of a source."""
    refresh: dict[str, list[str] | None] = {}
    for source in sources if mode else ():
        if mode == "drop_sources":
            refresh[source.schema.name] = None
        else:
            names = (resource.name for resource in source.resources.extracted)
            refresh[source.schema.name] = [*(refresh.get(source.schema.name) or ()), *names]
    if session.work.memory().refresh != refresh:
        session.work.change(refresh=refresh)
