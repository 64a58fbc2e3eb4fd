"""The example of files in its containers: CSV, JSON lines and Parquet in a folder."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pyarrow
import pyarrow.parquet

from tests.containers.folder import Folder
from tests.containers.gallery.example import Example

FIRST, THEN = range(3), range(3, 5)


def test_files(project: Folder) -> None:
    files = project.root / "files"
    for name in ("sales", "visits", "stock"):
        (files / name).mkdir(parents=True)
    write(files, 1, FIRST)
    example = Example(project, "filesystem", {}, network="none")
    assert example.run_all() == {
        "sales": {"read_csv": 3},
        "visits": {"read_jsonl": 3},
        "stock": {"read_parquet": 3},
    }

    write(files, 2, THEN)
    assert example.run_all() == {
        "sales": {"read_csv": 2},
        "visits": {"read_jsonl": 2},
        "stock": {"read_parquet": 2},
    }
    expected = [(n, f"thing {n}") for n in range(5)]
    for table in ("raw_sales.read_csv", "raw_visits.read_jsonl", "raw_stock.read_parquet"):
        assert project.rows(f"select id, name from {table} order by id") == expected

    assert {tuple(rows) for rows in example.run_all().values()} == {()}

    (files / "stock" / "3.parquet").write_text("not Parquet")
    record = example.fails("stock")
    assert record.failure_kind == "extract"
    assert "Parquet magic bytes not found" in record.message


def write(files: Path, day: int, numbers: range) -> None:
    """A file of each kind, of a later day than those before."""
    rows = [{"id": n, "name": f"thing {n}"} for n in numbers]
    lines = ["id,name", *(f"{row['id']},{row['name']}" for row in rows)]
    (files / "sales" / f"{day}.csv").write_text("\n".join(lines) + "\n")
    (files / "visits" / f"{day}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), files / "stock" / f"{day}.parquet")
    for file in files.glob(f"*/{day}.*"):
        os.utime(file, (1_770_000_000 + day * 86400,) * 2)
