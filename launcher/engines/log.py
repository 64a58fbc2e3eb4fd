"""The log file of a run, and the sorting of a container's lines into events and log."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from launcher.engines.docker.logs import STDOUT
from launcher.log import rotate
from launcher.untrusted import answers, clean
from runner.contract import Event, Result

FILE_BYTES = 16 << 20
KEEP_FILES = 3
"""A run's log is at most so many files of that size: the newest lines are kept."""
_DRAIN_SECONDS = 10.0
"""How long a log may bring nothing new after its container's end."""


CUT_OFF = b"[lines may be missing here: the log was not read to its end]"


def drain(
    reader: threading.Thread, read: Callable[[], int], given_up: Callable[[], bool], log: LogFile
) -> None:
    """Wait for the thread that reads a log to its end, as long as what it has ``read`` grows.

    Where it is waited for no longer, ``log`` says so.
    """
    seen, quiet_since = -1, time.monotonic()
    while reader.is_alive() and not given_up():
        if read() != seen:
            seen, quiet_since = read(), time.monotonic()
        elif time.monotonic() - quiet_since > _DRAIN_SECONDS:
            break
        reader.join(0.1)
    if reader.is_alive():
        log.write(CUT_OFF)


class LogFile:
    """A run's log: appended to, rotated to ``<file>.1`` and so on. Raises OSError where it can't be made.

    A disk that is full later on costs lines, never the run.
    """

    def __init__(self, file: Path, size: int = FILE_BYTES, keep: int = KEEP_FILES) -> None:
        self._file, self._limit, self._keep = file, size, keep
        self._lock = threading.Lock()
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._stream = self._open()
        self._size = self._stream.tell()

    def write(self, line: bytes) -> None:
        """One line, without its end."""
        with self._lock, contextlib.suppress(OSError):
            if self._stream.closed:
                return
            if self._size > self._limit:
                self._rotate()
            self._size += self._stream.write(line + b"\n")

    def flush(self) -> None:
        """Write what is held. The file's time is the last sign of life, whatever the source prints."""
        with self._lock, contextlib.suppress(OSError):
            if not self._stream.closed:
                self._stream.flush()
                os.utime(self._stream.fileno())

    def close(self) -> None:
        with self._lock, contextlib.suppress(OSError):
            self._stream.close()

    def _open(self) -> Any:
        descriptor = os.open(self._file, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        return os.fdopen(descriptor, "ab")

    def _rotate(self) -> None:
        self._stream.close()
        rotate(self._file, self._keep)
        self._stream = self._open()
        self._size = 0


class Sorter:
    """Tells events from log lines: only a line of stdout that holds the run's token is an event.

    What is told is clean, and an event that doesn't fit is dropped; the file holds a line as it came.
    ``result`` is the one that the last event told, for the case that the result file can't be read; ``ended``
    is called when it is told.
    """

    def __init__(
        self,
        token: str,
        file: LogFile,
        event: Callable[[Mapping[str, Any]], None],
        log: Callable[[str], None],
        ended: Callable[[], None] = lambda: None,
    ) -> None:
        self._token, self._mark, self._ended = token, token.encode(), ended
        self._file, self._event, self._log = file, event, log
        self._notes = 0
        self.result: Result | None = None

    def line(self, stream: int, line: bytes) -> None:
        """Takes one line of a container's stream (``STDOUT`` or ``STDERR``), without its end."""
        if stream == STDOUT and self._mark in line and self._take_event(line):
            return
        self._file.write(line)
        for text in clean.shown(line.decode("utf-8", "replace")):
            self._log(text)

    def _take_event(self, line: bytes) -> bool:
        event = answers.event(line, self._token)
        if event is None:
            return False
        kind = event.get("event")
        if kind == Event.TRACEBACK.value:
            for text in event["text"].splitlines():
                self._file.write(text.encode("utf-8", "replace"))
        elif kind == Event.RESULT.value:
            self.result = event["result"]
            self._ended()
        elif kind == Event.PROGRESS.value:
            self._event(event)
        elif kind is not None and self._notes < answers.MOST_NOTES:
            self._notes += 1
            self._event(event)
            if self._notes == answers.MOST_NOTES:
                self._event({"event": Event.NOTE.value, "text": "no further notes or phases are shown"})
        return True
