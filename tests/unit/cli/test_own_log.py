"""The launcher's own log: what it says, where it is shown, and what it never does to a run."""

from __future__ import annotations

import json
import multiprocessing
import os
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from launcher import cli, log
from launcher.errors import BuildError
from launcher.host.rights import rights
from launcher.images.tags import Image
from launcher.plan.options import SyncOptions
from launcher.runs.sync import sync
from tests.unit.engine.builders import FakeEngine, failed, ok, project, source


def own_log(folder: Path) -> Path:
    return folder / ".dltpod" / "logs" / "dltpod.jsonl"


def events(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def test_the_log_tells_a_run_from_its_image_to_its_end_and_why_it_was_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("launcher.runs.run.retry_delay", lambda attempt, random: 0.0)
    made = project(tmp_path, source("shop"))
    engine = FakeEngine({"shop": [failed(transient=True), ok(orders=3)]})
    with log.opened(own_log(tmp_path)):
        outcome = sync(made, made.sources, SyncOptions(), environ={}, engine=engine)
    found = events(own_log(tmp_path))
    assert [event["event"] for event in found] == [
        "sync",
        "image",
        "step",
        "attempt",
        "retry",
        "step",
        "attempt",
        "run_ended",
        "sync_ended",
    ]
    run = outcome.records[0].run_id
    assert {(event["source"], event["run_id"]) for event in found[1:-1]} == {("shop", run)}
    attempt, retry, ended = found[3], found[4], found[-2]
    assert (attempt["level"], attempt["failure_kind"], attempt["number"]) == ("warning", "extract", 1)
    assert retry["reason"] == "the source failed"
    assert (ended["status"], ended["attempts"], ended["rows"]) == ("ok", 2, {"orders": 3})
    assert ended["log_file"] == outcome.records[0].log_file
    assert {event["pid"] for event in found} == {os.getpid()}
    assert all(isinstance(event["seconds"], float) for event in (attempt, ended, found[1], found[-1]))


def test_a_run_that_fails_leaves_what_failed_and_what_to_do(tmp_path: Path) -> None:
    made = project(tmp_path, source("shop"))
    with log.opened(own_log(tmp_path)):
        sync(made, made.sources, SyncOptions(), environ={}, engine=FakeEngine({"shop": [failed()]}))
    (ended,) = (event for event in events(own_log(tmp_path)) if event["event"] == "run_ended")
    assert (ended["message"], ended["hint"]) == ("the source failed", "mend it")


def test_a_run_whose_image_cannot_be_made_took_the_time_that_this_took(tmp_path: Path) -> None:
    made = project(tmp_path, source("shop"))

    def image_for(*_: object) -> Image:
        time.sleep(0.05)
        raise BuildError("no such package")

    with log.opened(own_log(tmp_path)):
        outcome = sync(made, made.sources, SyncOptions(), engine=FakeEngine({}), image_for=image_for)
    (ended,) = (event for event in events(own_log(tmp_path)) if event["event"] == "run_ended")
    (record,) = outcome.records
    assert ended["seconds"] == record.seconds >= 0.05
    assert record.started < str(record.ended)


def test_a_command_that_fails_before_any_run_leaves_the_reason(folder: Path) -> None:
    assert cli.main(["sync", "shop"]) == 2
    (event,) = events(own_log(folder))
    assert (event["event"], event["level"], event["command"]) == ("failed", "warning", "sync")
    assert "no Docker engine answers" in event["error"]


def test_a_call_to_an_engine_is_told_with_its_answer_or_its_error(tmp_path: Path) -> None:
    with log.opened(own_log(tmp_path)):
        for status in (201, 404, 500):
            with log.engine_call("POST", "/containers/create?name=x") as answered:
                answered(status)
        with log.engine_call("GET", "/info") as answered:
            answered(200)
        with pytest.raises(ConnectionError), log.engine_call("GET", "/info"):
            raise ConnectionError("reset by peer")
    found = [(e["level"], e["call"], e.get("status"), e.get("error")) for e in events(own_log(tmp_path))]
    assert found == [
        ("info", "POST /containers/create?name=x", 201, None),
        ("info", "POST /containers/create?name=x", 404, None),
        ("warning", "POST /containers/create?name=x", 500, None),
        ("warning", "GET /info", None, "ConnectionError: reset by peer"),
    ]


def test_with_debug_the_file_has_each_call_that_went_well_too(tmp_path: Path) -> None:
    terminal = log.Terminal("debug")
    with log.opened(own_log(tmp_path), terminal), log.engine_call("GET", "/info") as answered:
        answered(200)
    assert [event["call"] for event in events(own_log(tmp_path))] == ["GET /info"]


def test_no_line_holds_the_credentials_of_an_address_and_none_could_steer_a_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with log.opened(own_log(tmp_path), log.Terminal()):
        log.event("say", text="cloning https://me:hunter22@git.example/x\x1b[2J\nforged [info] line")
        log.event("say", texts={"https://me:hunter22@git.example": ["\x1b]0;title\x07"]}, path=tmp_path)
    shown = capsys.readouterr().err
    for text in (own_log(tmp_path).read_text(), shown):
        assert "hunter22" not in text
        assert "\x1b" not in text
        assert len(text.splitlines()) == 2


def write_lines(file: Path, name: str) -> None:
    log.KEEP_FILES = 100
    for start in range(0, 200, 50):
        log.FILE_BYTES = 4096  # so that each one that opens it renames it
        with log.opened(file):
            for number in range(start, start + 50):
                log.event("line", number=number, name=name, text="x" * 2000)


def test_launchers_side_by_side_tear_and_lose_no_line_while_the_file_is_rotated(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    writers = [
        context.Process(target=write_lines, args=(own_log(tmp_path), name)) for name in ("a", "b", "c", "d")
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    files = list(own_log(tmp_path).parent.iterdir())
    found = sorted((e["name"], e["number"]) for file in files for e in events(file))
    assert len(files) > 4
    assert found == [(name, number) for name in ("a", "b", "c", "d") for number in range(200)]


def test_a_file_that_is_full_becomes_an_older_one_and_only_a_few_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log, "FILE_BYTES", 100)
    for number in range(6):
        with log.opened(own_log(tmp_path)):
            log.event("line", number=number, text="x" * 100)
    kept = {file.name: [e["number"] for e in events(file)] for file in own_log(tmp_path).parent.iterdir()}
    assert kept == {"dltpod.jsonl": [5], "dltpod.jsonl.1": [4], "dltpod.jsonl.2": [3]}


def test_files_and_folders_are_the_callers_alone(folder: Path) -> None:
    cli.main(["sync", "shop"])
    file = own_log(folder)
    modes = [stat.S_IMODE(place.stat().st_mode) for place in (file, file.parent, file.parent.parent)]
    assert modes == [0o600, 0o700, 0o700]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has another's rights")
def test_in_another_users_project_roots_log_is_the_owners(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    os.chown(tmp_path, 4321, 4321)
    with rights(tmp_path), log.opened(own_log(tmp_path)):
        log.event("line")
    assert {place.stat().st_uid for place in (own_log(tmp_path), own_log(tmp_path).parent)} == {4321}


def test_a_full_disk_fails_no_run_and_is_said_once(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    own_log(folder).parent.mkdir(parents=True)
    own_log(folder).symlink_to("/dev/full")
    assert cli.main(["sync", "shop"]) == 2
    said = capsys.readouterr().err
    assert said.count(f"warning: lines are missing in {own_log(folder)}: No space left on device") == 1
    made = project(folder, source("shop"))
    with log.opened(own_log(folder)) as kept:
        outcome = sync(made, made.sources, SyncOptions(), environ={}, engine=FakeEngine({"shop": [ok()]}))
    assert (outcome.exit_code, kept.problem) == (0, "No space left on device")


def test_a_folder_that_can_not_be_written_fails_no_run_and_is_said_once(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / ".dltpod").mkdir()
    (folder / ".dltpod" / "logs").write_text("in the way")
    assert cli.main(["sync", "shop"]) == 2
    said = capsys.readouterr().err
    assert "no Docker engine answers" in said
    assert said.count("warning: lines are missing in") == 1


def test_a_line_that_a_full_disk_cut_off_is_not_continued_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut_off(descriptor: int, data: bytes) -> int:
        return written(descriptor, data[:3])

    written = os.write
    file = log._File(own_log(tmp_path))
    file.write(b"one\n")
    with monkeypatch.context() as full, pytest.raises(OSError, match="No space left"):
        full.setattr(os, "write", cut_off)
        file.write(b"second\n")
    file.write(b"third\n")
    file.close()
    assert own_log(tmp_path).read_text() == "one\nsec\nthird\n"


@pytest.mark.parametrize("arguments", [["-v", "sync", "shop"], ["sync", "shop", "-v"]], ids=" ".join)
def test_v_shows_the_log_on_standard_error_for_people(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    cli.main(arguments)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "[warning  ] failed " in captured.err.splitlines()[0]


def test_the_end_waits_for_what_writes_the_log_to_be_loaded_however_long_that_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []

    def slowly(*given: Any) -> Any:
        time.sleep(1)
        done.append("loaded")
        return loaded(*given)

    loaded = log._json_logger
    monkeypatch.setattr(log, "_json_logger", slowly)
    monkeypatch.setattr(log, "_PATIENCE_SECONDS", 0.2)
    with log.opened(own_log(tmp_path)):
        log.event("told")
    assert done == ["loaded"]


def test_dltpod_log_shows_it_too_and_a_level_that_is_none_is_refused(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DLTPOD_LOG", "debug")
    cli.main(["sync", "shop"])
    assert "[warning  ] failed " in capsys.readouterr().err
    monkeypatch.setenv("DLTPOD_LOG", "debg")
    assert cli.main(["sync", "shop"]) == 2
    assert "DLTPOD_LOG is 'debg'; did you mean 'debug'?" in capsys.readouterr().err


def test_the_log_is_shown_and_kept_nowhere_for_a_dry_run(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["-v", "sync", "--dry-run", "shop"]) == 2
    assert not (folder / ".dltpod").exists()


@pytest.mark.parametrize("arguments", [["--help"], ["list"], ["sync", "--help"]], ids=" ".join)
def test_structlog_is_not_imported_where_nothing_is_logged(folder: Path, arguments: list[str]) -> None:
    script = (
        f"import sys; from launcher import cli; cli.main({arguments!r}); print('structlog' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "False"
