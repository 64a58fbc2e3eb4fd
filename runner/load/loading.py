"""Normalizes and loads packages, and finishes those that a killed run left behind."""

from __future__ import annotations

import time
import typing
from contextlib import ExitStack, suppress

from runner.contract import FailureKind
from runner.explain.causes import unwrap
from runner.explain.classify import JobFailed, classify
from runner.explain.wording import counted
from runner.load import compat, decimals
from runner.load.fast import switch
from runner.load.recover import ledger, packages, undo
from runner.load.recover.claims import claim
from runner.load.recover.restore import restart
from runner.load.recover.shared_tables import completed, is_sql
from runner.load.session import Session

TRIES = 5
"""How often a load is tried in one run, if its failure is transient."""
_HOPELESS = frozenset(
    {
        FailureKind.NORMALIZE,
        FailureKind.SCHEMA_CONTRACT,
        FailureKind.LOAD,
        FailureKind.STATE,
        FailureKind.INTERNAL,
    }
)


def normalize(session: Session) -> None:
    """Normalizes what was extracted and counts its rows. Raises dlt's exceptions."""
    fast = switch.normalizing(session.job.fast)
    with session.steps.step("normalize"), decimals.fitted_rows(session.steps), fast:
        info = session.pipeline.normalize()
    for load_id, parts in (info.metrics if info is not None else {}).items():
        rows = session.counted.setdefault(load_id, {})
        for part in parts:
            for table, metrics in part["table_metrics"].items():
                rows[table] = rows.get(table, 0) + metrics.items_count


def load(session: Session, *, ours: bool = True) -> None:
    """Loads all packages that are ready, each job once, whatever failed or was killed before.

    ``ours`` is False for packages of an earlier run. Raises dlt's exceptions, and KeyboardInterrupt
    where the run was told to stop before all was loaded.
    """
    pipeline = session.pipeline
    with session.at_destination("load"):
        load_ids = list(pipeline.list_normalized_load_packages())
        if not load_ids and not (ours and session.cut_off):
            return
        _count(session, load_ids)
        with ledger.held(session) as hold:
            session.retry_while_locked(lambda: claim(session, load_ids))
            if not session.work.memory().swept:
                session.retry_while_locked(lambda: undo.sweep(session, _schemas(session, load_ids)))
            session.work.change(loading=tuple(load_ids), swept=True)
            if not ours:
                session.retry_while_locked(lambda: _settle(session, load_ids))
            if not load_ids:
                return
            _load_all(session, hold)
        if pipeline.list_normalized_load_packages():
            # dlt heard a signal, let the running jobs end and left the others for the next run
            raise KeyboardInterrupt
        session.work.change(loading=(), loaded=True, stored=None)
        session.work.prune()
        (session.load_ids if ours else session.resumed).extend(load_ids)


def _load_all(session: Session, hold: ExitStack) -> None:
    for attempt in range(1, TRIES + 1):
        try:
            if attempt > 1:
                _settle(session, session.pipeline.list_normalized_load_packages())
            with switch.loading(session.job.fast, session.pipeline):
                session.retry_while_locked(session.pipeline.load)
            return
        except Exception as exc:
            hold.close()  # after some errors DuckDB refuses all until the file was closed
            # dlt would run a job again that may have been committed, where only the answer got
            # lost; so it is told to give up at the first failure, and the rest is done here
            retried = any(type(link).__name__ == "LoadClientJobRetry" for link in unwrap(exc))
            if attempt == TRIES or not (retried or classify(exc, "load").transient):
                raise
            time.sleep(min(2.0 ** (attempt - 1), 8.0))


def _schemas(session: Session, load_ids: typing.Sequence[str]) -> list[typing.Any]:
    """The schemas that this run knows, those of the packages, and those of loads that were cut off."""
    _, store = compat.storages(session.pipeline)
    ours = {schema.name: schema for schema in session.known_schemas()}
    ours.update({schema.name: schema for schema in map(store.load_schema, load_ids)})
    for name, _ in session.cut.values():
        ours.setdefault(name, compat.blank_schema(session.pipeline, name))
    return list(ours.values())


def _settle(session: Session, load_ids: typing.Sequence[str]) -> None:
    """Prepares packages of a killed run, so that dlt can load them without a row twice."""
    load_storage, store = compat.storages(session.pipeline)
    for load_id in load_ids:
        schema = store.load_schema(load_id)
        with compat.client_for(session.pipeline, schema) as client:
            done = is_sql(client) and load_id in completed(client, [load_id])
        if done:
            load_storage.complete_load_package(load_id, False)
        else:
            undo.undo_started(session, load_id)


def _count(session: Session, load_ids: typing.Sequence[str]) -> None:
    """Adds the packages' rows and bytes to this run's.

    Packages that an earlier run normalized are counted by their files, which are read for it.
    """
    _, store = compat.storages(session.pipeline)
    for load_id in load_ids:
        schema = store.load_schema(load_id)
        files = packages.files_of(compat.package_folder(store, load_id))
        session.bytes += sum(file.stat().st_size for file in files)
        rows = session.counted.get(load_id)
        if rows is None:
            rows = {}
            for file in files:
                table = packages.table_of(file.name)
                # statements and references hold no rows
                with suppress(packages.UnreadableFile), file.open("rb") as stream:
                    rows[table] = rows.get(table, 0) + packages.row_count(stream, file.name)
        for table, count in rows.items():
            if count and table in schema.tables and table not in schema.dlt_table_names():
                session.rows[table] = session.rows.get(table, 0) + count


def finish_leftovers(session: Session) -> None:
    """Finishes packages that a killed or failed run left; if that is impossible, extracts their rows again.

    Raises transient failures (the destination can't be reached), so that no package is discarded for them.
    """
    pipeline = session.pipeline
    outer = session.steps.current
    session.work.drop_normalized_twice(
        pipeline.list_extracted_load_packages(), pipeline.list_normalized_load_packages()
    )
    if not pipeline.has_pending_data:
        return
    try:
        if pipeline.list_extracted_load_packages():
            normalize(session)
        load(session, ours=False)
    except JobFailed:
        raise
    except Exception as exc:
        failure = classify(exc, session.steps.current)
        if failure.transient or failure.kind not in _HOPELESS:
            raise
        session.steps.note(
            f"a load that an earlier run left can't be finished ({failure.message}); "
            "its rows are extracted anew"
        )
        session.steps.current = outer
        session.rows.clear()
        session.bytes = 0
        with session.at_destination("restore"):
            restart(session)
        return
    if session.resumed:
        count = sum(session.rows.values())
        session.steps.note(f"finished the load that an earlier run had left: {counted(count, 'row')}")
