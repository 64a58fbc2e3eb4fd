"""`dltpod logs`: all that the log files of a run hold, and what comes while it is followed."""

from __future__ import annotations

import io
import sys
import threading
import time
from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import cast

import pytest

from launcher import cli
from launcher.engines.log import LogFile
from launcher.host.launchers import Launchers
from launcher.runs.history import FAILED, OK, RUNNING, History, RunRecord
from tests.waiting import wait_for

RUN = "20260101-120000-aaaa"
SMALL = 1000


def record(folder: Path, run_id: str = RUN, **fields: str) -> RunRecord:
    """A run in history, which began when its id says."""
    began = datetime.strptime(run_id[:15], "%Y%m%d-%H%M%S").isoformat()
    values = {"status": OK, "started": f"{began}.000Z", **fields}
    values.setdefault("log_file", str(folder / ".dltpod" / "logs" / "shop" / f"{run_id}.log"))
    found = RunRecord(run_id=run_id, source="shop", **values)  # type: ignore[arg-type]
    History(folder / ".dltpod").write(found)
    return found


def written(folder: Path, first: int, end: int) -> LogFile:
    log = LogFile(folder / ".dltpod" / "logs" / "shop" / f"{RUN}.log", size=SMALL)
    for number in range(first, end):
        log.write(b"line %d" % number)
    log.flush()
    return log


def numbers(text: str) -> list[int]:
    return [int(line.removeprefix("line ")) for line in text.splitlines()]


