"""The launcher's own log: what it did, how long it took and why, one JSON object a line.

Commands that run jobs or make images keep it in ``.dltpod/logs/dltpod.jsonl``; ``-v`` and ``DLTPOD_LOG`` show
it on standard error. A thread of its own writes, so that no run waits for a disk, and structlog, which takes
long to import, is imported beside the work. Without an open log an event costs nothing.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import queue
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar, copy_context
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from launcher.errors import without_credentials
from launcher.untrusted import clean

FILE = "logs/dltpod.jsonl"
"""The log's file, below a project's ``.dltpod``."""
FILE_BYTES = 10 << 20
"""A launcher that finds the file this large begins a new one."""
KEEP_FILES = 3
LEVELS = ("debug", "info", "warning")
_FIRST_SECONDS = 1.0
"""How long after its opening a log is first written. structlog's import takes a tenth of a second of CPU,
which a launcher has to spare once its first container runs, and not before."""
_PATIENCE_SECONDS = 5.0
"""How long a command waits at its end until the log is written."""

_bound: ContextVar[Mapping[str, Any]] = ContextVar("bound", default={})  # noqa: B039 - never changed in place


@dataclass(frozen=True)
class Terminal:
    """How the log is shown on standard error: the lowest level that is shown, and whether in colours."""

    level: str = "info"
    colours: bool = False


class Log:
    """An open log. ``problem`` says why lines are missing in its file; it is empty where none are."""

    def __init__(self, file: Path | None, terminal: Terminal | None) -> None:
        self.terminal, self.problem = terminal, ""
        self._file: _File | None = None
        if file is not None:
            try:
                self._file = _File(file)
            except OSError as error:
                self._failed(error)
        self._events: queue.SimpleQueue[tuple[str, str, Mapping[str, Any]] | None] = queue.SimpleQueue()
        self._ending, self._loaded = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._work, name="log", daemon=True)
        if self._file is not None or terminal is not None:
            self._thread.start()

    def put(self, level: str, name: str, fields: Mapping[str, Any]) -> None:
        """Hand an event to the thread that writes."""
        self._events.put((level, name, fields))

    def close(self) -> None:
        """Wait until all events are written, but not forever for a disk."""
        self._ending.set()
        self._events.put(None)
        if self._thread.is_alive():
            # On a busy machine structlog's import can take longer than a disk is waited for.
            self._loaded.wait()
            self._thread.join(_PATIENCE_SECONDS)

    def _work(self) -> None:
        if self.terminal is None:
            self._ending.wait(_FIRST_SECONDS)
        debugging = self.terminal is not None and self.terminal.level == "debug"
        try:
            to_file = self._file and _json_logger(self._file, "debug" if debugging else "info")
            to_terminal = self.terminal and _console_logger(self.terminal)
        finally:
            self._loaded.set()
        while (item := self._events.get()) is not None:
            level, name, fields = item
            if to_file:
                try:
                    getattr(to_file, level)(name, **fields)
                except OSError as error:
                    self._failed(error)
            if to_terminal:
                with contextlib.suppress(OSError):  # nobody reads it any more
                    getattr(to_terminal, level)(name, **fields)
        if self._file is not None:
            self._file.close()

    def _failed(self, error: OSError) -> None:
        self.problem = self.problem or error.strerror or str(error)


_open: list[Log] = []
"""The open logs. The one that was opened last gets all events."""


@contextlib.contextmanager
def opened(file: Path | None = None, terminal: Terminal | None = None) -> Iterator[Log]:
    """Within the block, events are written to ``file``, and shown as ``terminal`` or the outer log says.

    A file that can't be written raises no error: once the block is left, ``Log.problem`` says why.
    """
    opened = Log(file, terminal or (_open[-1].terminal if _open else None))
    _open.append(opened)
    try:
        yield opened
    finally:
        _open.remove(opened)  # not always the last: a thread may have opened another meanwhile
        opened.close()


def shown() -> bool:
    """Whether a terminal shows the log."""
    return any(log.terminal is not None for log in _open[-1:])


def event(name: str, /, *, level: str = "info", **fields: Any) -> None:
    """Write an event with ``fields``, which must hold no secret. Texts are cleaned, None is left out."""
    for log in _open[-1:]:
        known = {key: value for key, value in {**_bound.get(), **fields}.items() if value is not None}
        log.put(level, name, {"time": now(), **known})


@contextlib.contextmanager
def bound(**fields: Any) -> Iterator[None]:
    """Within the block, events of this thread and of threads that copy its context have these fields too."""
    token = _bound.set({**_bound.get(), **fields})
    try:
        yield
    finally:
        _bound.reset(token)


def in_thread(name: str, work: Callable[..., None], *arguments: Any) -> threading.Thread:
    """A started daemon thread, whose events have the fields that are bound here."""
    run = copy_context().run
    thread = threading.Thread(target=run, args=(work, *arguments), daemon=True, name=name)
    thread.start()
    return thread


@contextlib.contextmanager
def timed(name: str, /, **fields: Any) -> Iterator[dict[str, Any]]:
    """Write an event with the ``seconds`` that the block took, and with the ``error`` that it raised.

    The block gets the fields, and may add some.
    """
    began = time.monotonic()
    try:
        yield fields
    except Exception as error:
        fields.update(level="warning", error=described(error))
        raise
    finally:
        event(name, **fields, seconds=round(time.monotonic() - began, 3))


@contextlib.contextmanager
def engine_call(method: str, path: str) -> Iterator[Callable[[int], None]]:
    """Log a call to an engine's API. The block gets a function to call with the HTTP status of the answer."""
    with timed("engine_call", call=f"{method} {path}"[:200]) as fields:

        def answered(status: int) -> None:
            fields["status"] = status
            # A 404 or 409 is often just what was asked: is the image there, is the name free?
            quiet = method == "GET" and status < 400
            fields["level"] = "warning" if status >= 500 else "debug" if quiet else "info"

        yield answered


