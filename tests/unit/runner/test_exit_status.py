"""What is said of a worker that ended without a word, and of the kernel's own counts."""

from __future__ import annotations

import signal
from pathlib import Path

from runner.contract import FailureKind
from runner.supervise.exit_status import corrected, explain, oom_kills


def test_a_kill_for_lack_of_memory_is_told_from_any_other() -> None:
    lack = explain(signal.SIGKILL, "extract", "", out_of_memory=True)
    assert (lack.kind, "memory" in lack.hint) == (FailureKind.OUT_OF_MEMORY, True)
    assert explain(signal.SIGKILL, "extract", "", out_of_memory=False).kind is FailureKind.KILLED


def test_a_crash_belongs_to_the_phase_that_it_happened_in() -> None:
    assert explain(signal.SIGSEGV, "load", "", False).kind is FailureKind.LOAD
    assert explain(signal.SIGABRT, "normalize", "", False).kind is FailureKind.NORMALIZE
    assert "exit code 3" in explain(3 << 8, "extract", "", False).message


def test_a_worker_that_was_told_to_stop_was_stopped_however_it_ended() -> None:
    assert explain(signal.SIGKILL, "load", "SIGTERM", True).kind is FailureKind.CANCELLED


def test_the_count_of_kills_is_read_from_either_version_of_control_groups(tmp_path: Path) -> None:
    second = tmp_path / "memory.events"
    second.write_text("low 0\noom 5\noom_kill 2\n")
    first = tmp_path / "memory.oom_control"
    first.write_text("oom_kill_disable 0\nunder_oom 0\noom_kill 3\n")
    none = str(tmp_path / "none")
    assert oom_kills((none, str(second))) == 2
    assert oom_kills((str(first), none)) == 3
    assert oom_kills((none,)) == 0


def test_what_a_library_calls_its_interruption_is_a_stop_where_the_run_was_told_to_stop() -> None:
    failure = {"kind": "load", "message": "Query interrupted", "hint": "", "transient": False}
    result = {"status": "failed", "exit_code": 1, "failure": failure}
    stopped = corrected(result, "load", "SIGTERM")
    assert (stopped["exit_code"], stopped["failure"]["kind"]) == (143, "cancelled")
    assert corrected(result, "load", "") == result


def test_a_fault_of_its_own_stays_the_runs_although_it_was_told_to_stop() -> None:
    failure = {"kind": "extract", "message": "KeyError: 'id'", "hint": "", "transient": False}
    result = {"status": "failed", "exit_code": 1, "failure": failure}
    assert corrected(result, "extract", "the end of its input") == result
