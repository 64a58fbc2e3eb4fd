"""What is executed in a source's container: a command, and the queries of ``dltpod show``."""

from __future__ import annotations

import subprocess
import sys
import typing
from pathlib import Path

import pytest

from runner.contract import Destination
from runner.explain.classify import JobFailed
from runner.inspect import execute
from runner.load.destination import build
from runner.supervise.job_input import Paths
from tests.pipeline.runner.box import Box

REPOSITORY = Path(__file__).resolve().parents[3]


def become(*command: str, folder: Path) -> tuple[int, str, str]:
    code = "import sys; from runner.inspect import execute; sys.exit(execute.replace_process(sys.argv[1:]))"
    done = subprocess.run(
        [sys.executable, "-c", code, *command],
        env={"PYTHONPATH": str(REPOSITORY), "PATH": f"/bin:/usr/bin:{folder}"},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def test_a_command_takes_the_place_of_the_process(tmp_path: Path) -> None:
    assert become("sh", "-c", "echo here; exit 7", folder=tmp_path) == (7, "here\n", "")


@pytest.mark.parametrize(
    ("command", "code", "why"),
    [
        ("nosuchcmd", 127, "not found"),
        ("./nosuchcmd", 127, "not found"),
        ("", 127, "not found"),
        ("./plain", 126, "Permission denied"),
        ("./folder", 126, "Permission denied"),
        ("./plain/below", 126, "Not a directory"),
        ("./empty", 126, "Exec format error"),
        ("./greeting", 126, "its interpreter does not exist"),
        ("greeting", 126, "its interpreter does not exist"),
    ],
)
def test_one_that_cannot_be_run_is_said_in_a_line_with_a_shells_exit_code(
    tmp_path: Path, command: str, code: int, why: str
) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "plain").write_text("text")
    for name, text in (("empty", "text"), ("greeting", "#!/no/such/interpreter\n")):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    assert become(command, folder=tmp_path) == (code, "", f"dltpod: {command!r}: {why}\n")


@pytest.mark.parametrize("question", [{}, {"table": "orders"}, {"sql": "SELECT id FROM orders"}])
def test_the_dataset_is_told_by_the_name_that_the_destination_gives_it(
    box: Box, question: dict[str, str]
) -> None:
    box.write("shop.py", "def orders():\n    yield [{'id': 1}]\n")
    assert box.run(dataset_name="RawCamelDS").code == 0
    job = box.job(dataset_name="RawCamelDS")
    asked = {"table": None, "sql": None, **question}
    answer = execute.show(job, Paths(str(box.root)), limit=10, **asked)
    assert answer["dataset"] == "raw_camel_ds"


def shown(box: Box, destination: Destination, table: str | None = None) -> dict[str, typing.Any]:
    job = box.job(destination=destination)
    return execute.show(job, Paths(str(box.root)), limit=2, table=table, sql=None)


@pytest.mark.parametrize("form", ["jsonl", "parquet", "csv"])
def test_files_of_every_form_are_shown_without_a_database(box: Box, form: str) -> None:
    box.write("shop.py", "def orders():\n    yield [{'id': n, 'tags': [{'t': 1}]} for n in range(3)]\n")
    there = Destination("filesystem", file=str(box.root / "data/lake"))
    config = f'[normalize]\nloader_file_format = "{form}"\n'
    outcome = box.run(destination=there, config=config)
    assert outcome.code == 0, outcome.log
    assert shown(box, there)["tables"] == {"orders": 3, "orders__tags": 3}
    answer = shown(box, there, table="orders")
    assert answer["columns"][0] == "id"
    assert [int(row[0]) for row in answer["rows"]] == [0, 1]
    assert shown(box, there, table="order")["missing"] == "order"


def test_files_of_inserts_are_refused_for_dlt_writes_them_there_without_quotes(box: Box) -> None:
    box.write("shop.py", "def orders():\n    yield [{'said': 'a, (b)', 'by': 'c'}]\n")
    there = Destination("filesystem", file=str(box.root / "data/lake"))
    assert box.run(destination=there, loader_file_format="insert_values").code == 0
    assert shown(box, there)["tables"] == {"orders": None}
    with pytest.raises(JobFailed, match=r"insert_values.*is of a kind that is not looked into"):
        shown(box, there, table="orders")


def test_a_sqlite_database_is_shown(box: Box) -> None:
    box.write("shop.py", "def orders():\n    yield [{'id': n} for n in range(3)]\n")
    there = Destination("sqlalchemy", file=None)
    credentials = f'[destination.sqlalchemy]\ncredentials = "sqlite:///{box.root}/data/rows.db"\n'
    assert box.run(destination=there, secrets=credentials).code == 0
    asked = {"DESTINATION__SQLALCHEMY__CREDENTIALS": f"sqlite:///{box.root}/data/rows.db"}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in asked.items():
            patch.setenv(name, value)
        assert shown(box, there)["tables"] == {"orders": 3}
        assert [row[0] for row in shown(box, there, table="orders")["rows"]] == [0, 1]


def test_the_format_of_load_files_is_one_that_the_destination_takes(box: Box) -> None:
    box.write("shop.py", "def orders():\n    yield [{'id': 1}]\n")
    there = Destination("filesystem", file=str(box.root / "data/lake"))
    assert box.run(destination=there, loader_file_format="parquet").code == 0
    assert len(list((box.root / "data/lake").rglob("orders/*.parquet"))) == 1
    refused = box.run(destination=Destination("postgres"), loader_file_format="jsonl").failure
    assert refused.message.startswith("destination postgres takes load files as insert_values, csv")
    assert refused.message.endswith("not as jsonl")


def test_a_format_for_the_whole_project_is_left_out_where_a_destination_does_not_take_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("NORMALIZE__LOADER_FILE_FORMAT", "jsonl")
    chosen = {
        name: build(Destination(name)).capabilities().preferred_loader_file_format
        for name in ("postgres", "duckdb")
    }
    assert chosen == {"postgres": "insert_values", "duckdb": "jsonl"}