def described(error: BaseException) -> str:
    """An exception on one line, with its type."""
    return f"{type(error).__name__}: {clean.words(str(error), 300)}".rstrip(": ")


def now() -> str:
    """This moment, as ``timestamp``."""
    return timestamp(datetime.now(timezone.utc))


def timestamp(time: datetime) -> str:
    """A time, RFC 3339 in UTC to the millisecond: texts that sort by time."""
    return time.astimezone(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _json_logger(file: Any, level: str) -> Any:
    import structlog

    def line(fields: Mapping[str, Any], **_: Any) -> bytes:
        first = {key: fields[key] for key in ("time", "level", "event", "source", "run_id") if key in fields}
        return clean.json_text({**first, **fields, "pid": os.getpid()}).encode()  # several write to one file

    renderer = structlog.processors.JSONRenderer(serializer=line)
    return _logger(structlog.BytesLogger(file), level, clean.lines, renderer)


def _console_logger(terminal: Terminal) -> Any:
    import structlog

    renderer = structlog.dev.ConsoleRenderer(colors=terminal.colours, timestamp_key="time", sort_keys=False)
    return _logger(structlog.WriteLogger(sys.stderr), terminal.level, clean.line, renderer)


def _logger(output: Any, level: str, cleaned: Callable[[str], str], renderer: Any) -> Any:
    import structlog

    def value(found: Any) -> Any:
        """``found`` with each text cleaned and without credentials; what JSON doesn't know becomes a text."""
        if found is None or isinstance(found, (bool, int, float)):
            return found
        if isinstance(found, Mapping):
            return {value(str(key)): value(item) for key, item in found.items()}
        if isinstance(found, (list, tuple)):
            return [value(item) for item in found]
        return cleaned(without_credentials(str(found)))

    return structlog.wrap_logger(
        output,
        processors=[structlog.processors.add_log_level, lambda _, __, fields: value(fields), renderer],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=True,
    )


class _File:
    """The file, to which several launchers append at once: each line is one write. Raises OSError."""

    def __init__(self, file: Path) -> None:
        for folder in (file.parent.parent, file.parent):
            folder.mkdir(mode=0o700, exist_ok=True)
        self._torn = False
        self._descriptor = _opened_to_append(file)
        if os.fstat(self._descriptor).st_size < FILE_BYTES:
            return
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX)
            # Another launcher may have renamed it meanwhile. One that still has it open writes on.
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(self._descriptor), file.stat()):
                    rotate(file, KEEP_FILES)
        finally:
            self.close()
        self._descriptor = _opened_to_append(file)

    def write(self, line: bytes) -> None:
        if self._torn:  # the disk was full: the next line doesn't continue what was begun
            line = b"\n" + line
        written = os.write(self._descriptor, line)
        self._torn = 0 < written < len(line) or (self._torn and written == 0)
        if written < len(line):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def flush(self) -> None:
        """Nothing is held back."""

    def close(self) -> None:
        os.close(self._descriptor)


def _opened_to_append(file: Path) -> int:
    return os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)


def rotate(file: Path, keep: int) -> None:
    """Rename ``file`` to ``<file>.1`` and so on; ``keep`` counts a new ``file`` too. Raises OSError."""
    import logging.handlers

    logging.handlers.RotatingFileHandler(file, backupCount=keep - 1, delay=True).doRollover()
