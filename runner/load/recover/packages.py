"""Reads dlt's load packages: rows, bytes, and the row ids in their files."""

from __future__ import annotations

import csv
import gzip
import json
import re
import typing
from collections.abc import Iterator
from pathlib import Path

_TOKEN = re.compile(
    r"(?P<text>[EN]'(?:[^'\\]|''|\\.)*'|'(?:[^']|'')*')|(?P<mark>[(),])|(?P<other>[^'(),EN]+|[EN])", re.DOTALL
)
_COLUMNS = re.compile(r"INSERT INTO [^(]*\((?P<columns>.*?)\)\s*\n?VALUES\s*\n", re.DOTALL)

_TUPLES = ("csv", "insert_values")


class UnreadableFile(Exception):
    """A load file of a format whose row ids can't be read."""


def row_ids(path: Path, column: str) -> Iterator[str]:
    """The values of the row id ``column`` in a load file.

    Raises UnreadableFile where the format isn't known or the file has no such column.
    """
    name = path.name.removesuffix(".gz")
    extension = name.rsplit(".", 1)[-1]
    if extension == "parquet":
        yield from _parquet_ids(path, column)
    elif extension == "jsonl":
        with _text(path) as stream:
            for line in stream:
                if line.strip():
                    row = json.loads(line)
                    if column not in row:
                        raise UnreadableFile(f"{path.name} has no {column}")
                    yield str(row[column])
    elif extension in _TUPLES:
        tuples = _tuples_of(path, extension)
        names = next(tuples, [])
        if column not in names:
            raise UnreadableFile(f"{path.name} has no {column}")
        at, read = names.index(column), _unquoted if extension == "insert_values" else str
        yield from (read(values[at]) for values in tuples)
    else:
        raise UnreadableFile(f"rows of {path.name} can't be told apart")


def _text(path: Path) -> typing.TextIO:
    with path.open("rb") as probe:
        packed = probe.read(2) == b"\x1f\x8b"
    if packed:
        return typing.cast(typing.TextIO, gzip.open(path, "rt", encoding="utf-8", newline=""))
    return path.open(encoding="utf-8", newline="")


def _parquet_ids(path: Path, column: str) -> Iterator[str]:
    import pyarrow.parquet

    with pyarrow.parquet.ParquetFile(path) as file:
        if column not in file.schema_arrow.names:
            raise UnreadableFile(f"{path.name} has no {column}")
        for batch in file.iter_batches(columns=[column]):
            yield from (str(value) for value in batch.column(0).to_pylist() if value is not None)


def _tuples_of(path: Path, extension: str) -> Iterator[list[str]]:
    """The columns' names, then each row as the file has it; nothing of a file without columns."""
    with _text(path) as stream:
        if extension == "csv":
            yield from (row for row in csv.reader(stream) if row)
            return
        text = stream.read()
    head = _COLUMNS.match(text)
    if head is not None:
        yield [name.strip().strip('"`[]') for name in head["columns"].split(",")]
        yield from _tuples(text, head.end())


def _tuples(text: str, start: int) -> Iterator[list[str]]:
    depth, value = 0, ""
    values: list[str] = []
    for token in _TOKEN.finditer(text, start):
        mark = token["mark"]
        if mark == "(":
            depth += 1
            if depth == 1:
                values, value = [], ""
                continue
        elif mark == ")":
            depth -= 1
            if depth == 0:
                yield [*values, value]
                continue
        elif mark == "," and depth == 1:
            values.append(value)
            value = ""
            continue
        if depth:
            value += token[0]


def _unquoted(literal: str) -> str:
    text = literal.strip()
    if text[:1] in ("E", "N"):
        text = text[1:]
    return text.strip("'").replace("''", "'").replace("\\\\", "\\")


def row_count(path: Path) -> int:
    """How many rows a load file holds; 0 for statements and references."""
    extension = path.name.removesuffix(".gz").rsplit(".", 1)[-1]
    if extension == "parquet":
        import pyarrow.parquet

        return int(pyarrow.parquet.read_metadata(path).num_rows)
    if extension == "jsonl":
        with _text(path) as stream:
            return sum(1 for line in stream if line.strip())
    if extension in _TUPLES:
        return max(0, sum(1 for _ in _tuples_of(path, extension)) - 1)
    return 0


def table_of(file_name: str) -> str:
    """The table that a job's file belongs to: dlt's names are ``table.file_id.retries.format``."""
    return file_name.split(".", 1)[0]


def files_of(folder: Path) -> list[Path]:
    """The job files of a package: new, started and completed ones."""
    found: list[Path] = []
    for state in ("new_jobs", "started_jobs", "completed_jobs"):
        found += sorted(path for path in (folder / state).glob("*") if path.is_file())
    return found
