"""The process that watches over the worker: it holds the input and the output of the container.

It masks what the worker and its children print, passes events on, ends the run when the input closes or a
signal comes, and gives the result of a worker that could not give one itself. It is a process rather than a
thread because C code can keep every thread of the worker's from running.
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
from runner.supervise import connecting, exit_status, limits, plain_log, results
from runner.supervise.job_input import Input, Paths, write_secrets
from runner.supervise.masking import Masker, StreamMasker, masker_of
from runner.supervise.output import Output

EOF_GRACE = 5.0
"""Seconds that a worker has to end once the input has closed. The container is gone after ten in all."""
END_OF_INPUT = "the end of its input"
EXIT_GRACE = 10.0
"""Seconds that a worker has to end once it has given its result."""
SECOND_SIGNAL = {"extract": 0.15, "start": 0.15}
"""The part of a gentle stop's time, by phase, after which a second signal is sent.

dlt takes the first to mean: finish what is under way. That is right for a load. A source that sleeps or waits
for its API only notices the second.
"""
_SECOND_SIGNAL_ELSE = 0.7
DRAIN_GRACE = 5.0
"""Seconds for what is left in the pipes once the worker has ended."""
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_CHUNK = 1 << 16
_EVENT_LIMIT = 16 << 20
"""Bytes. A longer line of the event pipe is dropped, so that it does not fill the memory."""
_REAPED_AT_ONCE = 100
"""Ended children that are reaped in one go, for a source may make orphans without end."""
_LONGEST_EVENT = 1 << 20
"""Bytes. The launcher reads a log's lines in pieces of that length: a longer event would be several."""

Work = Callable[[Input, Paths, Masker, int, int], typing.NoReturn]
"""Turns the forked process into the worker; the numbers are its pipes for events and for the log."""

_MALFORMED = (ValueError, KeyError, AttributeError, TypeError, RecursionError)
"""What reading an event of another shape than the worker's raises."""


