"""The process that watches over the worker: it holds the input and the output of the container.

It masks what the worker and its children print, passes events on, ends the run when the input
closes or a signal comes, and says what became of a worker that could not say it itself. It is a
process rather than a thread because C code can keep every thread of the worker's from running.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import time
import typing
from collections.abc import Callable
from pathlib import Path

from runner import contract
from runner.contract import Event, Failure, FailureKind
from runner.supervise import exit_status, results
from runner.supervise.job_input import Input, Paths
from runner.supervise.masking import Masker, StreamMasker, masker_of

EOF_GRACE = 5.0
"""Seconds between the input's end and the worker's. Ten in all are promised."""
END_OF_INPUT = "the end of its input"
EXIT_GRACE = 10.0
"""Seconds that a worker has to end once it has given its result."""
NUDGE = {"extract": 0.15, "start": 0.15}
"""The part of a gentle stop's time, by phase, after which dlt's patience is ended by a second signal.

dlt takes the first to mean: finish what goes on. A load should be; a source that sleeps or waits
for its API does not hear of it.
"""
_OTHER_NUDGE = 0.7
DRAIN_GRACE = 5.0
"""Seconds for what is left in the pipes once the worker has ended."""
_STOPS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_CHUNK = 1 << 16
_BUFFER_LIMIT = 1 << 18
_EVENT_LIMIT = 16 << 20
"""Bytes. A line of the event pipe that is longer is no event: it must not fill the memory."""
_REAPED_AT_ONCE = 100
"""A source that makes orphans without end must not keep this process from everything else."""
_LONGEST_EVENT = 1 << 20
"""Bytes. The launcher reads a log's lines in pieces of that length: a longer event would be lines to it."""
_ATOMIC = select.PIPE_BUF
"""A pipe that is ready takes this many bytes without blocking."""

Prepare = Callable[[Input, Paths], None]
Work = Callable[[Input, Paths, Masker, int, int], typing.NoReturn]
"""Turns the forked process into the worker; the numbers are its pipes for events and for the log."""


_MALFORMED = (ValueError, KeyError, AttributeError, TypeError, RecursionError)
"""What an event of another shape than the worker's ends in."""


