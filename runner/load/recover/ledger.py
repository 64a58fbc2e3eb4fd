"""The record of this pipeline's loads at the destination, which every run reads, whatever its state folder.

One row in the table ``_dltpod_loads``, or in a bucket one file in the folder of that name, written
before a load begins: an epoch that no other load has, the load packages, and the full refresh that
they are part of. A load has ended when its packages stand in dlt's own ``_dlt_loads``.

A state folder that doesn't know the newest epoch is out of date. A full refresh whose packages haven't ended
is known to every run, even if the folder that began it is lost.
"""

from __future__ import annotations

import dataclasses
import json
import typing
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field

from dlt.common.destination.exceptions import DestinationUndefinedEntity
from dlt.destinations.exceptions import DatabaseTerminalException

from runner.contract import known_fields
from runner.load import compat
from runner.load.recover.files import completed_loads, forget_early_states, forget_loads, table_files
from runner.load.recover.shared_tables import column, completed, is_sql
from runner.load.session import Session

TABLE = "_dltpod_loads"
"""Named like dlt's own tables, so that it isn't mistaken for data."""
_COLUMNS = {"pipeline_name": "text", "version": "bigint", "record": "text"}

Loads = typing.Mapping[str, typing.Sequence[str]]


@dataclass(frozen=True)
class Record:
    """The newest record of a pipeline; all fields empty where there is none."""

    version: int = 0
    epoch: str = ""
    loads: Loads = field(default_factory=dict)
    """The load packages that were begun: by id, the schema's name and when each was made (ISO 8601)."""
    cut: Loads = field(default_factory=dict)
    """Those of earlier records that never ended, until what they left is removed."""
    refresh: typing.Mapping[str, typing.Mapping[str, typing.Any]] = field(default_factory=dict)
    """The full refresh that the loads are part of, by schema: ``tables``, ``resources`` (None: all), and
    ``schema``, which dlt deletes with the tables."""


def can_record(session: Session) -> bool:
    """Whether the destination can hold a record."""
    if session.ledger_refused:
        return False
    client = connected(session)
    return is_sql(client) or all(hasattr(client, name) for name in ("fs_client", "list_table_files"))


def connected(session: Session) -> typing.Any:
    """A client that knows the record's table, not yet connected. It is made once, because that is slow."""
    if session.ledger is not None:
        return session.ledger
    schema = compat.blank_schema(session.pipeline, "dltpod")
    columns = {n: {"name": n, "data_type": t, "nullable": False} for n, t in _COLUMNS.items()}
    schema.update_table({"name": TABLE, "columns": columns, "resource": TABLE, "write_disposition": "append"})
    # as if read from a store: dlt makes no table of a schema that was changed since
    session.ledger = compat.client_for(session.pipeline, type(schema).from_dict(schema.to_dict()))
    return session.ledger


@contextmanager
def opened(session: Session) -> Iterator[typing.Any]:
    """The client, connected. Nested uses share one connection."""
    client = connected(session)
    if session.ledger_open:
        yield client
        return
    with client:
        session.ledger_open = True
        try:
            yield client
        finally:
            session.ledger_open = False


@contextmanager
def held(session: Session) -> Iterator[ExitStack]:
    """Within the body a DuckDB file stays open, or until what is given is closed.

    Opening one takes 20 ms, and dlt does so for each look and each job. Not where statements or settings of
    the instance are configured: each of dlt's connections runs them anew, and an ATTACH fails in an instance
    that has it. Of other destinations nothing is held, since a server may end a connection that lies idle.
    Raises as ``Session.retry_while_locked`` does.
    """
    to = session.job.destination
    with ExitStack() as stack:
        if to.file and to.kind == "duckdb":
            credentials = connected(session).config.credentials
            if not credentials.global_config and not getattr(credentials, "statements", None):
                session.retry_while_locked(lambda: stack.enter_context(opened(session)))
        yield stack


def read(session: Session) -> Record | None:
    """The newest record, None where the destination can't hold one. Raises dlt's exceptions.

    Creates the table if it is missing, so that a destination that refuses it is known before the run begins.
    """
    if not can_record(session):
        return None
    with opened(session) as client:
        try:
            found = _rows(client, session) if is_sql(client) else _files(client, session)
        except DestinationUndefinedEntity:
            try:
                if client.is_storage_initialized():
                    _make_table(client)
            except DatabaseTerminalException:
                session.ledger_refused = True
                return None
            return Record()
    newest = Record()
    for version, text in sorted(found):
        # one that was torn while it was written counts for its number alone
        with suppress(ValueError, TypeError, AttributeError):
            newest = Record(**known_fields(Record, json.loads(text)))
        newest = dataclasses.replace(newest, version=version)
    return newest


