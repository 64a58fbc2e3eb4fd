"""The destination's dataset: the schemas stored there, and tables shared with other pipelines."""

from __future__ import annotations

import json
import typing
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field

from dlt.common.destination.client import WithStateSync
from dlt.common.destination.exceptions import DestinationUndefinedEntity
from dlt.common.schema import Schema
from dlt.common.versioned_state import decompress_state
from dlt.destinations.job_client_impl import SqlJobClientBase

from runner.load.recover.files import table_rows


@dataclass(frozen=True)
class OtherPipelines:
    """The other pipelines of a dataset that share tables with this one.

    ``tables`` are shared with a pipeline of another schema; ``same_schema`` names pipelines that
    use a schema of the same name, so that nobody can tell whose a table is.
    """

    tables: typing.Mapping[str, str] = field(default_factory=dict)
    same_schema: tuple[str, ...] = ()

    def owner_of(self, table: str) -> str | None:
        """The other pipeline that may own a table, None where it is this one's alone."""
        if self.same_schema:
            return self.same_schema[0]
        return self.tables.get(table)


def is_sql(client: typing.Any) -> bool:
    """Whether rows can be deleted by SQL. The filesystem's client only reads by it."""
    return isinstance(client, SqlJobClientBase)


def keeps_state(client: typing.Any) -> bool:
    """Whether the destination stores schemas and states, so that they can be restored from it."""
    return isinstance(client, WithStateSync)


def stored_schema(client: typing.Any, name: str) -> typing.Any | None:
    """The newest readable schema of that name in the dataset, None where there is none.

    The client must be connected. Raises dlt's destination exceptions save 'no such table'.
    """
    if not keeps_state(client):
        return None
    try:
        info = client.get_stored_schema(name)
    except DestinationUndefinedEntity:
        return None
    newest = [info.schema] if info is not None else []
    return next(_readable([*newest, *(text for of, text in _stored_versions(client) if of == name)]), None)


def _readable(texts: Iterable[str]) -> Iterator[typing.Any]:
    """The schemas that these texts hold. A damaged one is passed over: an older one may do."""
    for text in texts:
        try:
            schema = Schema.from_dict(json.loads(text))
        except Exception:  # noqa: BLE001 (whatever dlt makes of a damaged row)
            continue
        yield schema


def whole_schema(client: typing.Any, newest: typing.Any) -> typing.Any:
    """A copy of a schema with the tables that only other stored versions of it know.

    dlt stores none again that it stored before the newest, which may be of some resources only. And two
    pipelines that keep a schema of one name in one dataset each store versions without the other's tables.
    A full refresh of either deletes them all, so no version is from before one.
    """
    schema = newest.clone()
    for older in _readable(text for name, text in _stored_versions(client) if name == schema.name):
        for table in older.data_tables(include_incomplete=True):
            if table["name"] not in schema.tables:
                schema.update_table(table)
    return schema


def other_pipelines(client: typing.Any, pipeline_name: str, schema: typing.Any) -> OtherPipelines:
    """The other pipelines that load into the tables of ``schema``. The client must be connected."""
    mine = set(schema.data_table_names())
    try:
        others = _other_pipelines(client, pipeline_name)
    except DestinationUndefinedEntity:
        return OtherPipelines()
    same = tuple(sorted(name for name, theirs in others.items() if schema.name in theirs))
    shared: dict[str, str] = {}
    for schema_name, text in _stored_versions(client):
        if schema_name == schema.name:
            continue
        try:
            tables = set(json.loads(text)["tables"])
        except (ValueError, KeyError, TypeError):
            continue
        owner = next((name for name, theirs in others.items() if schema_name in theirs), schema_name)
        shared.update(dict.fromkeys(tables & mine, owner))
    return OtherPipelines(shared, same)


def _stored_versions(client: typing.Any) -> list[tuple[str, str]]:
    """Schema name and text of all that the dataset stores, newest first; none without dlt's table of them."""
    if not is_sql(client):
        rows = table_rows(client, client.schema.version_table_name)
        rows.sort(key=lambda row: str(row.get("inserted_at")), reverse=True)
        return [(str(row.get("schema_name")), str(row.get("schema"))) for row in rows]
    sql = client.sql_client
    name, text, at = (column(client, c) for c in ("schema_name", "schema", "inserted_at"))
    table = sql.make_qualified_table_name(client.schema.version_table_name)
    try:
        found = sql.execute_sql(f"SELECT {name}, {text} FROM {table} ORDER BY {at} DESC")
    except DestinationUndefinedEntity:
        return []
    return [(str(row[0]), str(row[1])) for row in found or ()]


def _other_pipelines(client: typing.Any, pipeline_name: str) -> dict[str, set[str]]:
    """The schema names of the dataset's other pipelines, from the states that they stored."""
    if is_sql(client):
        sql = client.sql_client
        name, text = column(client, "pipeline_name"), column(client, "state")
        table = sql.make_qualified_table_name(client.schema.state_table_name)
        rows = sql.execute_sql(f"SELECT {name}, {text} FROM {table} WHERE {name} <> %s", pipeline_name) or ()
        found = [(str(row[0]), str(row[1])) for row in rows]
    else:
        files = table_rows(client, client.schema.state_table_name)
        found = [(str(row.get("pipeline_name")), str(row.get("state"))) for row in files]
        found = [(name, text) for name, text in found if name != pipeline_name]
    others: dict[str, set[str]] = {}
    for name, text in found:
        schemas = others.setdefault(name, set())
        with suppress(Exception):  # a state that can't be read says nothing of its schemas
            schemas.update(decompress_state(text).get("schema_names") or ())
    return others


def completed(client: typing.Any, load_ids: typing.Collection[str]) -> set[str]:
    """Those of the load packages that a database lists in ``_dlt_loads``. The client must be connected."""
    sql, load_id = client.sql_client, column(client, "load_id")
    loads = sql.make_qualified_table_name(client.schema.loads_table_name)
    marks = ",".join(["%s"] * len(load_ids))
    try:
        rows = sql.execute_sql(f"SELECT {load_id} FROM {loads} WHERE {load_id} IN ({marks})", *load_ids)
    except DestinationUndefinedEntity:
        return set()
    return {str(row[0]) for row in rows or ()}


def column(client: typing.Any, name: str) -> str:
    """The escaped name of one of dlt's own columns, for a statement."""
    return str(client.sql_client.escape_column_name(client.schema.naming.normalize_path(name)))