class Supervisor:
    """Runs one job to its end. ``work`` is called in the forked process."""

    def __init__(self, given: Input, paths: Paths, work: Work) -> None:
        self._given = given
        self._job = given.job
        self._paths = paths
        self._work = work
        self._masker = masker_of(given.job, given.files, os.environ)
        self._log = StreamMasker(self._masker)
        self._events = Output(1)
        self._stderr = Output(2)
        self._partial = bytearray()
        self._phase = "start"
        self.result: dict[str, typing.Any] | None = None
        self._stopping = ""
        self._signalled_to_stop = False
        self._cause: Failure | None = None
        """What the run is stopped for, where that is a failure of its own."""
        self._ends_at = None if given.job.timeout is None else time.monotonic() + given.job.timeout
        self._connecting = connecting.Watch(self._masker.text)
        self._kill_at: float | None = None
        self._signal_at: float | None = None
        self._oom_kills = exit_status.oom_kills()
        self._worker = 0
        self._status: int | None = None

    def run(self) -> int:
        """Writes the secrets, starts the worker, stores the result and returns the exit code."""
        try:
            if not self._given.mounted:
                write_secrets(self._paths.secrets, self._given.files)
        except (OSError, ValueError) as exc:
            return self._finish(
                Failure(FailureKind.INTERNAL, f"the secrets can't be written in the container: {exc}")
            )
        self._send(Event.PHASE.value, {"phase": "start"})
        self._start()
        self._watch()
        failure = None
        if self.result is None and self._status is not None:
            lacked_memory = exit_status.oom_kills() > self._oom_kills
            failure = exit_status.explain(self._status, self._phase, self._stopping, lacked_memory)
        return self._finish(failure)

    def signalled(self) -> bool:
        """Whether a signal to stop has come, even one that came too late to show in the result."""
        self._signalled()
        return self._signalled_to_stop

    # The worker: started, watched, stopped

    def _start(self) -> None:
        wake_read, wake_write = socket.socketpair()
        wake_read.setblocking(False)
        wake_write.setblocking(False)
        signal.set_wakeup_fd(wake_write.fileno(), warn_on_full_buffer=False)
        self._wake = wake_read
        self._wake_write = wake_write
        for number in (*STOP_SIGNALS, signal.SIGCHLD):
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
            moments = (self._kill_at, self._signal_at, self._ends_at)
            times = [moment for moment in moments if moment is not None]
            self._step(max(0.0, min(times) - time.monotonic()) if times else None)
            self._reap()
            now = time.monotonic()
            if self._ends_at is not None and now >= self._ends_at:
                self._ends_at = None
                if not self._stopping:
                    self._cause = contract.timed_out(self._job.timeout or 0.0, rows=not self._no_rows_yet())
                    self._stop("its timeout", self._job.stop_seconds)
            if self._signal_at is not None and now >= self._signal_at:
                self._signal_at = None
                self._terminate()
            if self._kill_at is not None and now >= self._kill_at:
                self._kill()
                self._kill_at = None
        self._kill()  # children that the source left running
        deadline = time.monotonic() + DRAIN_GRACE
        while time.monotonic() < deadline:
            full = self._stderr.full or self._events.full
            if not self._step(0.1 if full else 0.0) and not full:
                break
        self._take_events(b"\n")
        self._stderr.add(self._log.flush())

    def _step(self, timeout: float | None) -> bool:
        """Waits up to ``timeout`` seconds for descriptors and serves those that are ready.

        Returns False where no output was written and neither of the worker's pipes was read.
        """
        readers: dict[int, Callable[[], None]] = {self._wake.fileno(): self._signalled}
        if self._input is not None:
            readers[self._input] = self._read_input
        if self._log_pipe is not None and not self._stderr.full:
            readers[self._log_pipe] = self._read_log
        if self._event_pipe is not None and not self._events.full:
            readers[self._event_pipe] = self._read_events
        writers = {output.descriptor: output for output in (self._events, self._stderr) if output.waiting}
        poll = select.poll()
        for descriptors, event in ((readers, select.POLLIN), (writers, select.POLLOUT)):
            for descriptor in descriptors:
                poll.register(descriptor, event)
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
            if number in STOP_SIGNALS:
                self._signalled_to_stop = True
                if not self._stopping:
                    self._cause = limits.full(self._job.scratch, self._paths.root)
                grace = limits.FULL_GRACE if self._cause is not None else self._job.stop_seconds
                self._stop(signal.Signals(number).name, grace)

    def _read_input(self) -> None:
        try:
            data = os.read(0, _CHUNK)
        except OSError:
            data = b""
        if not data:
            self._input = None
            self._stop(END_OF_INPUT, EOF_GRACE)

    def _no_rows_yet(self) -> bool:
        return self._phase == "extract" and not self._connecting.rows_came

    def _stop(self, why: str, grace: float) -> None:
        """Stops the worker: gently the first time, within ``grace`` seconds; at once the second time."""
        if self._stopping or self._status is not None:
            self._kill_at = time.monotonic()
            return
        self._stopping = why
        now = time.monotonic()
        self._cause = self._connecting.cause(self._cause, now)
        self._signal_at = now + grace * SECOND_SIGNAL.get(self._phase, _SECOND_SIGNAL_ELSE)
        self._kill_at = now + grace
        self._terminate()

    def _terminate(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._worker, signal.SIGTERM)

    def _kill(self) -> None:
        """Kills the worker and its process group; as PID 1, whatever else runs in the container."""
        if os.getpid() == 1:
            with contextlib.suppress(ProcessLookupError):
                os.kill(-1, signal.SIGKILL)
            return
        for send in (os.killpg, os.kill):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                send(self._worker, signal.SIGKILL)

    def _reap(self) -> None:
        """Waits for ended children: as PID 1 this process inherits orphans."""
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
            self._wake_write.send(b"\0")  # there may be more: _step is to return at once

    # Output: the log, events, the result

    def _read_log(self) -> None:
        data = _read(self._log_pipe)
        if data is not None:
            self._stderr.add(self._log.feed(data))
            fails = self._phase == "extract" and self._connecting.feed(data, time.monotonic())
            if fails and not self._stopping:
                self._stop("it does nothing but fail to connect", EOF_GRACE)
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
        if event.get("rows"):
            self._connecting.rows_arrived()
        if name == Event.RESULT.value:
            self.result = self._masked(exit_status.corrected(event["result"], self._phase, self._stopping))
            self._signal_at, self._kill_at = None, time.monotonic() + EXIT_GRACE
            return
        if name == Event.PHASE.value:
            if event.get("phase") == self._phase:
                return
            self._phase = str(event.get("phase"))
        self._send(name, event)

    def _send(self, name: str, fields: dict[str, typing.Any]) -> None:
        """Writes an event, masked, as a line on standard output; one that is too long is left out."""
        masked = self._masker.value({key: fields[key] for key in fields if key not in ("token", "event")})
        if not self._job.events:
            self._stderr.add(plain_log.text(name, masked).encode("utf-8", "replace"))
            return
        line = {"token": self._job.token, "event": name, "time": round(time.time(), 3), **masked}
        mark = contract.EVENT_MARK if self._given.mounted else ""
        data = (mark + json.dumps(line, ensure_ascii=False, separators=(",", ":"))).encode()
        if len(data) < _LONGEST_EVENT:  # the file has a longer result
            self._events.add(data + b"\n")

    def _finish(self, failure: Failure | None) -> int:
        """Stores the result, which is the worker's or made of ``failure``; returns the exit code."""
        if failure is not None:
            self.result = self._masked(contract.plain(results.failed(failure, versions=results.versions())))
        assert self.result is not None
        self.result = exit_status.with_cause(self.result, self._cause)
        # If the launcher lives and only its connection broke, it has to know why its job ended.
        told = [contract.INPUT_CLOSED] * (self._stopping == END_OF_INPUT)
        told += [contract.NO_ROWS] * (self._stopping != "" and self._no_rows_yet())
        if self.result.get("status") != "ok":
            with contextlib.suppress(TypeError):
                self.result["notes"] = [*self.result.get("notes", ()), *told]
        try:
            place = self._job.result_file
            place = place if place.startswith(self._paths.root) else self._paths.root + place
            results.store(Path(place), self.result, self._job.result_bytes)
        except (OSError, *_MALFORMED) as exc:
            self._stderr.add(f"dltpod runner: the result could not be stored: {exc}\n".encode())
        self._send(Event.RESULT.value, {"result": self.result})
        deadline = time.monotonic() + DRAIN_GRACE
        outputs = (self._stderr, self._events)
        while any(output.waiting for output in outputs) and time.monotonic() < deadline:
            poll = select.poll()
            waiting = {output.descriptor: output for output in outputs if output.waiting}
            for descriptor in waiting:
                poll.register(descriptor, select.POLLOUT)
            for descriptor, _ in poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
                waiting[descriptor].write()
        code = self.result.get("exit_code")
        return code if isinstance(code, int) and 0 <= code < 256 else int(contract.ExitCode.FAILED)

    def _masked(self, result: dict[str, typing.Any]) -> dict[str, typing.Any]:
        """A result without secrets, with the run that it belongs to."""
        masked: dict[str, typing.Any] = self._masker.value({**result, "run_id": self._job.run_id})
        return masked


def _read(descriptor: int | None) -> bytes | None:
    """What can be read now, b"" at the end of the pipe, None where there is nothing yet."""
    if descriptor is None:
        return None
    try:
        return os.read(descriptor, _CHUNK)
    except BlockingIOError:
        return None
