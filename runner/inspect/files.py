"""Reads and counts rows of tables that are files in a folder or a bucket, without a database."""

from __future__ import annotations

import typing
from collections.abc import Iterator
from itertools import islice

from runner.load import compat
from runner.load.recover.packages import UnreadableFile, row_count, rows_of


def count(pipeline: typing.Any, name: str) -> int:
    """The rows of a table. Raises UnreadableFile for one whose files can't be read here."""
    return sum(row_count(file, path) for file, path in _files(pipeline, name))


def rows(pipeline: typing.Any, name: str, limit: int) -> dict[str, typing.Any]:
    """The first rows of a table: ``columns``, in the schema's order, and ``rows``.

    Raises UnreadableFile for a file of a format that can't be read here, and what the bucket raises.
    """
    found = list(islice((row for file, path in _files(pipeline, name) for row in rows_of(file, path)), limit))
    known = list(_schema(pipeline, name).get_table_columns(name))
    columns = [column for column in known if any(column in row for row in found)] or known
    columns += dict.fromkeys(key for row in found for key in row if key not in columns)
    return {"columns": columns, "rows": [[row.get(column) for column in columns] for row in found]}


def _schema(pipeline: typing.Any, name: str) -> typing.Any:
    return next(schema for schema in pipeline.schemas.values() if name in schema.tables)


def _files(pipeline: typing.Any, name: str) -> Iterator[tuple[typing.BinaryIO, str]]:
    schema = _schema(pipeline, name)
    if (form := schema.tables[name].get("table_format")) not in (None, "native"):
        raise UnreadableFile(f"it is a table of {form}, which only a program that knows {form} can read")
    with compat.client_for(pipeline, schema) as client:
        for path in client.list_table_files(name):
            if path.removesuffix(".gz").endswith(".insert_values"):
                # dlt writes no quotes for files: where a text ends can't be told
                raise UnreadableFile(f"{path.rpartition('/')[2]} is of a kind that is not looked into")
            with client.fs_client.open(path, "rb") as file:
                yield file, path
