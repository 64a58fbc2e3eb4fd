"""What history holds is shown, whatever became of it."""

from __future__ import annotations

import json
import os
import sqlite3
import threading
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

import pytest

from launcher import cli
from launcher.errors import Exit
from launcher.host.launchers import Launchers
from launcher.runs.history import DAMAGED, OK, RUNNING, History, HistoryError, RunRecord
from runner.contract import FailureKind, Interval
from tests.unit.cli.records import ILL, WELL

FILE = """
version: 1
sources:
  - {name: shop, type: dlt_native, dlt_native: {source_module: shop, source_function: shop}}
"""
BETWEEN = replace(WELL, run_id="20260101-150000-cccc", started="2026-01-01T15:00:00Z")
ILL_OF_SHOP = replace(ILL, source="shop")


@pytest.fixture
def history(tmp_path: Path) -> History:
    found = History(tmp_path / ".dltpod")
    for record in (WELL, BETWEEN, ILL_OF_SHOP):
        found.write(record)
    return found


def damage(history: History, column: str, value: Any, run_id: str = BETWEEN.run_id) -> None:
    with sqlite3.connect(history.file) as connection:
        connection.execute(f"UPDATE runs SET {column} = ? WHERE run_id = ?", (value, run_id))
    connection.close()


def with_field(name: str, value: Any) -> str:
    return json.dumps({**asdict(BETWEEN), name: value})


PAYLOADS = [
    "",
    "{",
    "[]",
    "null",
    "{}",
    "[" * 100_000,
    b"\xff\xfe",
    5,
    1.5,
    with_field("status", "fine"),
    with_field("status", 5),
    with_field("status", "planned"),
    with_field("failure_kind", "boredom"),
    with_field("failure_kind", ["extract"]),
    with_field("started", "yesterday"),
    with_field("started", "2026-01-01T15:00:00"),
    with_field("ended", 5),
    with_field("seconds", "long"),
    with_field("seconds", float("nan")),
    with_field("rows", {"t": "many"}),
    with_field("rows", ["t"]),
    with_field("rows", {"t": 1e400}),
    with_field("bytes", 10**400),
    with_field("peak_memory", True),
    with_field("message", None),
    with_field("notes", "abc"),
    with_field("verdicts", [5]),
    with_field("cursors", {"a": []}),
    with_field("run_id", "another"),
    with_field("phases", {"load": "x"}),
]


@pytest.mark.parametrize(
    ("column", "value"),
    [
        *(("record", payload) for payload in PAYLOADS),
        *(("source", value) for value in (5, b"\xff", "", "\x1b[2J")),
        *(("status", value) for value in (5, b"ok", "fine", RUNNING)),
        *(("started", value) for value in (5, b"\xff", "", "yesterday", "9999-12-31T23:59:59-14:00")),
        *(("launcher", value) for value in (5, b"\xff")),
        ("run_id", b"\xff"),
        ("run_id", 2**62),
    ],
    ids=range(47),
)
def test_a_damaged_record_is_shown_as_damaged_and_hides_no_other(
    history: History, column: str, value: Any
) -> None:
    damage(history, column, value)
    found = history.runs()
    assert {record.run_id for record in found} >= {WELL.run_id, ILL.run_id}
    assert sorted(record.status for record in found) == ["damaged", "failed", "ok"]
    shown = next(record for record in found if record.status == DAMAGED)
    assert "damaged" in shown.message
    assert shown.run_id.isprintable()
    assert history.reconcile(lambda launcher: False) == ()


def test_every_field_of_a_record_comes_back_as_it_was_written(history: History) -> None:
    full = RunRecord(
        "20260103-120000-dddd",
        "shop",
        OK,
        "2026-01-03T12:00:00.000Z",
        "2026-01-03T12:00:01.000Z",
        **{f.name: example(str(f.type)) for f in fields(RunRecord)[5:]},
    )
    history.write(full)
    assert history.run(full.run_id) == full


