"""Claims the destination for a load before it begins, and settles what earlier claims left open.

The record at the destination (see ``ledger``) is written first, and by it every other state folder can tell
that it is out of date. Rows are removed or loaded only after that.
"""

from __future__ import annotations

import dataclasses
import typing
import uuid

from dlt.common.schema import Schema
from dlt.common.versioned_state import compress_state, decompress_state

from runner.contract import FailureKind
from runner.explain.classify import JobFailed
from runner.load import compat
from runner.load.recover import ledger
from runner.load.recover.ledger import Loads, Record
from runner.load.recover.shared_tables import is_sql, stored_schema
from runner.load.session import Session
from runner.load.workdir import Memory

Refresh = typing.Mapping[str, typing.Mapping[str, typing.Any]]


def newest(memory: Memory, found: Record | None) -> bool:
    """Whether the newest record is one that this folder has written or seen."""
    return found is None or found.epoch in (memory.epoch, memory.claiming)


def claim(session: Session, load_ids: typing.Sequence[str]) -> None:
    """Records at the destination that these packages, and their full refresh, are about to be loaded.

    Raises JobFailed (transient) if another load began after this run had looked.
    """
    if session.job.limit is not None or not ledger.can_record(session):
        return
    with ledger.opened(session):
        found = ledger.read(session) or Record()
        memory = session.work.memory()
        if not newest(memory, found):
            raise JobFailed.of(
                FailureKind.STATE,
                "another machine has started to load this source since this run began",
                "sync again: what it has loaded by then is skipped",
                transient=True,
            )
        done = ledger.ended(session, found.loads) if found.refresh or not memory.swept else set(found.loads)
        cut = {} if memory.swept else {**found.cut, **_without(found.loads, done)}
        states = _states(session, load_ids)
        # some of a load's packages may have ended before it was cut off: it is still one load
        loads = dict(found.loads) if set(found.loads) & set(load_ids) else {}
        for load_id, (schema, state) in states.items():
            loads[load_id] = [schema.name, state["created_at"].isoformat()]
        session.cut = _without(cut, loads)
        _begin(
            session,
            found,
            loads=loads,
            cut=session.cut,
            refresh=_joined(_open_refresh(found, done), _refresh_of(memory, states)),
        )


def settle(session: Session, found: Record | None) -> Refresh:
    """Undoes loads of which only some packages are complete, before the state is read.

    There must be no pending package. Returns the full refresh that was interrupted, if there is one.
    """
    if found is None:
        return {}
    memory = session.work.memory()
    doubtful = not newest(memory, found) or bool(memory.loading) or not memory.swept
    if not (doubtful or found.refresh or found.cut):
        return {}
    done = ledger.ended(session, {**found.loads, **found.cut})
    left = _without(found.loads, done)
    half = done & {*found.cut, *(found.loads if left else ())}
    session.cut_off = bool(left or found.cut)
    refresh = _open_refresh(found, done)
    if refresh or half:
        cut = {**found.cut, **(found.loads if left else {})}
        found = _begin(session, found, loads={}, cut=cut, refresh=refresh)
    if doubtful or half:
        ledger.forget(session, half)
    swept = memory.swept and not doubtful and not half
    session.work.change(epoch=found.epoch, claiming="", loading=(), swept=swept)
    return refresh


def start_over(session: Session, refresh: Refresh) -> None:
    """Continues an interrupted full refresh: empties its tables and resets its cursors."""
    for name, part in refresh.items():
        resources = part["resources"]
        with session.pipeline.managed_state() as state:
            kept = (state.get("sources") or {}).get(name, {})
            for resource in list(kept.get("resources") or {}) if resources is None else resources:
                (kept.get("resources") or {}).pop(resource, None)
            if resources is None:
                (state.get("sources") or {}).pop(name, None)
            # or dlt would not store it with the next load
            state["_local"].pop("_last_extracted_hash", None)
        with compat.client_for(session.pipeline, compat.blank_schema(session.pipeline, name)) as client:
            if not client.is_storage_initialized():
                continue
            if part.get("schema") and stored_schema(client, name) is None:
                # dlt deletes it with the tables, and it knows the others too
                compat.adopt_schema(session.pipeline, Schema.from_dict(decompress_state(part["schema"])))
            tables = list(part["tables"])
            if is_sql(client):
                tables = [table for table, columns in client.get_storage_tables(tables) if columns]
            if tables:
                client.initialize_storage(truncate_tables=tables)
    if refresh:
        session.steps.note(
            "a full refresh was interrupted: its tables are emptied and its cursors reset, "
            "so everything is loaded again"
        )


def _begin(session: Session, found: Record, **changes: typing.Any) -> Record:
    record = dataclasses.replace(found, version=found.version + 1, epoch=uuid.uuid4().hex, **changes)
    # should this run die in between, the destination may have either
    session.work.change(epoch=found.epoch, claiming=record.epoch)
    ledger.write(session, record)
    session.work.change(epoch=record.epoch, claiming="")
    return record


def _open_refresh(found: Record, done: typing.Collection[str]) -> Refresh:
    return {} if found.loads and set(found.loads) <= set(done) else found.refresh


def _joined(one: Refresh, other: Refresh) -> Refresh:
    """Joins two refreshes. ``resources`` is None for all resources of a source."""
    found = dict(one)
    for name, part in other.items():
        known = found.get(name, {"tables": [], "resources": []})
        named = (known["resources"], part["resources"])
        found[name] = {
            "tables": sorted({*known["tables"], *part["tables"]}),
            "resources": None if None in named else sorted({*named[0], *named[1]}),
            "schema": part.get("schema", ""),
        }
    return found


def _without(loads: Loads, others: typing.Collection[str]) -> Loads:
    return {load_id: made for load_id, made in loads.items() if load_id not in others}


def _states(
    session: Session, load_ids: typing.Sequence[str]
) -> dict[str, tuple[typing.Any, typing.Mapping[str, typing.Any]]]:
    """The packages' schemas and states."""
    _, store = compat.storages(session.pipeline)
    return {
        load_id: (store.load_schema(load_id), store.get_load_package_state(load_id)) for load_id in load_ids
    }


def _refresh_of(
    memory: Memory, states: typing.Mapping[str, tuple[typing.Any, typing.Mapping[str, typing.Any]]]
) -> dict[str, dict[str, typing.Any]]:
    found = {}
    for schema, state in states.values():
        dropped = state.get("dropped_tables") or []
        if dropped or schema.name in memory.refresh:
            resources = sorted({table["resource"] for table in dropped if "resource" in table})
            found[schema.name] = {
                "tables": sorted(table["name"] for table in dropped),
                "resources": memory.refresh.get(schema.name, resources),
                "schema": str(compress_state(schema.to_dict())),
            }
    return found
