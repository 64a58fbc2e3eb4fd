"""Reads and counts rows of tables that are files in a folder or a bucket, without a database."""

from __future__ import annotations

import csv
import gzip
import io
import json
import typing
from collections.abc import Iterator
from itertools import islice

from runner.contract import FailureKind
from runner.explain.classify import JobFailed
from runner.load import compat

Row = dict[str, typing.Any]


def count(pipeline: typing.Any, name: str) -> int:
    """The rows of a table. Raises JobFailed for one whose files can't be read here."""
    return sum(_count(fs, path) for fs, path in _files(pipeline, name))


def rows(pipeline: typing.Any, name: str, limit: int) -> dict[str, typing.Any]:
    """The first rows of a table: ``columns``, in the schema's order, and ``rows``.

    Raises JobFailed for a file of a format that can't be read here, and what the bucket raises.
    """
    found = list(islice((row for fs, path in _files(pipeline, name) for row in rows_of(fs, path)), limit))
    known = list(_schema(pipeline, name).get_table_columns(name))
    columns = [column for column in known if any(column in row for row in found)] or known
    columns += dict.fromkeys(key for row in found for key in row if key not in columns)
    return {"columns": columns, "rows": [[row.get(column) for column in columns] for row in found]}


def _schema(pipeline: typing.Any, name: str) -> typing.Any:
    return next(schema for schema in pipeline.schemas.values() if name in schema.tables)


def _files(pipeline: typing.Any, name: str) -> Iterator[tuple[typing.Any, str]]:
    schema = _schema(pipeline, name)
    if (form := schema.tables[name].get("table_format")) not in (None, "native"):
        raise _refused(f"it is a table of {form}, which only a program that knows {form} can read")
    with compat.client_for(pipeline, schema) as client:
        for path in client.list_table_files(name):
            yield client.fs_client, path


def _count(fs: typing.Any, path: str) -> int:
    if path.endswith(".parquet"):
        import pyarrow.parquet

        with fs.open(path, "rb") as stream:
            return int(pyarrow.parquet.ParquetFile(stream).metadata.num_rows)
    return sum(1 for _ in rows_of(fs, path))


def rows_of(fs: typing.Any, path: str) -> Iterator[Row]:
    """The rows of a file of an fsspec file system. Raises JobFailed for one of an unknown format."""
    with fs.open(path, "rb") as stream:
        bare = path.removesuffix(".gz")
        if bare.endswith(".parquet"):
            import pyarrow.parquet

            for batch in pyarrow.parquet.ParquetFile(stream).iter_batches():
                yield from batch.to_pylist()
            return
        packed = stream.read(2) == b"\x1f\x8b"
        stream.seek(0)
        text = io.TextIOWrapper(
            gzip.GzipFile(fileobj=stream) if packed else stream, encoding="utf-8", newline=""
        )
        if bare.endswith(".jsonl"):
            yield from (json.loads(line) for line in text if line.strip())
        elif bare.endswith(".csv"):
            yield from csv.DictReader(text)
        else:
            raise _refused(f"its files are of a kind that is not looked into: {path.rpartition('/')[2]}")


def _refused(message: str) -> JobFailed:
    return JobFailed.of(FailureKind.CONFIGURATION, message)
