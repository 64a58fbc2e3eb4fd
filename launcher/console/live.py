"""The live view on a terminal: a table with a line for each source, and messages above it."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console, JustifyMethod
from rich.live import Live as RichLive
from rich.table import Table
from rich.text import Text

from launcher.config.units import size
from launcher.console.text import number, seconds
from launcher.plan.values import JobPlan
from launcher.runs.history import OK, PLANNED, STOPPED, RunRecord
from launcher.runs.listeners import Listener
from launcher.untrusted import clean

_COLOURS = {"ok": "green", "waiting": "dim", "failed": "red", "stopped": "yellow"}
_TOO_EARLY = 3.0
"""Seconds of a step before its end is estimated."""
_COLUMNS: tuple[tuple[str, int, JustifyMethod], ...] = (
    ("phase", 9, "left"),
    ("rows", 9, "right"),
    ("time", 8, "right"),
    ("memory", 8, "right"),
)
"""Those of a known width."""
_GAP = 2
_LEAST_NAME = 12
"""Characters of a source's name that are shown on the narrowest terminal."""


@dataclass
class _Row:
    phase: str = "waiting"
    rows: int = 0
    memory: int | None = None
    began: float | None = None
    took: float | None = None
    last: str = ""
    phase_began: float = field(default_factory=time.monotonic)
    done: int = 0
    total: int = 0
    """Of the step's work, where its whole is known."""

    @property
    def left(self) -> float | None:
        """Seconds that the step still takes at its speed so far; None where that can't be known."""
        passed = time.monotonic() - self.phase_began
        known = self.phase in ("normalize", "load") and 0 < self.done < self.total
        if not known or passed < _TOO_EARLY:
            return None
        return passed * (self.total - self.done) / self.done

    @property
    def clock(self) -> float | None:
        if self.took is not None:
            return self.took
        return None if self.began is None else time.monotonic() - self.began


class Live(Listener):
    """Redraws a table four times a second. Use it as a context manager.

    The log of a single source scrolls by above the table; with several, the last line of each
    stands beside it, and the log files hold the rest.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._lock = threading.Lock()
        self._rows = {name: _Row() for name in names}
        self._console = Console(stderr=True, highlight=False, markup=False, emoji=False)
        self._live = RichLive(
            console=self._console,
            get_renderable=self._table,
            refresh_per_second=4,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )

    def __enter__(self) -> Live:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def say(self, source: str, text: str) -> None:
        lines = text.splitlines()
        with self._lock:
            row = self._row(source)
            if row.phase == "waiting":
                row.phase = "preparing"
            row.last = lines[-1] if lines else ""
        if len(self._rows) == 1:
            for line in lines:
                self._console.print(Text(f"· {line}", style="dim"), soft_wrap=True)

    def planned(self, source: str, plan: JobPlan) -> None:
        with self._lock:
            row = self._row(source)
            row.phase, row.last, row.took = "starting", "", None

    def event(self, source: str, data: Mapping[str, Any]) -> None:
        kind = data.get("event")
        with self._lock:
            row = self._row(source)
            if kind == "phase":
                row.phase, row.phase_began = data["phase"], time.monotonic()
                row.done = row.total = 0
            elif kind == "progress":
                row.rows = sum(data["rows"].values())
                row.done, row.total = data.get("done", 0), data.get("total", 0)
            elif kind == "memory":
                row.memory = data["bytes"]
            elif kind == "note":
                row.last = data["text"]

    def log(self, source: str, line: str) -> None:
        if len(self._rows) == 1:
            self._console.print(Text(line), soft_wrap=True)
            return
        with self._lock:
            self._row(source).last = line

    def ended(self, record: RunRecord) -> None:
        with self._lock:
            row = self._row(record.source)
            row.took = record.seconds
            row.rows = record.total_rows
            row.memory = record.peak_memory or row.memory
            row.phase, row.last = record.status, ""
            if record.status not in (OK, PLANNED, STOPPED):
                row.phase, row.last = "failed", record.kind or record.status

    def announce(self, text: str) -> None:
        """Say something that is about all sources."""
        self._console.print(Text(text, style="yellow"))

    def _row(self, source: str) -> _Row:
        row = self._rows.setdefault(source, _Row())
        if row.began is None:
            row.began = time.monotonic()
        return row

    def _table(self) -> Table:
        """The table. Each width is bounded, because one long line would squeeze all other columns."""
        width = self._console.width - 1
        grid = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0), header_style="dim", width=width)
        others = sum(least + _GAP for _, least, _ in _COLUMNS) + _GAP
        grid.add_column("source", max_width=max(width - others, _LEAST_NAME), no_wrap=True)
        for header, least, justify in _COLUMNS:
            grid.add_column(header, min_width=least, justify=justify, no_wrap=True)
        grid.add_column(ratio=1, no_wrap=True, style="dim")
        with self._lock:
            for name, row in self._visible():
                clock, left, last = row.clock, row.left, clean.line(row.last)
                grid.add_row(
                    name,
                    Text(row.phase, _COLOURS.get(row.phase, "cyan")),
                    number(row.rows) if row.rows else "",
                    "" if clock is None else seconds(clock),
                    size(row.memory),
                    Text(last if left is None else f"about {seconds(left)} left  {last}"),
                )
        return grid

    def _visible(self) -> list[tuple[str, _Row]]:
        """The rows that fit: those that run first, then those that failed, then the rest."""
        order = {"failed": 1, "waiting": 2, "ok": 3}
        room = max(self._console.size.height - 4, 3)
        rows = list(self._rows.items())
        if len(rows) <= room:
            return rows
        return sorted(rows, key=lambda item: order.get(item[1].phase, 0))[:room]
