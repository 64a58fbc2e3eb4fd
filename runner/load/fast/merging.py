"""dlt's merge into DuckDB without the search for rows of the same key, where each key is there once.

dlt numbers the staged rows of each key (``ROW_NUMBER``) to take one of them, which costs more than all else
in the merge. It has a hint that leaves this out; here DuckDB is asked whether the hint holds, which takes a
twentieth of that time.
"""

from __future__ import annotations

import logging
import typing
from collections.abc import Iterator, Sequence
from contextlib import nullcontext

log = logging.getLogger("dltpod.fast")

HINT = "x-stage-data-deduplicated"
"""dlt's hint on the root table: no two staged rows have the same key."""
_UNSURE = frozenset({"double", "json"})
"""Types whose values may be equal in one comparison and not in another (-0.0 and 0.0)."""

Table = typing.Mapping[str, typing.Any]


def create_merge_jobs(original: typing.Any, self: typing.Any, table_chain: Sequence[Table]) -> typing.Any:
    """Around ``SqlJobClientBase._create_merge_followup_jobs``: leaves the search out where it finds nothing.

    dlt calls it when all files of a root table and its children are staged. Nothing is staged after that:
    where a killed run's file is loaded again, ``recover.undo`` removes the merge, and it is written anew.
    """
    from dlt.destinations.impl.duckdb.duck import DuckDbClient

    if type(self) is DuckDbClient and _each_once(self.sql_client, table_chain):
        # a copy: the hint is no part of the schema
        table_chain = [{**table_chain[0], HINT: True}, *table_chain[1:]]
    return original(self, table_chain)


def _each_once(sql: typing.Any, tables: Sequence[Table]) -> bool:
    """Whether no two staged rows of these tables have the same key. False if that can't be found out."""
    root = tables[0]
    if root.get("x-merge-strategy", "delete-insert") != "delete-insert" or root.get(HINT):
        return False
    try:
        keys = list(_keys(tables))
        if not all(columns for _, columns in keys):
            return False
        with sql if sql.native_connection is None else nullcontext():
            return not any(_repeats(sql, table, columns) for table, columns in keys)
    except Exception as exc:  # noqa: BLE001 dlt's own merge needs no answer
        log.debug("dlt looks for rows of the same key by itself: %s", exc)
        return False


def _keys(tables: Sequence[Table]) -> Iterator[tuple[str, list[str]]]:
    """Each table with the columns by which dlt leaves rows out; without columns where they are unclear."""
    for table in tables:
        prop = "row_key" if table.get("parent") else "primary_key"
        columns = [name for name, column in table["columns"].items() if column.get(prop)]
        known = all(table["columns"][name].get("data_type", "json") not in _UNSURE for name in columns)
        yield table["name"], columns if known else []


def _repeats(sql: typing.Any, table: str, columns: Sequence[str]) -> bool:
    _, staging = sql.get_qualified_table_names(table)
    by = ", ".join(map(sql.escape_column_name, columns))
    ((found,),) = sql.execute_sql(
        f"SELECT EXISTS (SELECT 1 FROM {staging} GROUP BY {by} HAVING COUNT(*) > 1)"
    )
    return bool(found)
