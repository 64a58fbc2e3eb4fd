"""Undoes what a killed load left in the destination, so that it can be finished or done anew.

Two cases, both of which dlt alone turns into doubled rows:

- The working directory is there: a job's rows may stand in the table while its file still lies in
  ``started_jobs``, and dlt runs it again. ``undo_started`` deletes those rows first, by ``_dlt_id``.
- The working directory is lost: rows of a load that was never completed stand in the tables, and
  dlt extracts them again. ``sweep`` deletes rows whose ``_dlt_load_id`` isn't in ``_dlt_loads``, then
  children without a parent.
"""

from __future__ import annotations

import typing
from contextlib import nullcontext, suppress
from datetime import datetime
from pathlib import Path

from dlt.common.destination.capabilities import DestinationCapabilitiesContext
from dlt.common.destination.exceptions import DestinationUndefinedEntity
from dlt.common.pendulum import pendulum
from dlt.common.schema.utils import (
    get_active_record_timestamp,
    get_nested_tables,
    get_root_table,
    get_validity_column_names,
)

from runner.explain.wording import counted
from runner.load import compat
from runner.load.recover import packages, shared_tables
from runner.load.recover.files import sweep_files
from runner.load.recover.shared_tables import is_sql, other_pipelines, stored_schema, whole_schema
from runner.load.session import Session

BATCH = 2000
"""Row ids in one DELETE statement: below every destination's limit on parameters."""


def undo_started(session: Session, load_id: str) -> None:
    """Deletes what the package's unfinished jobs have loaded.

    It may be killed and repeated. A note names the files for which this is impossible.
    """
    _, store = compat.storages(session.pipeline)
    schema = store.load_schema(load_id)
    with compat.client_for(session.pipeline, schema) as client:
        if not is_sql(client):
            # files are written under the same name again, which undoes them
            return
        folder = compat.package_folder(store, load_id)
        started = sorted((folder / "started_jobs").glob("*"))
        # a job that dlt has put back for another try may have been committed all the same, where
        # the connection broke before the answer came
        retried = [f for f in sorted((folder / "new_jobs").glob("*")) if _retries(f.name) > 0]
        for file in [*started, *retried]:
            if compat.committed_already(store, load_id, file.name):
                continue
            if file.name.endswith(".sql"):
                if file in started and _swapped(client, schema, packages.table_of(file.name), load_id):
                    store.complete_job(load_id, file.name)
                    continue
                _undo_append(client, schema, packages.table_of(file.name))
            else:
                _undo_file(session, client, schema, file)
        _drop_premature(schema, folder, started)


def _retries(file_name: str) -> int:
    parts = file_name.split(".")
    return int(parts[2]) if len(parts) > 3 and parts[2].isdigit() else 0


def _undo_file(session: Session, client: typing.Any, schema: typing.Any, file: Path) -> None:
    table = packages.table_of(file.name)
    if table not in schema.tables:
        return
    column = schema.naming.normalize_identifier("_dlt_id")
    try:
        ids = list(packages.row_ids(file, column))
    except packages.UnreadableFile as exc:
        if file.stat().st_size:
            session.steps.note(
                f"a killed run had begun to load {file.name} and its rows can't be told apart ({exc}): "
                f"table {table} may hold some of them twice"
            )
        return
    sql, staged = client.sql_client, client.should_load_data_to_staging_dataset(table)
    with client.with_staging_dataset() if staged else nullcontext(), suppress(DestinationUndefinedEntity):
        name, escaped = sql.make_qualified_table_name(table), sql.escape_column_name(column)
        for start in range(0, len(ids), BATCH):
            part = ids[start : start + BATCH]
            marks = ",".join(["%s"] * len(part))
            sql.execute_sql(f"DELETE FROM {name} WHERE {escaped} IN ({marks})", *part)


def _undo_append(client: typing.Any, schema: typing.Any, root: str) -> None:
    """Undoes a merge that had no key to merge by: dlt then appends, and would do it twice."""
    table = schema.tables.get(root)
    if (
        table is None
        or table.get("write_disposition") != "merge"
        or table.get("x-merge-strategy", "delete-insert") != "delete-insert"
        or compat.has_key(table)
    ):
        return
    sql = client.sql_client
    column = sql.escape_column_name(schema.naming.normalize_identifier("_dlt_id"))
    for nested in get_nested_tables(schema.tables, root):
        main, staging = sql.get_qualified_table_names(nested["name"])
        with suppress(DestinationUndefinedEntity):
            sql.execute_sql(f"DELETE FROM {main} WHERE {column} IN (SELECT {column} FROM {staging})")


def _swapped(client: typing.Any, schema: typing.Any, root: str, load_id: str) -> bool:
    """Whether a replaced table was already swapped with its staging table, in one transaction.

    The staging table is empty then, and a second swap would leave the table without rows.
    """
    table = schema.tables.get(root)
    column = schema.naming.normalize_identifier("_dlt_load_id")
    if table is None or table.get("write_disposition") != "replace" or column not in table["columns"]:
        return False
    if client.prepare_load_table(root).get("x-replace-strategy") != "staging-optimized":
        return False
    if not client.capabilities.supports_ddl_transactions:
        return False
    sql = client.sql_client
    name, escaped = sql.make_qualified_table_name(root), sql.escape_column_name(column)
    try:
        found = sql.execute_sql(f"SELECT COUNT(*) FROM {name} WHERE {escaped} = %s", load_id)
    except DestinationUndefinedEntity:
        return False
    return bool(found and found[0][0])