def example(kind: str) -> Any:
    """A value that is not the field's default."""
    return {
        "str": "word",
        "bool": True,
        "int": 7,
        "int | None": 7,
        "float": 1.5,
        "FailureKind | None": FailureKind.EXTRACT,
        "Interval | None": Interval("2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"),
        "Mapping[str, str]": {"a": "b"},
        "Mapping[str, int]": {"a": 1},
        "Mapping[str, float]": {"a": 0.5},
        "tuple[str, ...]": ("a", "b"),
        "tuple[Mapping[str, Any], ...]": ({"what": "module", "ok": True, "text": "found"},),
    }[kind]


def test_what_an_older_dltpod_wrote_is_clean_when_it_is_read(history: History) -> None:
    history.write(replace(WELL, message="\x1b[2Jred\u202e\ud800", rows={"t\x9b1m": 1}))
    found = history.run(WELL.run_id)
    assert found is not None
    assert (found.message, found.rows) == ("red\ufffd", {"t": 1})


@pytest.fixture
def folder(tmp_path: Path, history: History, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "sources.yml").write_text(FILE)
    log = tmp_path / "well.log"
    log.write_bytes(b"\x1b[2Ja line\n")
    history.write(replace(WELL, log_file=str(log)))
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DLTPOD_FILE", raising=False)
    return tmp_path


READING = [["runs"], ["runs", "shop"], ["runs", "--json"], ["runs", "--failed"], ["report"], ["logs", "shop"]]


@pytest.mark.parametrize("command", READING, ids=" ".join)
def test_commands_go_on_where_a_record_is_damaged(
    folder: Path, history: History, command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    damage(history, "record", "{")
    assert cli.main(command) == Exit.OK
    captured = capsys.readouterr()
    assert "\x1b" not in captured.out + captured.err
    shown = {"report": "report.html", "logs": "a line"}.get(command[0], "damaged")
    assert command[-1] == "--failed" or shown in captured.out


@pytest.mark.parametrize(
    "content", [b"no database", b"SQLite format 3\0" + b"\xff" * 5000], ids=["text", "torn"]
)
@pytest.mark.parametrize("command", READING, ids=" ".join)
def test_a_history_that_is_no_database_is_a_clear_error(
    folder: Path, history: History, command: list[str], content: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    history.file.write_bytes(content)
    assert cli.main(command) not in (Exit.OK, Exit.INTERNAL)
    error = capsys.readouterr().err
    assert "history.sqlite" in error
    assert "move it away" in error
    with pytest.raises(HistoryError):
        history.write(WELL)


def test_history_marks_the_runs_of_dead_launchers_and_no_others(tmp_path: Path) -> None:
    history = History(tmp_path)

    def begun(run_id: str, launcher: str) -> RunRecord:
        started = "2026-11-22T10:00:00.000Z"
        log = tmp_path / f"{run_id}.log"
        log.write_text("a line\n")
        os.utime(log, (1795341605.5, 1795341605.5))
        return RunRecord(
            run_id=run_id,
            source="a",
            status="running",
            started=started,
            launcher=launcher,
            log_file=str(log),
        )

    dead = Launchers(tmp_path)
    with dead:
        pass
    with Launchers(tmp_path) as here:
        history.write(begun("1", dead.id))
        history.write(begun("2", here.id))
        history.write(begun("3", "elsewhere-1"))
        assert [record.run_id for record in history.reconcile(here.alive)] == ["1"]
        statuses = {record.run_id: record.status for record in history.runs()}
    interrupted = history.run("1")
    assert interrupted is not None
    assert (interrupted.ended, interrupted.seconds) == ("2026-11-22T10:00:05.500Z", 5.5)
    assert statuses == {"1": "interrupted", "2": "running", "3": "running"}


def test_a_run_is_found_by_the_beginning_of_its_id_if_that_is_enough(tmp_path: Path) -> None:
    history = History(tmp_path)
    for run_id in ("20260101-a", "20260101-b"):
        history.write(RunRecord(run_id=run_id, source="a", status="ok", started="1"))
    assert history.run("20260101") is None
    assert history.run("20260101-a") is not None
    assert history.run("%") is None


def test_several_launchers_write_history_at_once(tmp_path: Path) -> None:
    def write(number: int) -> None:
        history = History(tmp_path)
        for turn in range(20):
            history.write(RunRecord(run_id=f"{number}-{turn}", source="a", status="ok", started="1"))

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(History(tmp_path).runs(limit=None)) == 160
