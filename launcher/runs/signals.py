"""Ctrl-C and SIGTERM: the first asks every job to stop gently, the second stops them at once."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator

from launcher import log
from launcher.engines.protocol import StopRequest
from launcher.errors import Exit
from launcher.host import processes
from runner.contract import FailureKind

_END = b"\0"
"""The number of no signal."""
_SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))


class Stopper(StopRequest):
    """The stop request for all jobs of a sync, and one for each of them.

    ``also`` is called at each request, to end what no job's stop request ends: builds of images, and git.
    """

    def __init__(self, also: Callable[[], None] = processes.cancel_all) -> None:
        super().__init__()
        self._also = also
        self._lock = threading.Lock()
        self._jobs: set[StopRequest] = set()
        self.signal: int | None = None
        """The first signal that asked, None where none did."""

    def ask(self, reason: FailureKind = FailureKind.CANCELLED) -> None:
        """Stop all jobs, and those that come later: gently, and at once the second time."""
        with self._lock:
            super().ask(reason)
            jobs = list(self._jobs)
        log.event("stop_asked", reason=self.reason.value, signal=self.signal, at_once=self.hard.is_set())
        for job in jobs:
            job.ask(reason)
        self._also()

    @contextlib.contextmanager
    def job(self) -> Iterator[StopRequest]:
        """The stop request of one job. If the sync was asked to stop before, the job is asked at once."""
        request = StopRequest()
        with self._lock:
            self._jobs.add(request)
            for asked in (self.gentle, self.hard):
                if asked.is_set():
                    request.ask(self.reason)
        try:
            yield request
        finally:
            with self._lock:
                self._jobs.discard(request)

    @property
    def exit_code(self) -> Exit | None:
        """The launcher's exit code for a received signal, None if there was none."""
        if self.signal is None:
            return None
        return Exit.INTERRUPTED if self.signal == signal.SIGINT else Exit.TERMINATED


@contextlib.contextmanager
def watched(stopper: Stopper) -> Iterator[None]:
    """While inside, signals ask the stopper. Only the main thread can have signals; others pass.

    The kernel may hand a signal to any thread. Python then calls its handler in the main thread, which waits
    for the jobs and is not woken. So the stopper is asked by what Python writes at once, in whichever thread
    (``signal.set_wakeup_fd``), and the handlers do nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    woken = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)

    def listen() -> None:
        while (number := os.read(reader, 1)) != _END:
            if woken != -1:
                with contextlib.suppress(OSError):
                    os.write(woken, number)
            if number[0] in taken:
                stopper.signal = stopper.signal or number[0]
                stopper.ask()

    listener = threading.Thread(target=listen, daemon=True, name="signals")
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    # What was told to ignore a signal (nohup, a shell's background job) goes on ignoring it.
    taken = {number for number in _SIGNALS if before[number] is not signal.SIG_IGN}
    listener.start()
    try:
        for number in taken:
            signal.signal(number, lambda number, frame: None)
        yield
    finally:
        for number in taken:
            previous = before[number]
            signal.signal(number, previous if previous is not None else signal.SIG_DFL)
        signal.set_wakeup_fd(woken)
        os.write(writer, _END)
        listener.join()
        os.close(reader)
        os.close(writer)
