"""What a run reports while it goes on: its steps, their seconds, rows so far, notes."""

from __future__ import annotations

import time
import typing
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from runner.contract import Event

Emit = Callable[[str, dict[str, typing.Any]], None]
"""Sends one event: its kind (see ``contract.Event``) and its fields."""

NOT_ROWS = frozenset({"Resources", "Files", "Items", "Jobs"})
"""Counters that dlt keeps of its own work, beside those named after tables."""


class Steps:
    """The steps of one run: which it is in, and the seconds that each took.

    A step within another (waiting for a file's lock while loading) stops the outer one's clock.
    """

    period = 0.5
    """Seconds between two progress events; a pod's run sets a longer one."""

    def __init__(self, emit: Emit = lambda kind, fields: None) -> None:
        self.emit = emit
        self.current = "start"
        self.seconds: dict[str, float] = {}
        self.notes: list[str] = []
        self._since = time.monotonic()

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Runs its body as step ``name``. After an exception ``current`` keeps naming that step."""
        outer = self.current
        self.stop()
        self.current = name
        self.seconds.setdefault(name, 0.0)
        self.emit(Event.PHASE.value, {"phase": name})
        yield
        self.stop()
        self.current = outer

    def note(self, text: str) -> None:
        """Sends a note to people, and keeps it for the result; the same text only once."""
        if text not in self.notes:
            self.notes.append(text)
            self.emit(Event.NOTE.value, {"text": text})

    def stop(self) -> None:
        """Counts the seconds up to now for the current step; to be called when the run is over."""
        now = time.monotonic()
        self.seconds[self.current] = self.seconds.get(self.current, 0.0) + now - self._since
        self._since = now


def collector(steps: Steps) -> typing.Any:
    """A dlt progress collector that sends rows so far by table.

    dlt counts each row twice: as it is extracted, and as it is normalized, with child rows. What
    is sent is the larger of both, and once a package is normalized the rows that will be loaded. dlt calls it
    once for each page that is written, so counting costs an addition and a look at the clock; nothing is
    sent from within a table's own loop more often than ``steps.period``. Of a step whose whole is known,
    ``done`` and ``total`` say how far it is: extracted rows that are normalized, files that are loaded.
    """
    from dlt.common.runtime.collector import Collector

    class RowCollector(Collector):  # type: ignore[misc]
        def __init__(self) -> None:
            self.extracted: dict[str, int] = {}
            self.normalized: dict[str, int] = {}
            self.step = ""
            # the first is soon in a pod too: a run without rows may be taken for one that only fails
            self._due = time.monotonic() + Steps.period
            self._sent: dict[str, typing.Any] = {}
            self._jobs = [0, 0]

        def update(
            self,
            name: str,
            inc: int = 1,
            total: int | None = None,
            inc_total: int | None = None,
            message: str | None = None,
            label: str | None = None,
        ) -> None:
            if name == "Jobs" and not label:
                self._jobs = [self._jobs[0] + inc, total or self._jobs[1] + (inc_total or 0)]
            elif name in NOT_ROWS or label or name.startswith("_dlt"):
                return
            else:
                rows = self.extracted if self.step.startswith("Extract") else self.normalized
                rows[name] = rows.get(name, 0) + inc
            now = time.monotonic()
            if now >= self._due:
                self._due = now + steps.period
                self._send(self._how_far())

        def _how_far(self) -> dict[str, int]:
            if self.step.startswith("Load"):
                done, total = self._jobs
            elif self.step.startswith("Normalize"):
                done = sum(min(self.normalized.get(name, 0), n) for name, n in self.extracted.items())
                total = sum(self.extracted.values())
            else:
                return {}
            return {"done": done, "total": total} if total else {}

        def _start(self, step: str) -> None:
            self.step = step
            self._jobs = [0, 0]

        def _stop(self) -> None:
            if self.step.startswith("Normalize") and self.normalized:  # old versions of dlt count none there
                self.extracted.clear()
            self._send()

        def _send(self, how_far: typing.Mapping[str, int] | None = None) -> None:
            names = [*self.extracted, *(name for name in self.normalized if name not in self.extracted)]
            rows = {name: max(self.extracted.get(name, 0), self.normalized.get(name, 0)) for name in names}
            fields = {"rows": rows, **(how_far or {})}
            if fields != self._sent and (how_far or rows != self._sent.get("rows")):
                self._sent = fields
                steps.emit(Event.PROGRESS.value, fields)

    return RowCollector()
