"""The worker's side of the event channel: a pipe of its own to the supervisor.

Programs that the source starts don't inherit it, and a forked child of the worker writes nothing to it.
"""

from __future__ import annotations

import json
import os
import threading
import time
import typing


class Channel:
    """Writes events as JSON lines, whole, from any thread of the process that made it."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._lock = threading.Lock()
        self._process = os.getpid()

    def emit(self, event: str, fields: dict[str, typing.Any]) -> None:
        """Sends one event; values that JSON doesn't know become text. A closed pipe is no error."""
        if os.getpid() != self._process:
            return
        line = json.dumps({"event": event, "time": time.time(), **fields}, default=str)
        data = memoryview(line.encode() + b"\n")
        with self._lock:
            try:
                while data:
                    data = data[os.write(self._descriptor, data) :]
            except BrokenPipeError:
                return
