"""Each end of a run is named for what it was."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from launcher.engines.docker.spec import LOG_FILE_BYTES
from launcher.engines.log import FILE_BYTES
from launcher.plan.values import JobPlan
from launcher.runs.history import RunRecord
from launcher.runs.listeners import Listener
from launcher.runs.signals import Stopper
from runner.contract import FailureKind
from tests.containers.engine.faulty import TROUBLE
from tests.containers.folder import AtPhase, Folder
from tests.unit.engine.builders import ENVIRONMENT
from tests.waiting import wait_for

pytestmark = pytest.mark.usefixtures("offline")


@pytest.fixture
def trouble(project: Folder) -> Folder:
    project.code("faulty", TROUBLE)
    return project


def test_out_of_memory_in_the_source_names_the_limit_and_the_peak(trouble: Folder) -> None:
    trouble.source("hog", "faulty", "hog", container={"memory": "256m"})
    record = trouble.run("hog")
    assert record.failure_kind is FailureKind.OUT_OF_MEMORY, record
    assert "the limit is 256 MiB, the peak was 256 MiB" in record.message
    assert record.attempts == 1


def test_out_of_memory_in_a_child_process_is_out_of_memory_too(trouble: Folder) -> None:
    trouble.source("hog", "faulty", "hog_child", container={"memory": "256m"})
    record = trouble.run("hog")
    assert record.failure_kind is FailureKind.OUT_OF_MEMORY, record


def test_a_timeout_stops_the_source_gently_and_says_how_long_it_was(trouble: Folder) -> None:
    trouble.source("slow", "faulty", "sleeps", container={"timeout": "4s"})
    record = trouble.run("slow")
    assert record.failure_kind is FailureKind.TIMEOUT, record
    assert "4 s" in record.message
    assert trouble.containers() == []


def test_a_source_that_ignores_signals_is_stopped_by_its_timeout_all_the_same(trouble: Folder) -> None:
    trouble.source("deaf", "faulty", "ignores_signals", container={"timeout": "3s"})
    record = trouble.run("deaf")
    assert record.failure_kind is FailureKind.TIMEOUT, record
    assert trouble.containers() == []


def test_a_source_that_forks_children_and_hangs_is_ended_with_them(trouble: Folder) -> None:
    trouble.source("forks", "faulty", "forks_and_hangs", container={"timeout": "4s"})
    record = trouble.run("forks")
    assert record.failure_kind is FailureKind.TIMEOUT, record
    assert trouble.containers() == []


def test_children_that_a_source_leaves_running_hold_up_nothing(trouble: Folder) -> None:
    # Those would go on for an hour.
    trouble.source("forks", "faulty", "forks_and_ends", container={"timeout": "2m"})
    trouble.must("forks")
    assert trouble.rows("SELECT count(*) FROM raw_forks.forks_and_ends") == [(1,)]


# A deaf source that is waited for is ended by the runner in the end, whose own exit code is another.
KILLED_AT_ONCE = 128 + signal.SIGKILL


def test_a_second_request_to_stop_ends_the_run_at_once(trouble: Folder) -> None:
    trouble.source("deaf", "faulty", "ignores_signals")
    stopper = Stopper()

    def stop_twice() -> None:
        wait_for(lambda: trouble.logged("deaf", "deaf from now on"))
        stopper.ask()
        stopper.ask()

    outcome = trouble.sync("deaf", listener=AtPhase("extract", stop_twice), stopper=stopper)
    (record,) = outcome.records
    assert (record.failure_kind, record.exit_code) == (FailureKind.CANCELLED, KILLED_AT_ONCE)
    assert trouble.containers() == []


def test_a_request_to_stop_before_the_runner_listens_ends_the_run_gently_all_the_same(
    trouble: Folder,
) -> None:
    trouble.source("slow", "faulty", "sleeps", container={"network": "bridge"})
    stopper = Stopper()

    class AtOnce(Listener):
        def planned(self, source: str, plan: JobPlan) -> None:
            stopper.ask()

    record = trouble.sync("slow", listener=AtOnce(), stopper=stopper).records[0]
    assert (record.failure_kind, record.exit_code) == (FailureKind.CANCELLED, 143)
    assert trouble.containers() == []


def test_a_second_ctrl_c_ends_the_command_at_once(trouble: Folder) -> None:
    trouble.source("deaf", "faulty", "ignores_signals")
    launcher = trouble.start("sync", "deaf", "--json")
    assert launcher.stdout is not None
    wait_for(lambda: trouble.logged("deaf", "deaf from now on"))
    launcher.send_signal(signal.SIGINT)
    # Two that come before the first is taken are one signal to a process.
    own_log = trouble.root / ".dltpod/logs/dltpod.jsonl"
    wait_for(lambda: "stop_asked" in own_log.read_text(), text="the first signal is taken")
    launcher.send_signal(signal.SIGINT)
    launcher.stdout.read()
    assert launcher.wait(60) == 130
    (record,) = trouble.history.runs()
    assert record.exit_code == KILLED_AT_ONCE
    assert trouble.containers() == []


@pytest.mark.parametrize("folder", ["/tmp", "/run/secrets/dlt"])
def test_a_full_scratch_is_called_a_full_disk(trouble: Folder, folder: str) -> None:
    trouble.source("fills", "faulty", "fills", {"folder": folder}, container={"memory": "512m"})
    record = trouble.run("fills")
    assert record.failure_kind is FailureKind.DISK_FULL, record


@pytest.mark.parametrize("code", [0, 3])
def test_a_source_that_ends_the_process_by_itself_is_a_failure(trouble: Folder, code: int) -> None:
    trouble.source("exits", "faulty", "exits", {"code": code})
    record = trouble.run("exits")
    assert record.status == "failed"
    assert record.failure_kind is not None


def test_a_source_that_kills_every_process_around_it_is_called_killed(trouble: Folder) -> None:
    trouble.source("kills", "faulty", "kills_all")
    assert trouble.run("kills").failure_kind is FailureKind.KILLED


def test_a_source_that_prints_a_result_forges_nothing(trouble: Folder) -> None:
    trouble.source("forges", "faulty", "forges")
    record = trouble.run("forges")
    assert (record.status, record.failure_kind, record.rows) == ("failed", FailureKind.EXTRACT, {})
    assert '"stolen"' in trouble.log(record)


def test_whatever_a_source_says_and_leaves_its_run_is_told_and_the_next_one_goes_well(
    trouble: Folder,
) -> None:
    failure = {"kind": "extract", "message": "\x1b[2Jred\u202e", "hint": "a\nb"}
    cases: list[tuple[dict[str, Any], FailureKind]] = [
        ({"status": "ok", "exit_code": 0, "rows": {"t": "many"}}, FailureKind.RESULT_TORN),
        ({"status": "failed", "exit_code": 1, "failure": failure}, FailureKind.EXTRACT),
    ]
    for result, kind in cases:
        trouble.source("says", "faulty", "says", {"result": result})
        record = trouble.run("says")
        assert record.failure_kind is kind, record
    assert (record.message, record.hint) == ("red", "a b")
    trouble.source("says", "faulty", "plain")
    trouble.must("says")
    assert [run.status for run in trouble.history.runs("says")] == ["ok", "failed", "failed"]


def test_a_result_file_of_an_earlier_run_is_never_this_runs(trouble: Folder) -> None:
    trouble.source("plain", "faulty", "plain")
    trouble.must("plain")
    assert (trouble.root / ".dltpod/state/plain/result.json").exists()
    trouble.source("plain", "faulty", "sleeps")
    killed = AtPhase("extract", lambda: trouble.container("plain").kill(), 0.2)
    assert trouble.run("plain", killed).failure_kind is FailureKind.KILLED


def test_a_transient_failure_is_tried_again_and_the_record_says_how_often(trouble: Folder) -> None:
    trouble.source("refuses", "faulty", "refuses", {"times": 1}, container={"retries": 2})
    record = trouble.must("refuses")
    assert record.attempts == 2


def test_a_failure_that_will_not_pass_is_not_tried_again(trouble: Folder) -> None:
    trouble.source("fails", "faulty", "fails", container={"retries": 5})
    record = trouble.run("fails")
    assert (record.attempts, record.failure_kind) == (1, FailureKind.EXTRACT)
    assert "the account is closed" in record.message


def test_an_image_that_vanishes_before_the_start_is_called_gone(trouble: Folder) -> None:
    from launcher.images.tags import Image
    from launcher.plan.options import SyncOptions
    from launcher.runs.sync import sync

    trouble.source("plain", "faulty", "plain")
    project = trouble.load()
    outcome = sync(
        project,
        project.sources,
        SyncOptions(),
        image_for=lambda *_: Image("dltpod/source:never-built", ENVIRONMENT),
    )
    assert outcome.records[0].failure_kind is FailureKind.IMAGE_GONE


def test_what_the_source_prints_is_in_the_log_file_line_by_line(trouble: Folder) -> None:
    trouble.source("noisy", "faulty", "noisy", {"megabytes": 2})
    record = trouble.must("noisy")
    lines = trouble.log(record).splitlines()
    assert sum(line == ("noise " * 170).strip() or line == "noise " * 170 for line in lines) == 2048


def test_what_a_source_prints_at_full_speed_is_in_the_log_files_each_line_once_and_in_order(
    trouble: Folder,
) -> None:
    """Short lines, of what the engine keeps as six bytes each: it begins a second file for them."""
    lines = 270_000
    trouble.source("counts", "faulty", "counts", {"lines": lines, "width": 40, "filler": "<"})
    record = trouble.must("counts")
    assert counted(record) == list(range(lines))


def test_a_log_longer_than_the_engines_files_stalls_nothing_and_leaves_its_newest_lines_in_bounded_files(
    trouble: Folder,
) -> None:
    # of 1 KiB, each byte of which the engine keeps as six: 430 MiB, where it keeps 256 MB
    lines = 72 << 10
    trouble.source("counts", "faulty", "counts", {"lines": lines, "width": 1 << 10, "filler": "<"})
    record = trouble.must("counts")
    logs = list(Path(record.log_file).parent.glob("*.log*"))
    assert sum(file.stat().st_size for file in logs) < 60 << 20
    found = counted(record)
    assert len(found) >= 2 * FILE_BYTES >> 10
    assert found == sorted(set(found))
    # A launcher that gets no processor for long misses lines, but none that the engine still has at the end:
    # three whole files at least, in which a line takes six bytes for each of its own and some for its frame.
    newest = 3 * LOG_FILE_BYTES // (6 * (1 << 10) + 100)
    assert found[-newest:] == list(range(lines - newest, lines))


def counted(record: RunRecord) -> list[int]:
    """The numbers of what ``counts`` printed, as the log files of a run hold them, the oldest first."""
    file = Path(record.log_file)
    files = [file.with_name(f"{file.name}.2"), file.with_name(f"{file.name}.1"), file]
    text = b"".join(part.read_bytes() for part in files if part.exists())
    return [int(line[:8]) for line in text.splitlines() if line.endswith((b"xxxxx", b"<<<<<"))]


def test_a_terminal_that_nobody_reads_does_not_hold_up_the_run(trouble: Folder) -> None:
    trouble.source("noisy", "faulty", "noisy", {"megabytes": 8})
    launcher = trouble.start("sync", "noisy")
    wait_for(lambda: trouble.history.runs("noisy", statuses=("ok",)), 300, "the run waits for its reader")
    os.killpg(launcher.pid, signal.SIGKILL)
    launcher.communicate()


def test_a_reader_that_goes_away_as_head_does_ends_no_run(trouble: Folder) -> None:
    trouble.source("noisy", "faulty", "noisy", {"megabytes": 2})
    launcher = trouble.start("sync", "noisy", "--json")
    assert launcher.stdout is not None
    assert launcher.stderr is not None
    launcher.stdout.readline()
    launcher.stdout.close()
    launcher.stderr.close()
    assert launcher.wait(300) == 0
    assert trouble.history.runs("noisy", limit=1)[0].status == "ok"
