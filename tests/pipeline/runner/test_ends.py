"""However a run ends, gently, hard or by itself, it ends soon and with a result."""

from __future__ import annotations

import importlib.metadata
import re
import signal
from pathlib import Path
from typing import Any

import pytest

from runner.contract import NEVER_CONNECTED, Event, ExitCode, FailureKind
from runner.supervise.supervisor import EOF_GRACE
from tests.pipeline.runner.box import Box, Running
from tests.waiting import wait_for


@pytest.mark.parametrize(
    ("deed", "kind", "words"),
    [
        ("import os; os._exit(0)", FailureKind.EXTRACT, "ended the process by itself"),
        ("import sys; sys.exit(0)", FailureKind.EXTRACT, "sys.exit(0)"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", FailureKind.EXTRACT, "SIGSEGV"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", FailureKind.KILLED, "was killed"),
        ("raise BaseException('odd')", FailureKind.EXTRACT, "odd"),
        ("raise KeyboardInterrupt", FailureKind.EXTRACT, "raised KeyboardInterrupt during extract"),
        ("raise MemoryError", FailureKind.OUT_OF_MEMORY, "out of memory"),
        ("raise type('E', (Exception,), {'__str__': lambda self: 1 / 0})()", FailureKind.EXTRACT, "failed"),
    ],
)
def test_however_a_source_ends_there_is_a_result(box: Box, deed: str, kind: FailureKind, words: str) -> None:
    box.write("shop.py", f"def orders():\n    yield [{{'id': 1}}]\n    {deed}\n")
    outcome = box.run()
    assert (outcome.code, outcome.stored.status, outcome.failure.kind) == (ExitCode.FAILED, "failed", kind)
    assert words in outcome.failure.message
    assert outcome.events[-1]["event"] == Event.RESULT.value


def test_a_run_whose_process_dies_tells_the_version_of_dlt_too(real_box: Box) -> None:
    real_box.write("shop.py", "def orders():\n    import os\n    yield 1\n    os._exit(7)\n")
    real_box.program = ("-S", "-m", "runner")
    outcome = real_box.run()
    assert outcome.stored.versions["dlt"] == importlib.metadata.version("dlt")
    assert "not installed" not in outcome.log


def test_a_source_that_exits_while_imported_is_told_so(box: Box) -> None:
    box.write("shop.py", "import sys\nsys.exit(3)\n")
    outcome = box.run()
    assert (outcome.code, outcome.failure.kind) == (ExitCode.CONFIGURATION, FailureKind.IMPORT_FAILED)
    assert "sys.exit(3)" in outcome.failure.message


def test_children_that_the_source_forks_end_by_a_signal_without_a_word(box: Box) -> None:
    box.write(
        "shop.py",
        """
        import multiprocessing, signal, time

        def sleeps(began):
            began.set()
            time.sleep(300)

        def orders():
            context = multiprocessing.get_context("fork")
            pool = context.Pool(2)
            began = context.Event()
            process = context.Process(target=sleeps, args=(began,))
            process.start()
            yield [{"id": n} for n in pool.map(abs, range(3))]
            pool.terminate()
            pool.join()
            # Python forgets a signal that comes before a forked process has run its first line.
            assert began.wait(60)
            process.terminate()
            process.join()
            yield [{"id": 3, "ended_by": -process.exitcode}]
        """,
    )
    outcome = box.run()
    assert (outcome.code, outcome.stored.rows) == (0, {"orders": 4})
    assert "Traceback" not in outcome.log
    assert box.rows("SELECT max(ended_by) FROM raw_shop.orders") == [(signal.SIGTERM,)]


def write_endless(box: Box, body: str) -> None:
    box.write(
        "shop.py",
        f"""
        import ctypes, pathlib, time

        def orders():
            pathlib.Path({str(box.root / "began")!r}).touch()
            {body}
            yield [{{"id": 1}}]
        """,
    )


def endless(box: Box, body: str, stop_seconds: float = 1.0, **job: Any) -> Running:
    write_endless(box, body)
    process = box.start(box.job(stop_seconds=stop_seconds, **job))
    wait_for((box.root / "began").exists, text="the source begins")
    return process


HANGS = {
    "asleep": "time.sleep(300)",
    "deaf": "exec('while True:\\n try:\\n  time.sleep(300)\\n except BaseException: pass')",
    # waits for itself with the interpreter's lock held, so no handler of a signal runs
    "in C code": "c, m = ctypes.PyDLL(None), ctypes.create_string_buffer(64);"
    " [c.pthread_mutex_lock(m) for _ in range(2)]",
}


@pytest.mark.parametrize("hang", HANGS)
def test_the_run_ends_within_ten_seconds_of_its_inputs_end(box: Box, hang: str) -> None:
    assert EOF_GRACE < 10
    process = endless(box, HANGS[hang])
    assert process.stdin is not None
    process.stdin.close()
    process.stdin = None
    outcome = box.ended(process)
    assert (outcome.code, outcome.failure.kind) == (ExitCode.STOPPED, FailureKind.CANCELLED)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
@pytest.mark.parametrize("hang", HANGS)
def test_a_signal_stops_the_run_gently_and_a_deaf_one_in_the_end(box: Box, hang: str, number: int) -> None:
    process = endless(box, HANGS[hang])
    process.send_signal(number)
    outcome = box.ended(process)
    assert (outcome.code, outcome.failure.kind) == (ExitCode.STOPPED, FailureKind.CANCELLED)