def write(session: Session, record: Record) -> None:
    """Replaces the newest record by the next one, atomically for readers."""
    text = json.dumps(dataclasses.asdict(record))
    with opened(session) as client:
        put = _put_row if is_sql(client) else _put_file
        try:
            put(client, session, record.version, text)
        except (DestinationUndefinedEntity, FileNotFoundError):
            _make_table(client)
            put(client, session, record.version, text)


def ended(session: Session, load_ids: typing.Collection[str]) -> set[str]:
    """Those of the load packages that the destination lists as completed."""
    if not load_ids:
        return set()
    with opened(session) as client:
        return completed(client, load_ids) if is_sql(client) else completed_loads(client) & set(load_ids)


def forget(session: Session, load_ids: typing.Collection[str]) -> None:
    """Treats completed loads, and the states that they stored, as interrupted.

    In a bucket, states of interrupted loads are deleted even if ``load_ids`` is empty.
    """
    if is_sql(connected(session)) and not load_ids:
        return
    with opened(session) as client:
        if is_sql(client):
            loads = client.sql_client.make_qualified_table_name(client.schema.loads_table_name)
            marks = ",".join(["%s"] * len(load_ids))
            one_of_them = f"{column(client, 'load_id')} IN ({marks})"
            client.sql_client.execute_sql(f"DELETE FROM {loads} WHERE {one_of_them}", *load_ids)
        else:
            forget_loads(client, load_ids)
            forget_early_states(client, session.job.pipeline_name)


def _names(client: typing.Any) -> tuple[str, ...]:
    """The record's table and its columns as they stand in a statement."""
    table = client.sql_client.make_qualified_table_name(_table(client))
    return str(table), *(column(client, name) for name in _COLUMNS)


def _table(client: typing.Any) -> str:
    return str(client.schema.naming.normalize_tables_path(TABLE))


def _make_table(client: typing.Any) -> None:
    client.initialize_storage()
    if is_sql(client):
        # the table alone: a schema that is stored beside it would be taken for a source's
        client._update_schema_in_storage = lambda schema: None
        client.update_stored_schema(only_tables=[_table(client)])
    else:
        client.fs_client.makedirs(client.get_table_dir(_table(client)), exist_ok=True)


def _rows(client: typing.Any, session: Session) -> list[tuple[int, str]]:
    table, name, version, record = _names(client)
    rows = client.sql_client.execute_sql(
        f"SELECT {version}, {record} FROM {table} WHERE {name} = %s", session.job.pipeline_name
    )
    return [(int(row[0]), str(row[1])) for row in rows or ()]


def _put_row(client: typing.Any, session: Session, number: int, text: str) -> None:
    table, name, version, record = _names(client)
    sql, pipeline_name = client.sql_client, session.job.pipeline_name
    sql.execute_sql(
        f"INSERT INTO {table}({name}, {version}, {record}) VALUES (%s, %s, %s)", pipeline_name, number, text
    )
    # where rows can't be deleted, the newest counts all the same
    with suppress(DatabaseTerminalException):
        sql.execute_sql(f"DELETE FROM {table} WHERE {name} = %s AND {version} < %s", pipeline_name, number)


def _own_files(client: typing.Any, session: Session) -> dict[str, int]:
    """The pipeline's record files, with their numbers."""
    found = {}
    for path in table_files(client, _table(client)):
        name, _, number = path.rsplit("/", 1)[-1].removesuffix(".json").rpartition("__")
        if name == session.job.pipeline_name and number.isdigit():
            found[path] = int(number)
    return found


def _files(client: typing.Any, session: Session) -> list[tuple[int, str]]:
    read = client.fs_client.read_bytes
    return [(n, read(path).decode("utf-8", "replace")) for path, n in _own_files(client, session).items()]


def _put_file(client: typing.Any, session: Session, number: int, text: str) -> None:
    before = _own_files(client, session)
    folder = client.get_table_dir(_table(client))
    path = client.pathlib.join(folder, f"{session.job.pipeline_name}__{number:08}.json")
    client.fs_client.write_text(path, text, encoding="utf-8")
    for old in before:
        client.fs_client.rm_file(old)