def _drop_premature(schema: typing.Any, folder: Path, started: typing.Sequence[Path]) -> None:
    """Deletes pending merges of jobs that are about to run again, because those jobs create them again."""
    names = {packages.table_of(file.name) for file in started if not file.name.endswith(".sql")}
    roots = {get_root_table(schema.tables, name)["name"] for name in names if name in schema.tables}
    for statement in (folder / "new_jobs").glob("*.sql"):
        if packages.table_of(statement.name) in roots:
            statement.unlink()


def sweep(session: Session, schemas: typing.Sequence[typing.Any]) -> None:
    """Deletes rows (or files) of loads that were never completed.

    ``schemas`` are those that this run is about to load. Tables that another pipeline may own
    too are left alone, and noted.
    """
    for schema in schemas:
        with compat.client_for(session.pipeline, schema) as client:
            if not client.is_storage_initialized():
                continue
            known = stored_schema(client, schema.name)
            if known is None:
                continue
            known = whole_schema(client, known)
            others = other_pipelines(client, session.job.pipeline_name, known)
            owners = {name: others.owner_of(name) for name in known.data_table_names()}
            owned = [name for name, owner in owners.items() if owner is None]
            for owner in sorted({owner for owner in owners.values() if owner is not None}):
                shared = ", ".join(sorted(name for name, theirs in owners.items() if theirs == owner))
                session.steps.note(
                    f"tables shared with pipeline {owner}: {shared}. Rows of a load that was cut off "
                    "can't be told from those that it is loading, and may stand there twice"
                )
            if not is_sql(client):
                sweep_files(session, client, known, owned)
                continue
            _reinstate(session, client, known, owned)
            if found := _sweep_tables(client, known, owned):
                session.steps.note(
                    f"removed, and loaded again: {counted(found, 'row')} of a load that was cut off"
                )


def _sweep_tables(client: typing.Any, schema: typing.Any, names: typing.Sequence[str]) -> int:
    sql = client.sql_client
    load_id, row_id, parent_id = (
        schema.naming.normalize_identifier(c) for c in ("_dlt_load_id", "_dlt_id", "_dlt_parent_id")
    )
    columns = {name: set(found) for name, found in client.get_storage_tables(names)}
    loads = sql.make_qualified_table_name(schema.loads_table_name)
    deleted = 0
    for name in names:
        if load_id not in columns.get(name, ()):
            continue
        table, escaped = sql.make_qualified_table_name(name), sql.escape_column_name(load_id)
        deleted += _delete_where(
            sql, table, f"{escaped} NOT IN (SELECT {shared_tables.column(client, 'load_id')} FROM {loads})"
        )
    for name in sorted(names, key=lambda n: _depth(schema, n)):
        parent = schema.tables[name].get("parent")
        if not parent or parent_id not in columns.get(name, ()) or row_id not in columns.get(parent, ()):
            continue
        table, above = sql.make_qualified_table_name(name), sql.make_qualified_table_name(parent)
        escaped, key = sql.escape_column_name(parent_id), sql.escape_column_name(row_id)
        deleted += _delete_where(
            sql, table, f"{escaped} NOT IN (SELECT {key} FROM {above} WHERE {key} IS NOT NULL)"
        )
    return deleted


def _reinstate(session: Session, client: typing.Any, schema: typing.Any, names: typing.Sequence[str]) -> None:
    """Makes history (scd2) records valid again that only an interrupted load has retired.

    dlt sets their end to the creation time of the load's package.
    """
    tables = [
        name
        for name in names
        if schema.tables[name].get("x-merge-strategy") == "scd2"
        and not schema.tables[name].get("x-boundary-timestamp")
    ]
    if not tables or not session.cut:
        return
    sql, caps = client.sql_client, client.capabilities
    plain = DestinationCapabilitiesContext.generic_capabilities().format_datetime_literal
    literal = caps.format_datetime_literal or plain
    columns = {name: set(found) for name, found in client.get_storage_tables(tables)}
    for name in tables:
        _, until = get_validity_column_names(schema.tables[name])
        if until not in columns.get(name, ()):
            continue
        active = get_active_record_timestamp(schema.tables[name])
        open_end = "NULL" if active is None else literal(active, caps.timestamp_precision)
        table, column = sql.make_qualified_table_name(name), sql.escape_column_name(until)
        for of, made in session.cut.values():
            if of != schema.name:
                continue
            end = literal(
                pendulum.instance(datetime.fromisoformat(made)),
                caps.timestamp_precision,
                no_tz=not caps.supports_tz_aware_datetime,
            )
            sql.execute_sql(f"UPDATE {table} SET {column} = {open_end} WHERE {column} = {end}")


def _delete_where(sql: typing.Any, table: str, condition: str) -> int:
    count = sql.execute_sql(f"SELECT COUNT(*) FROM {table} WHERE {condition}")[0][0]
    if count:
        sql.execute_sql(f"DELETE FROM {table} WHERE {condition}")
    return int(count)


def _depth(schema: typing.Any, name: str) -> int:
    depth = 0
    while parent := schema.tables[name].get("parent"):
        name, depth = parent, depth + 1
    return depth
