"""The first signal asks gently, the second at once, whenever they come."""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from launcher.config.models import Source
from launcher.errors import Exit
from launcher.images.tags import Image
from launcher.plan.options import SyncOptions
from launcher.plan.values import Say
from launcher.runs.signals import Stopper, watched
from launcher.runs.sync import sync
from launcher.secrets.gather import Drivers
from runner.contract import FailureKind
from tests.unit.engine.builders import ENVIRONMENT, FakeEngine, project, source
from tests.waiting import wait_for


def wait(event: threading.Event) -> bool:
    return event.wait(60)


def test_each_job_is_asked_gently_and_then_at_once_and_so_are_those_that_come_later() -> None:
    stopper = Stopper()
    with stopper.job() as one:
        assert not one.gentle.is_set()
        stopper.ask(FailureKind.TIMEOUT)
        assert (one.gentle.is_set(), one.hard.is_set(), one.reason) == (True, False, FailureKind.TIMEOUT)
        stopper.ask()
        assert one.hard.is_set()
        with stopper.job() as two:
            assert two.gentle.is_set()
            assert two.hard.is_set()


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (signal.SIGINT, Exit.INTERRUPTED),
        (signal.SIGTERM, Exit.TERMINATED),
        (signal.SIGHUP, Exit.TERMINATED),
    ],
)
def test_signals_ask_and_the_first_one_gives_the_exit_code(number: signal.Signals, code: Exit) -> None:
    stopper = Stopper()
    before = signal.getsignal(number)
    with watched(stopper):
        os.kill(os.getpid(), number)
        assert wait(stopper.gentle)
        assert not stopper.hard.is_set()
        os.kill(os.getpid(), signal.SIGTERM)
        assert wait(stopper.hard)
    assert stopper.exit_code is code
    assert signal.getsignal(number) is before


def test_a_signal_that_another_thread_takes_asks_too_while_the_main_thread_waits() -> None:
    # The kernel may hand a process's signal to any of its threads. Only that one is woken then.
    stopper = Stopper()
    asked: list[bool] = []

    def taken() -> None:
        time.sleep(0.3)  # until the main thread waits
        signal.pthread_kill(threading.get_ident(), signal.SIGTERM)
        asked.append(stopper.gentle.wait(20))

    with watched(stopper):
        thread = threading.Thread(target=taken)
        thread.start()
        thread.join()
    assert asked == [True]


def test_a_program_that_is_woken_by_signals_itself_still_hears_of_them() -> None:
    reader, writer = socket.socketpair()
    writer.setblocking(False)
    before = signal.set_wakeup_fd(writer.fileno())
    try:
        with watched(Stopper()):
            os.kill(os.getpid(), signal.SIGTERM)
            assert reader.recv(1) == bytes([signal.SIGTERM])
        assert signal.set_wakeup_fd(writer.fileno()) == writer.fileno()
    finally:
        signal.set_wakeup_fd(before)
        reader.close()
        writer.close()


def test_after_a_stop_no_build_of_an_image_begins(tmp_path: Path) -> None:
    made = project(tmp_path, source())
    stopper = Stopper()
    begun: list[str] = []

    def image_for(source: Source, drivers: Drivers, say: Say) -> Image:
        say("pulling the base image")
        stopper.ask()
        say("building the environment")
        begun.append(source.name)
        return Image("dltpod/source:1", ENVIRONMENT)

    outcome = sync(
        made, made.sources, SyncOptions(), engine=FakeEngine({}), image_for=image_for, stopper=stopper
    )
    (record,) = outcome.records
    assert (record.status, record.message, begun) == ("stopped", "stopped as asked", [])


def test_what_runs_beside_the_jobs_is_told_at_each_request() -> None:
    told: list[int] = []
    stopper = Stopper(also=lambda: told.append(1))
    stopper.ask()
    stopper.ask()
    assert told == [1, 1]


def test_a_storm_of_signals_into_a_thread_that_holds_locks_hangs_nothing(tmp_path: Path) -> None:
    script = """
import sys, threading
from launcher.runs.signals import Stopper, watched
stopper = Stopper()
over, told = threading.Event(), False
threading.Thread(target=lambda: (sys.stdin.read(), over.set())).start()
with watched(stopper):
    print("ready", flush=True)
    lock = threading.Condition()
    while not over.is_set():
        with lock:
            if stopper.hard.is_set() and not told:
                told = True
                print("hard", flush=True)
            lock.wait(0.0001)
print(stopper.signal)
"""
    process = subprocess.Popen(
        [sys.executable, "-c", script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[3],
    )
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    output = process.stdout

    def answered() -> bool:
        process.send_signal(signal.SIGTERM)
        return bool(select.select([output], [], [], 0)[0])

    for _ in range(300):
        answered()
        time.sleep(0.002)
    # Those that come while the process doesn't get the processor are one signal to it.
    wait_for(answered, text="two signals have come")
    process.stdin.close()
    assert output.read() == "hard\n15\n"
    assert process.wait(60) == 0


def test_signals_that_were_ignored_before_stay_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        stopper = Stopper()
        with watched(stopper):
            os.kill(os.getpid(), signal.SIGHUP)
            time.sleep(0.05)
        assert stopper.signal is None
    finally:
        signal.signal(signal.SIGHUP, before)
