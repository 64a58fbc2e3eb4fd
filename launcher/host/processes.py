"""The programs that a stop of this launcher ends: builders and git."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Iterator, Sequence
from typing import Any
from weakref import WeakKeyDictionary

Process = subprocess.Popen[str]

_running: WeakKeyDictionary[Process, int] = WeakKeyDictionary()
"""Each program, with the signal that ends it."""
_starting = threading.Lock()
"""Held from the start of a program until it is among them."""


def start(command: Sequence[str], ending: int, **options: Any) -> Process:
    """Start a program in a process group of its own: a Ctrl-C reaches it through this launcher alone.

    ``ending`` is the signal that ``cancel_all`` sends to it, ``options`` are those of ``subprocess.Popen``.
    Raises OSError.
    """
    process: Process | None = None
    try:
        with _starting, _interrupts_held():
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                encoding="utf-8",
                errors="replace",
                start_new_session=True,
                **options,
            )
            _running[process] = ending
    except BaseException:
        if process is not None:
            send(process, signal.SIGKILL)
        raise
    return process


def cancel_all() -> None:
    """End every program that was started here and not waited for yet, whichever thread started it."""
    with _starting:
        running = tuple(_running.items())
    for process, ending in running:
        if process.returncode is None:
            send(process, ending)


def send(process: Process, number: int) -> None:
    """Send a signal to the program and all that it started. Does nothing where they have ended."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)


@contextlib.contextmanager
def _interrupts_held() -> Iterator[None]:
    """Ctrl-C takes effect at the end: raised while a program starts, it would leave one that nobody ends."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: came.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        for number in came:
            signal.raise_signal(number)