def test_the_rotated_files_of_a_run_come_before_the_last_one(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record(folder)
    written(folder, 0, 300).close()
    assert cli.main(["logs", "shop"]) == 0
    found = numbers(capsys.readouterr().out)
    assert found == list(range(found[0], 300))
    assert len(found) > 2 * SMALL / len("line 100\n")


def test_the_log_of_a_run_that_printed_nothing_says_so(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record(folder)
    written(folder, 0, 0).close()
    assert cli.main(["logs", "shop"]) == 0
    assert capsys.readouterr().err == f"the log of {RUN} is empty: the source printed nothing\n"


def test_a_log_that_is_followed_goes_on_past_its_rotations_with_each_line_once(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def write(log: LogFile) -> None:
        for number in range(100, 1000):
            log.write(b"line %d" % number)
            log.flush()
            time.sleep(0.002)
            if number % 50 == 0:
                # The three files hold more than 200 lines. Who gets no processor for longer misses some.
                wait_for(partial(shown_up_to, max(0, number - 150)))

    assert followed(folder, capsys, write) == list(range(1000))


def test_a_line_that_is_half_written_when_it_is_read_is_one_line(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def write(log: LogFile) -> None:
        file = folder / ".dltpod" / "logs" / "shop" / f"{RUN}.log"
        with file.open("ab") as stream:
            for piece in (b"line 1", b"00", b"\nline 101\n"):
                stream.write(piece)
                stream.flush()
                time.sleep(0.5)

    assert followed(folder, capsys, write) == list(range(102))


def shown_up_to(number: int) -> bool:
    """Whether what is printed, which ``capsys`` keeps, has come to this line."""
    return f"line {number}\n" in cast(io.StringIO, sys.stdout).getvalue()


def followed(folder: Path, capsys: pytest.CaptureFixture[str], write: Callable[[LogFile], None]) -> list[int]:
    """What `logs --follow` tells of a run that writes on, and then ends."""
    with Launchers(folder / ".dltpod") as launchers:
        record(folder, status=RUNNING, launcher=launchers.id)
        log = written(folder, 0, 100)
        follower = threading.Thread(target=cli.main, args=(["logs", "shop", "--follow"],))
        follower.start()
        wait_for(lambda: shown_up_to(99))
        write(log)
        log.close()
        record(folder, status=OK)
        follower.join(60)
        assert not follower.is_alive()
    return numbers(capsys.readouterr().out)


def test_a_running_sync_is_shown_before_a_later_check_or_a_sync_that_waits(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Launchers(folder / ".dltpod") as launchers:
        record(folder, status=RUNNING, launcher=launchers.id)
        written(folder, 0, 10).close()
        record(folder, "20260101-120001-bbbb", status=RUNNING, launcher=launchers.id)
        check = record(folder, "20260101-120002-cccc", action="check")
        Path(check.log_file).write_text("checked\n")
        assert cli.main(["logs", "shop"]) == 0
        assert numbers(capsys.readouterr().out) == list(range(10))


def test_a_run_that_made_no_log_does_not_hide_the_last_one_that_did(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record(folder)
    written(folder, 0, 10).close()
    record(folder, "20260101-120001-bbbb", log_file="")
    assert cli.main(["logs", "shop"]) == 0
    assert numbers(capsys.readouterr().out) == list(range(10))
    assert cli.main(["logs", "shop", "--run", "20260101-120001"]) != 0
    said = capsys.readouterr().err
    assert "run 20260101-120001-bbbb of shop has no log" in said
    assert "hint: `dltpod runs shop` says why" in said


def test_following_ends_when_the_launcher_of_the_run_is_killed(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Launchers(folder / ".dltpod") as launchers:
        record(folder, status=RUNNING, launcher=launchers.id)
        written(folder, 0, 10).close()
        follower = threading.Thread(target=cli.main, args=(["logs", "shop", "--follow"],), daemon=True)
        follower.start()
        follower.join(0.5)
        assert follower.is_alive(), "the run goes on"
    follower.join(60)
    assert not follower.is_alive()
    assert numbers(capsys.readouterr().out) == list(range(10))


def test_the_run_of_a_launcher_that_was_killed_does_not_hide_a_later_one(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Launchers(folder / ".dltpod") as launchers:
        killed = record(folder, "20260101-110000-aaaa", status=RUNNING, launcher=launchers.id)
    Path(killed.log_file).parent.mkdir(parents=True)
    Path(killed.log_file).write_text("killed\n")
    record(folder)
    written(folder, 0, 10).close()
    assert cli.main(["logs", "shop"]) == 0
    assert numbers(capsys.readouterr().out) == list(range(10))


def test_each_state_of_a_progress_bar_is_a_line_of_its_own(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path(record(folder).log_file).parent.mkdir(parents=True)
    Path(record(folder).log_file).write_bytes(b"\r10%\r20%\nwindows\r\n")
    assert cli.main(["logs", "shop"]) == 0
    assert capsys.readouterr().out.splitlines() == ["10%", "20%", "windows"]


def test_failed_shows_the_last_run_that_failed_and_without_a_name_only_where_it_is_the_last(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["logs", "shop", "--failed"]) == 2
    assert "no run of shop has failed" in capsys.readouterr().err
    record(folder, status=FAILED, message="401 Unauthorized")
    written(folder, 0, 3)
    for arguments in (["logs", "--failed"], ["logs", "shop", "--failed"]):
        assert cli.main(arguments) == 0
        said = capsys.readouterr()
        assert numbers(said.out) == [0, 1, 2]
        assert f"shop, run {RUN}: 401 Unauthorized" in said.err
    record(folder, "20260102-120000-bbbb")
    assert cli.main(["logs", "shop", "--failed"]) == 0
    assert numbers(capsys.readouterr().out) == [0, 1, 2]
    assert cli.main(["logs", "--failed"]) == 0
    said = capsys.readouterr()
    assert (said.out, "no source's last run failed" in said.err) == ("", True)


def test_a_failed_run_without_a_log_says_what_it_died_of(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record(folder, status=FAILED, message="no such image", log_file="")
    assert cli.main(["logs", "--failed"]) == 0
    assert "no such image\nno log:" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["--failed", "--follow"], ["shop", "--failed", "--run", "x"]])
def test_what_does_not_go_together_is_told(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    assert cli.main(["logs", *arguments]) == 2
    assert "--failed" in capsys.readouterr().err
