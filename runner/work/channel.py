"""The worker's side of the event channel: a pipe of its own to the supervisor.

The source never sees it: it is not inherited by programs that the source starts, and a forked
child of the worker can't write to it.
"""

from __future__ import annotations

import json
import os
import threading
import time
import typing
from collections.abc import Callable

from runner import contract

Emit = Callable[[str, "dict[str, typing.Any]"], None]


class Channel:
    """Writes events as JSON lines, whole, from any thread of the process that made it."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._lock = threading.Lock()
        self._process = os.getpid()

    def emit(self, event: str, fields: dict[str, typing.Any]) -> None:
        """One event; ``fields`` is plain JSON, what isn't is told as text. A closed pipe is no error."""
        if os.getpid() != self._process:
            return
        kind = event.value if isinstance(event, contract.Event) else str(event)
        line = json.dumps({"event": kind, "time": time.time(), **fields}, default=str)
        data = memoryview(line.encode() + b"\n")
        with self._lock:
            try:
                while data:
                    data = data[os.write(self._descriptor, data) :]
            except BrokenPipeError:
                return
