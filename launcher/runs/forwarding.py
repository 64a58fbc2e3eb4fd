"""Between an engine's threads and an audience that may be slow."""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Mapping
from typing import Any

from launcher import log
from launcher.plan.values import JobPlan
from launcher.runs.listeners import Audience
from runner.contract import Event

LOG_LINES = 10_000
"""So many lines may wait for a slow audience; what comes beyond is counted, and is in the log file."""
_PATIENCE_SECONDS = 5.0
_PASSING = ("memory", Event.PROGRESS.value)
"""Events of which only the last one counts."""


class Forwarder:
    """An ``Observer`` that never blocks: a thread of its own tells the audience.

    Use it as a context manager; on leaving, all that was heard has been told.
    """

    def __init__(self, source: str, audience: Audience, plan: JobPlan | None = None) -> None:
        self._source, self._audience, self._plan = source, audience, plan
        self._items: deque[tuple[str, Any]] = deque()
        self._passing: dict[str, Mapping[str, Any]] = {}
        self._waiting_lines = 0
        self._dropped = 0
        self._wake = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._tell, daemon=True, name=f"tell {source}")

    def __enter__(self) -> Forwarder:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._wake:
            self._closed = True
            self._wake.notify()
        # A terminal that is stopped (Ctrl-S) must not hold up history and the other sources.
        self._thread.join(_PATIENCE_SECONDS)

    def begun(self) -> None:
        with self._wake:
            self._items.append(("begun", None))
            self._wake.notify()

    def event(self, data: Mapping[str, Any]) -> None:
        kind = str(data.get("event"))
        if kind == Event.PHASE.value:
            log.event("step", step=data["phase"])
        elif kind == Event.NOTE.value:
            log.event("note", text=data["text"])
        with self._wake:
            if kind in _PASSING:
                self._passing[kind] = data
            else:
                self._items.append(("event", data))
            self._wake.notify()

    def log(self, line: str) -> None:
        with self._wake:
            if self._waiting_lines >= LOG_LINES:
                self._dropped += 1
                return
            self._waiting_lines += 1
            self._items.append(("log", line))
            self._wake.notify()

    def _tell(self) -> None:
        while True:
            with self._wake:
                while not (self._items or self._passing or self._closed):
                    self._wake.wait()
                items, self._items = self._items, deque()
                passing, self._passing = self._passing, {}
                dropped, self._dropped = self._dropped, 0
                if not (items or passing or dropped) and self._closed:
                    return
                self._waiting_lines = 0
            items.extend(("event", data) for data in passing.values())
            if dropped:
                items.append(("log", f"[{dropped} lines not shown here; the log file has them]"))
            for kind, value in items:
                # What an audience can't take (its pipe is closed, say) costs it that, and not what follows.
                with contextlib.suppress(Exception):
                    self._pass_on(kind, value)

    def _pass_on(self, kind: str, value: Any) -> None:
        if kind == "log":
            self._audience.log(self._source, value)
        elif kind == "event":
            self._audience.event(self._source, value)
        elif self._plan is not None:
            self._audience.planned(self._source, self._plan)