def test_a_source_that_sleeps_while_dlt_waits_for_it_is_woken_long_before_the_stops_last_second(
    box: Box,
) -> None:
    process = endless(box, HANGS["asleep"], stop_seconds=20.0)
    process.send_signal(signal.SIGTERM)
    outcome = box.ended(process, timeout=60)
    assert (outcome.code, outcome.failure.kind) == (ExitCode.STOPPED, FailureKind.CANCELLED)
    assert "during extract" in outcome.failure.message
    assert "did not end in time" not in outcome.failure.message


@pytest.mark.parametrize("hang", HANGS)
def test_a_run_without_a_launcher_ends_by_itself_at_its_timeout(box: Box, hang: str) -> None:
    write_endless(box, HANGS[hang])
    outcome = box.run(stop_seconds=1.0, timeout=8.0)
    assert (box.root / "began").exists()
    assert (outcome.code, outcome.failure.kind) == (ExitCode.FAILED, FailureKind.TIMEOUT)
    assert outcome.failure.message == "stopped: it took longer than its timeout of 8 s"
    assert "raise" not in outcome.failure.hint


def test_a_run_that_has_rows_at_its_timeout_is_told_to_raise_it(box: Box) -> None:
    box.write(
        "shop.py",
        """
        import time

        def orders():
            yield [{"id": 1}]
            time.sleep(2)
            yield [{"id": 2}]
            time.sleep(300)
        """,
    )
    outcome = box.run(stop_seconds=1.0, timeout=20.0)
    assert outcome.failure.message == "stopped: it took longer than its timeout of 20 s"
    assert outcome.failure.hint.startswith("raise container.timeout")


def test_a_stop_is_a_full_disk_where_a_folder_takes_more_than_the_kubelet_lets_it(box: Box) -> None:
    process = endless(box, HANGS["deaf"], scratch={"/tmp": 1 << 20, "/state": 1 << 30})
    (box.root / "tmp" / "nested").mkdir()
    (box.root / "tmp" / "nested" / "spill").write_bytes(b"x" * (2 << 20))
    process.send_signal(signal.SIGTERM)
    outcome = box.ended(process)
    assert (outcome.code, outcome.failure.kind) == (ExitCode.FAILED, FailureKind.DISK_FULL)
    assert "/tmp holds more than 1 MiB" in outcome.failure.message


def test_a_sparse_file_fills_no_disk(box: Box) -> None:
    process = endless(box, HANGS["asleep"], scratch={"/tmp": 1 << 20})
    with (box.root / "tmp" / "sparse").open("wb") as file:
        file.truncate(1 << 30)
    process.send_signal(signal.SIGTERM)
    assert box.ended(process).failure.kind is FailureKind.CANCELLED


def waits(pid: int, number: int) -> bool:
    """Whether the kernel holds the signal for the process, which has not taken it yet."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    held = re.findall(r"^(?:SigPnd|ShdPnd):\s*(\w+)$", status, re.MULTILINE)
    return any(int(mask, 16) & (1 << (number - 1)) for mask in held)


def test_a_second_signal_ends_the_run_at_once(box: Box) -> None:
    process = endless(box, HANGS["deaf"], stop_seconds=3600.0)
    process.send_signal(signal.SIGTERM)
    # Two that come while the process doesn't get the processor would be one signal to it.
    wait_for(lambda: not waits(process.pid, signal.SIGTERM), text="the first signal is taken")
    process.send_signal(signal.SIGTERM)
    assert box.ended(process).code == ExitCode.STOPPED


def test_a_job_that_does_not_ask_for_it_outlives_its_input(box: Box) -> None:
    box.write("shop.py", "import time\ndef orders():\n    time.sleep(2)\n    yield [{'id': 1}]\n")
    process = box.start(box.job(stop_on_eof=False))
    assert process.stdin is not None
    process.stdin.close()
    process.stdin = None
    assert box.ended(process).code == 0


def test_two_runs_do_not_share_a_state(box: Box) -> None:
    process = endless(box, HANGS["asleep"])
    second = box.run(run_id="run-2")
    assert (second.code, second.stored.run_id) == (ExitCode.TRANSIENT, "run-2")
    assert second.failure.transient
    assert "run run-1 holds" in second.failure.message
    process.send_signal(signal.SIGTERM)
    assert box.ended(process).stored.run_id == "run-1"


HANGING = """
    import os, time

    def orders():
        for _ in range(2000):
            os.write(2, b"%3|1.2|FAIL|rdkafka#c-1| [thrd:x]: localhost:9092/bootstrap: Connection refused\\n")
            time.sleep(0.01)
        yield {"id": 1}
"""
IMPATIENT = (
    "import runpy; from runner.supervise import connecting; connecting.PATIENCE = 1; "
    "runpy.run_module('runner', run_name='__main__')"
)


def test_a_source_that_does_nothing_but_fail_to_connect_is_ended(real_box: Box) -> None:
    real_box.write("shop.py", HANGING)
    real_box.program = ("-c", IMPATIENT)
    failure = real_box.run().failure
    assert failure.kind is FailureKind.EXTRACT
    assert failure.message.endswith(": localhost:9092/bootstrap: Connection refused")
    assert "host.docker.internal" in failure.hint


def test_a_stop_of_a_source_that_only_failed_to_connect_says_what_kept_it(real_box: Box) -> None:
    real_box.write("shop.py", HANGING)
    process = real_box.start_interpreter(real_box.job())
    assert process.stderr is not None
    for _ in range(10):
        process.stderr.readline()
    process.send_signal(signal.SIGTERM)
    failure = real_box.ended(process).failure
    assert failure.message.startswith(NEVER_CONNECTED)
