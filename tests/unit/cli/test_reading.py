"""Commands that read change nothing, whatever killed launchers left behind."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sqlite3
from pathlib import Path

import pytest

from launcher import cli
from launcher.host.launchers import Launchers
from launcher.runs.history import RUNNING, History, RunRecord


def killed(folder: Path) -> RunRecord:
    """A run of a launcher that was killed, as history has it."""
    with Launchers(folder / ".dltpod") as dead:
        pass
    (folder / ".dltpod" / "launchers" / dead.id).touch()
    log = folder / ".dltpod" / "logs" / "shop" / "20260101-120000-aaaa.log"
    log.parent.mkdir(parents=True)
    log.write_text("its last words\n")
    os.utime(log, (1767268805, 1767268805))
    record = RunRecord(
        run_id=log.name.removesuffix(".log"),
        source="shop",
        status=RUNNING,
        started="2026-01-01T12:00:00.000Z",
        launcher=dead.id,
        log_file=str(log),
    )
    History(folder / ".dltpod").write(record)
    return record


def everything(folder: Path) -> dict[str, str]:
    """Every file and folder, with its content and time."""
    return {
        str(place.relative_to(folder)): f"{place.lstat().st_mtime_ns} "
        + (hashlib.sha256(place.read_bytes()).hexdigest() if place.is_file() else "")
        for place in folder.rglob("*")
    }


READING = [
    ["list"],
    ["check"],
    ["runs"],
    ["runs", "--json"],
    ["runs", "--failed"],
    ["logs", "shop"],
    ["schema"],
    ["render", "cron"],
]


@pytest.mark.parametrize("command", READING, ids=" ".join)
def test_a_command_that_reads_changes_no_file(folder: Path, command: list[str]) -> None:
    killed(folder)
    before = everything(folder)
    cli.main(command)
    assert everything(folder) == before


@pytest.mark.parametrize("command", READING, ids=" ".join)
def test_a_command_that_reads_makes_no_folder_in_a_new_project(folder: Path, command: list[str]) -> None:
    before = everything(folder)
    cli.main(command)
    assert everything(folder) == before


def test_the_run_of_a_killed_launcher_is_read_as_interrupted_for_as_long_as_it_gave_signs_of_life(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    killed(folder)
    cli.main(["runs", "--json"])
    (shown,) = json.loads(capsys.readouterr().out)
    assert (shown["status"], shown["seconds"]) == ("interrupted", 5.0)
    assert History(folder / ".dltpod").runs()[0].status == RUNNING


def test_runs_that_failed_are_shown_with_those_that_were_interrupted(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    interrupted = killed(folder)
    for number, status in enumerate(("ok", "failed")):
        History(folder / ".dltpod").write(
            RunRecord(run_id=status, source="shop", status=status, started=f"2026-01-02T0{number}:00:00.000Z")
        )
    cli.main(["runs", "--failed", "--json"])
    shown = json.loads(capsys.readouterr().out)
    assert [record["run_id"] for record in shown] == ["failed", interrupted.run_id]


def test_a_run_that_another_launcher_writes_down_meanwhile_is_read(folder: Path) -> None:
    history = History(folder / ".dltpod")
    history.forget("none")  # makes the file
    with contextlib.closing(sqlite3.connect(history.file)) as connection:
        # the write-ahead log is there as long as this is open
        assert connection.execute("SELECT count(*) FROM runs").fetchone() == (0,)
        killed(folder)
        assert connection.execute("SELECT count(*) FROM runs").fetchone() == (1,)
        assert len(history.runs()) == 1


def test_a_history_that_another_launcher_has_only_just_made_holds_no_run(folder: Path) -> None:
    (folder / ".dltpod").mkdir()
    (folder / ".dltpod" / "history.sqlite").touch()
    assert History(folder / ".dltpod").runs() == ()
