"""Row ids and row counts out of load files, in each format that dlt writes."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest
from dlt.common.data_writers.escape import escape_duckdb_literal, escape_postgres_literal
from hypothesis import given
from hypothesis import strategies as st

from runner.load.recover.packages import UnreadableFile, row_count, row_ids, rows_of

TEXTS = st.lists(st.text(max_size=20), min_size=1, max_size=5)
ID = "_dlt_id"


def counted(file: Path) -> int:
    with file.open("rb") as stream:
        return row_count(stream, file.name)


def write(folder: Path, name: str, text: str) -> Path:
    file = folder / name
    file.write_text(text, encoding="utf-8", newline="")
    return file


@given(texts=TEXTS, escape=st.sampled_from([escape_postgres_literal, escape_duckdb_literal]))
def test_ids_come_out_of_insert_statements_whatever_the_other_columns_hold(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str], escape: object
) -> None:
    assert callable(escape)
    tuples = [f"({number},{escape(text)},{escape(f'id-{number}')},NULL)" for number, text in enumerate(texts)]
    body = 'INSERT INTO {}("n","said","_dlt_id","gone")\nVALUES\n' + ",\n".join(tuples) + ";"
    file = write(tmp_path_factory.mktemp("f"), "orders.1.0.insert_values", body)
    assert list(row_ids(file, ID)) == [f"id-{number}" for number in range(len(texts))]
    assert counted(file) == len(texts)


def test_ids_come_out_of_packed_json_lines(tmp_path: Path) -> None:
    lines = "".join(json.dumps({ID: f"id-{n}", "said": "a\nb"}) + "\n" for n in range(3))
    file = tmp_path / "orders.1.0.jsonl.gz"
    file.write_bytes(gzip.compress(lines.encode()))
    assert list(row_ids(file, ID)) == ["id-0", "id-1", "id-2"]
    assert counted(file) == 3


def test_ids_come_out_of_parquet(tmp_path: Path) -> None:
    file = tmp_path / "orders.1.0.parquet"
    pyarrow.parquet.write_table(pyarrow.table({ID: ["a", "b"]}), file)
    assert list(row_ids(file, ID)) == ["a", "b"]
    assert counted(file) == 2


def test_ids_come_out_of_csv(tmp_path: Path) -> None:
    file = write(tmp_path, "orders.1.0.csv", f'said,{ID}\n"a,\nb",x\nc,y\n')
    assert list(row_ids(file, ID)) == ["x", "y"]
    assert counted(file) == 2


@pytest.mark.parametrize("name", ["orders.1.0.parquet", "orders.1.0.jsonl", "orders.1.0.csv"])
def test_a_file_without_ids_is_told_of(tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    if name.endswith("parquet"):
        pyarrow.parquet.write_table(pyarrow.table({"n": [1]}), file)
    else:
        file.write_text('{"n": 1}\n' if name.endswith("jsonl") else "n\n1\n")
    with pytest.raises(UnreadableFile):
        list(row_ids(file, ID))


def test_statements_and_references_have_no_rows_to_read(tmp_path: Path) -> None:
    file = write(tmp_path, "orders.1.0.sql", "DELETE FROM x;")
    for read in (counted, lambda file: list(row_ids(file, ID))):
        with pytest.raises(UnreadableFile, match=r"^orders\.1\.0\.sql is of a kind that is not looked into$"):
            read(file)


def test_rows_of_insert_statements_are_texts_and_nulls(tmp_path: Path) -> None:
    body = 'INSERT INTO {}("n","said","gone")\nVALUES\n(1,E\'it\'\'s\',NULL);'
    file = write(tmp_path, "orders.1.0.insert_values", body)
    with file.open("rb") as stream:
        assert list(rows_of(stream, file.name)) == [{"n": "1", "said": "it's", "gone": None}]
