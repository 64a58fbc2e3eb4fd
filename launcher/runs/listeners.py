"""The listeners of a sync: the terminal, a JSON stream, a webhook, a test."""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Mapping
from typing import Any

from launcher import log
from launcher.errors import counted
from launcher.plan.values import JobPlan
from launcher.runs.history import RunRecord
from runner.contract import Event

LOG_LINES = 10_000
"""How many log lines may wait for slow listeners. Further lines are only counted; the log file has them."""
_REPLACED = ("memory", Event.PROGRESS.value)
"""Events of which only the last one counts."""


class Listener:
    """Hears what happens to each source of a sync, by the source's name. By itself it does nothing."""

    def say(self, source: str, text: str) -> None:
        """A line of progress before the job runs or between attempts, about images or retries."""

    def planned(self, source: str, plan: JobPlan) -> None:
        """An attempt holds its source and starts now, or, in a dry run, the job would start."""

    def event(self, source: str, data: Mapping[str, Any]) -> None:
        """A runner's event (``runner.contract.Event``), or ``{"event": "memory", "bytes": n}``."""

    def log(self, source: str, line: str) -> None:
        """A line of the source's log, masked."""

    def ended(self, record: RunRecord) -> None:
        """The source's run has ended, well or not."""

    def ended_earlier(self, record: RunRecord) -> None:
        """How an earlier run ended whose launcher was killed."""


class Listeners(Listener):
    """Several listeners as one that never blocks: a thread tells them, in the order in which things happened.

    A slow listener misses log lines and all but the latest progress, but no other event. What a listener
    raises is logged. Use it as a context manager: on leaving, every listener has heard everything.
    """

    def __init__(self, *listeners: Listener) -> None:
        self._listeners = listeners
        self._waiting: deque[tuple[str, tuple[Any, ...]]] = deque()
        self._latest: dict[tuple[str, str], Mapping[str, Any]] = {}
        self._lines = 0
        self._dropped: Counter[str] = Counter()
        self._wake = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._work, daemon=True, name="listeners")

    def __enter__(self) -> Listeners:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._wake:
            self._closed = True
            self._wake.notify()
        self._thread.join()

    def say(self, source: str, text: str) -> None:
        self._put("say", source, text)

    def planned(self, source: str, plan: JobPlan) -> None:
        self._put("planned", source, plan)

    def event(self, source: str, data: Mapping[str, Any]) -> None:
        kind = str(data.get("event"))
        if kind == Event.PHASE.value:
            log.event("step", step=data["phase"])
        elif kind == Event.NOTE.value:
            log.event("note", text=data["text"])
        if kind not in _REPLACED:
            self._put("event", source, data)
            return
        with self._wake:
            self._latest[source, kind] = data
            self._wake.notify()

    def log(self, source: str, line: str) -> None:
        with self._wake:
            if self._lines >= LOG_LINES:
                self._dropped[source] += 1
                return
            self._lines += 1
            self._waiting.append(("log", (source, line)))
            self._wake.notify()

    def ended(self, record: RunRecord) -> None:
        with self._wake:
            # What the run said last is told before its end.
            for source, kind in [key for key in self._latest if key[0] == record.source]:
                self._waiting.append(("event", (source, self._latest.pop((source, kind)))))
            self._put("ended", record)

    def ended_earlier(self, record: RunRecord) -> None:
        self._put("ended_earlier", record)

    def _put(self, method: str, *arguments: Any) -> None:
        with self._wake:
            self._waiting.append((method, arguments))
            self._wake.notify()

    def _work(self) -> None:
        while True:
            with self._wake:
                while not (self._waiting or self._latest or self._closed):
                    self._wake.wait()
                items, self._waiting = self._waiting, deque()
                latest, self._latest = self._latest, {}
                dropped, self._dropped = self._dropped, Counter()
                if not (items or latest or dropped) and self._closed:
                    return
                self._lines = 0
            items.extend(("event", (source, data)) for (source, _), data in latest.items())
            for source, count in dropped.items():
                text = f"[{counted(count, 'line')} not shown here; the log file has all]"
                items.append(("log", (source, text)))
            for method, arguments in items:
                for listener in self._listeners:
                    try:
                        getattr(listener, method)(*arguments)
                    except OSError:  # its pipe is closed, say
                        continue
                    except Exception as error:  # noqa: BLE001 - it costs that listener this, and not what follows
                        log.event("listener_failed", level="warning", error=log.described(error))
