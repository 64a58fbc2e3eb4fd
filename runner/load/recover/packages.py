"""Reads dlt's load packages and the files that dlt loads: rows, their number, the row ids."""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
import typing
from collections.abc import Iterator
from pathlib import Path

from runner.contract import Failure, FailureKind
from runner.explain.classify import JobFailed

_TOKEN = re.compile(
    r"(?P<text>[EN]'(?:[^'\\]|''|\\.)*'|'(?:[^']|'')*')|(?P<mark>[(),])|(?P<other>[^'(),EN]+|[EN])", re.DOTALL
)
_COLUMNS = re.compile(r"INSERT INTO [^(]*\((?P<columns>.*?)\)\s*\n?VALUES\s*\n", re.DOTALL)


class UnreadableFile(JobFailed):
    """A file whose rows, or their ids, can't be read."""

    def __init__(self, message: str) -> None:
        super().__init__(Failure(FailureKind.CONFIGURATION, message))


def rows_of(
    file: typing.BinaryIO, name: str, columns: list[str] | None = None
) -> Iterator[dict[str, typing.Any]]:
    """The rows of a load file that is called ``name``, each by column; of ``insert_values`` and CSV as texts.

    Of Parquet only ``columns`` are read where they are given. Raises UnreadableFile for other formats.
    """
    form = _format(name)
    if form == "parquet":
        import pyarrow.parquet

        for batch in pyarrow.parquet.ParquetFile(file).iter_batches(columns=columns):
            yield from batch.to_pylist()
    elif form == "jsonl":
        yield from (json.loads(line) for line in _text(file) if line.strip())
    elif form == "csv":
        yield from csv.DictReader(_text(file))
    elif form == "insert_values":
        text = _text(file).read()
        head = _COLUMNS.match(text)
        if head is None:
            raise UnreadableFile(f"{name} has no columns")
        names = [column.strip().strip('"`[]') for column in head["columns"].split(",")]
        for values in _tuples(text, head.end()):
            yield dict(zip(names, map(_unquoted, values), strict=False))
    else:
        raise UnreadableFile(f"{name.rpartition('/')[2]} is of a kind that is not looked into")


def row_count(file: typing.BinaryIO, name: str) -> int:
    """How many rows ``rows_of`` would give, without a look at them where the format allows that."""
    form = _format(name)
    if form == "parquet":
        import pyarrow.parquet

        return int(pyarrow.parquet.ParquetFile(file).metadata.num_rows)
    if form == "jsonl":
        return sum(1 for line in _text(file) if line.strip())
    return sum(1 for _ in rows_of(file, name))


def row_ids(path: Path, column: str) -> Iterator[str]:
    """The values of the row id ``column`` in a load file, which are no nulls.

    Raises UnreadableFile where the format isn't known or a row has no such column.
    """
    with path.open("rb") as file:
        for row in rows_of(file, path.name, [column]):
            if column not in row:
                raise UnreadableFile(f"{path.name} has no {column}")
            if row[column] is not None:
                yield str(row[column])


def _format(name: str) -> str:
    return name.removesuffix(".gz").rsplit(".", 1)[-1]


def _text(file: typing.BinaryIO) -> typing.TextIO:
    packed = file.read(2) == b"\x1f\x8b"
    file.seek(0)
    unpacked = gzip.GzipFile(fileobj=file) if packed else file
    return io.TextIOWrapper(typing.cast("typing.BinaryIO", unpacked), encoding="utf-8", newline="")


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


def _unquoted(literal: str) -> str | None:
    text = literal.strip()
    if text == "NULL":
        return None
    if text[:1] in ("E", "N"):
        text = text[1:]
    return text.strip("'").replace("''", "'").replace("\\\\", "\\")


def table_of(file_name: str) -> str:
    """The table that a job's file belongs to: dlt's names are ``table.file_id.retries.format``."""
    return file_name.split(".", 1)[0]


def files_of(folder: Path) -> list[Path]:
    """The job files of a package: new, started and completed ones."""
    found: list[Path] = []
    for state in ("new_jobs", "started_jobs", "completed_jobs"):
        found += sorted(path for path in (folder / state).glob("*") if path.is_file())
    return found