class Output:
    """A descriptor that is written without ever waiting for its reader."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.broken = False
        self._held = bytearray()

    def add(self, data: bytes) -> None:
        if not self.broken:
            self._held += data

    @property
    def waiting(self) -> bool:
        return bool(self._held) and not self.broken

    @property
    def full(self) -> bool:
        return len(self._held) > _BUFFER_LIMIT and not self.broken

    def write(self) -> None:
        """One piece, small enough for a pipe that poll calls ready. A reader that is gone is no error."""
        try:
            written = os.write(self.descriptor, self._held[:_ATOMIC])
        except BlockingIOError:
            return
        except OSError:
            self.broken = True
            self._held.clear()
            return
        del self._held[:written]


class Supervisor:
    """Runs one job to its end."""

    def __init__(self, given: Input, paths: Paths, prepare: Prepare, work: Work) -> None:
        self._given = given
        self._job = given.job
        self._paths = paths
        self._prepare, self._work = prepare, work
        self._masker = masker_of(given.job, given.files, os.environ)
        self._log = StreamMasker(self._masker)
        self._events = Output(1)
        self._stderr = Output(2)
        self._partial = bytearray()
        self._phase = "start"
        self._result: dict[str, typing.Any] | None = None
        self._stopping = ""
        self._kill_at: float | None = None
        self._nudge_at: float | None = None
        self._oom_kills = exit_status.oom_kills()
        self._worker = 0
        self._status: int | None = None

    def run(self) -> int:
        """Starts the worker and returns the exit code when all is said."""
        try:
            self._prepare(self._given, self._paths)
        except (OSError, ValueError) as exc:
            return self._end(Failure(FailureKind.INTERNAL, f"the container isn't fit for the job: {exc}"))
        self._tell(Event.PHASE.value, {"phase": "start"})
        self._start()
        self._watch()
        return self._end(self._death())

    # The worker's life

    def _start(self) -> None:
        wake_read, wake_write = socket.socketpair()
        wake_read.setblocking(False)
        wake_write.setblocking(False)
        signal.set_wakeup_fd(wake_write.fileno(), warn_on_full_buffer=False)
        self._wake = wake_read
        self._wake_write = wake_write
        for number in (*_STOPS, signal.SIGCHLD):
            signal.signal(number, lambda signum, frame: None)
        log_read, log_write = os.pipe()
        event_read, event_write = os.pipe()
        self._worker = os.fork()
        if self._worker == 0:
            signal.set_wakeup_fd(-1)
            for descriptor in (log_read, event_read, wake_read.detach(), wake_write.detach()):
                os.close(descriptor)
            self._work(self._given, self._paths, self._masker, event_write, log_write)
        os.close(log_write)
        os.close(event_write)
        for descriptor in (log_read, event_read):
            os.set_blocking(descriptor, False)
        self._log_pipe: int | None = log_read
        self._event_pipe: int | None = event_read
        # Only what the launcher holds open counts; a mounted job has no such input.
        watched = self._job.stop_on_eof and not self._given.mounted
        self._input: int | None = 0 if watched else None

    def _watch(self) -> None:
        while self._status is None:
            self._turn(self._timeout())
            self._reap()
            now = time.monotonic()
            if self._nudge_at is not None and now >= self._nudge_at:
                self._nudge_at = None
                self._ask()
            if self._kill_at is not None and now >= self._kill_at:
                self._kill()
                self._kill_at = None
        self._kill()  # children that the source left running
        deadline = time.monotonic() + DRAIN_GRACE
        while time.monotonic() < deadline:
            full = self._stderr.full or self._events.full
            if not self._turn(0.1 if full else 0.0) and not full:
                break
        self._take_events(b"\n")
        self._stderr.add(self._log.flush())

    def _timeout(self) -> float | None:
        times = [moment for moment in (self._kill_at, self._nudge_at) if moment is not None]
        return max(0.0, min(times) - time.monotonic()) if times else None

    def _turn(self, timeout: float | None) -> bool:
        """Waits for one thing to happen and deals with it. False: nothing is left to read."""
        poll = select.poll()
        poll.register(self._wake, select.POLLIN)
        readers: dict[int, Callable[[], None]] = {self._wake.fileno(): self._signalled}
        if self._input is not None:
            poll.register(self._input, select.POLLIN)
            readers[self._input] = self._read_input
        if self._log_pipe is not None and not self._stderr.full:
            poll.register(self._log_pipe, select.POLLIN)
            readers[self._log_pipe] = self._read_log
        if self._event_pipe is not None and not self._events.full:
            poll.register(self._event_pipe, select.POLLIN)
            readers[self._event_pipe] = self._read_events
        writers = {output.descriptor: output for output in (self._events, self._stderr) if output.waiting}
        for descriptor in writers:
            poll.register(descriptor, select.POLLOUT)
        happened = False
        for descriptor, mask in poll.poll(None if timeout is None else timeout * 1000):
            if descriptor in writers:
                writers[descriptor].write()
                happened = True
            elif mask:
                readers[descriptor]()
                happened = happened or descriptor in (self._log_pipe, self._event_pipe)
        return happened

    def _signalled(self) -> None:
        try:
            numbers = self._wake.recv(64)
        except BlockingIOError:
            return
        for number in numbers:
            if number in _STOPS:
                self._stop(signal.Signals(number).name, self._job.stop_seconds)

    def _read_input(self) -> None:
        try:
            data = os.read(0, _CHUNK)
        except OSError:
            data = b""
        if not data:
            self._input = None
            self._stop(END_OF_INPUT, EOF_GRACE)

    def _stop(self, why: str, grace: float) -> None:
        """Gently the first time, at once the second."""
        if self._stopping or self._status is not None:
            self._kill_at = time.monotonic()
            return
        self._stopping = why
        now = time.monotonic()
        self._nudge_at = now + grace * NUDGE.get(self._phase, _OTHER_NUDGE)
        self._kill_at = now + grace
        self._ask()

    def _ask(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._worker, signal.SIGTERM)

    def _kill(self) -> None:
        """The worker and its process group; as PID 1, whatever else runs in the container."""
        if os.getpid() == 1:
            with contextlib.suppress(ProcessLookupError):
                os.kill(-1, signal.SIGKILL)
            return
        for send in (os.killpg, os.kill):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                send(self._worker, signal.SIGKILL)

    def _reap(self) -> None:
        """Takes in ended children: as PID 1 this process inherits orphans."""
        for _ in range(_REAPED_AT_ONCE):
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid == self._worker:
                self._status = status
        with contextlib.suppress(BlockingIOError):
            self._wake_write.send(b"\0")  # there may be more: come back after a look at the rest

    # What it says

    def _read_log(self) -> None:
        data = _read(self._log_pipe)
        if data is not None:
            self._stderr.add(self._log.feed(data))
            if not data:
                self._log_pipe = None

    def _read_events(self) -> None:
        data = _read(self._event_pipe)
        if data is not None:
            self._take_events(data)
            if not data:
                self._event_pipe = None

    def _take_events(self, data: bytes) -> None:
        self._partial += data
        if b"\n" not in data:
            if len(self._partial) > _EVENT_LIMIT:
                self._partial[:] = b"?"  # so that its end is no event either
            return
        *lines, self._partial = self._partial.split(b"\n")
        for line in lines:
            # The source can write there too. The launcher judges what gets through here.
            with contextlib.suppress(*_MALFORMED):
                self._take_event(json.loads(line))

    def _take_event(self, event: dict[str, typing.Any]) -> None:
        name = event.pop("event")
        if name == Event.RESULT.value:
            self._result = self._said(exit_status.settled(event["result"], self._phase, self._stopping))
            self._nudge_at, self._kill_at = None, time.monotonic() + EXIT_GRACE
            return
        if name == Event.PHASE.value:
            if event.get("phase") == self._phase:
                return
            self._phase = str(event.get("phase"))
        self._tell(name, event)

    def _tell(self, name: str, fields: dict[str, typing.Any]) -> None:
        line = {"token": self._job.token, "event": name, "time": round(time.time(), 3)}
        line.update(self._masker.value({key: fields[key] for key in fields if key not in ("token", "event")}))
        data = json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode()
        if len(data) < _LONGEST_EVENT:  # the file has a longer result
            self._events.add(data + b"\n")

    def _death(self) -> Failure | None:
        if self._result is not None or self._status is None:
            return None
        return exit_status.explain(
            self._status, self._phase, self._stopping, exit_status.oom_kills() > self._oom_kills
        )

    def _end(self, failure: Failure | None) -> int:
        if failure is not None:
            self._result = self._said(results.plain(results.failed(failure, versions=results.versions())))
        assert self._result is not None
        if self._stopping == END_OF_INPUT and self._result.get("status") != "ok":
            # The launcher may live, and only its connection have broken: it asks why its job ended.
            with contextlib.suppress(TypeError):
                self._result["notes"] = [*self._result.get("notes", ()), contract.INPUT_CLOSED]
        try:
            results.store(self._result_file(), self._result, self._job.result_bytes)
        except (OSError, *_MALFORMED) as exc:
            self._stderr.add(f"dltpod runner: the result could not be stored: {exc}\n".encode())
        self._tell(Event.RESULT.value, {"result": self._result})
        deadline = time.monotonic() + DRAIN_GRACE
        outputs = (self._stderr, self._events)
        while any(output.waiting for output in outputs) and time.monotonic() < deadline:
            poll = select.poll()
            waiting = {output.descriptor: output for output in outputs if output.waiting}
            for descriptor in waiting:
                poll.register(descriptor, select.POLLOUT)
            for descriptor, _ in poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
                waiting[descriptor].write()
        code = self._result.get("exit_code")
        return code if isinstance(code, int) and 0 <= code < 256 else int(contract.ExitCode.FAILED)

    def _said(self, result: dict[str, typing.Any]) -> dict[str, typing.Any]:
        """A result as it may be shown, with the run that it belongs to."""
        said: dict[str, typing.Any] = self._masker.value({**result, "run_id": self._job.run_id})
        return said

    def _result_file(self) -> Path:
        place = self._job.result_file
        return Path(place if place.startswith(self._paths.root) else self._paths.root + place)


def _read(descriptor: int | None) -> bytes | None:
    """What is there, b"" at the end, None where there is nothing yet."""
    if descriptor is None:
        return None
    try:
        return os.read(descriptor, _CHUNK)
    except BlockingIOError:
        return None
