"""The live view on a terminal: a line a source that moves, and what was said above it."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

from rich.console import Console, JustifyMethod
from rich.live import Live as RichLive
from rich.table import Table
from rich.text import Text

from launcher.console.text import cut, number, seconds, size
from launcher.plan.values import JobPlan
from launcher.runs.history import OK, PLANNED, STOPPED, RunRecord
from launcher.runs.listeners import Listener
from launcher.untrusted import clean

_COLOURS = {"ok": "green", "waiting": "dim", "failed": "red", "stopped": "yellow"}
_TOO_EARLY = 3.0
"""Seconds of a step before its end is guessed at."""
_GAP = 2
_LEAST_NAME = 12
"""Characters of a source's name that stay whatever the width is."""


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
        """Seconds that the step still takes, as fast as it went so far; None where nobody can tell."""
        if self.phase not in ("normalize", "load"):
            return None
        passed = time.monotonic() - self.phase_began
        if not self.total or not self.done or self.done >= self.total or passed < _TOO_EARLY:
            return None
        return passed * (self.total - self.done) / self.done

    @property
    def clock(self) -> float | None:
        if self.took is not None:
            return self.took
        return None if self.began is None else time.monotonic() - self.began


_HEADER = ["source", "phase", "rows", "time", "memory", ""]
_TIME, _MEMORY = 3, 4
_NUMBERS = (2, _TIME, _MEMORY)


def _cells(name: str, row: _Row) -> list[str]:
    clock, left = row.clock, row.left
    last = clean.line(row.last)
    return [
        name,
        row.phase.ljust(9),
        number(row.rows).rjust(9) if row.rows else " " * 9,
        ("" if clock is None else seconds(clock)).rjust(8),
        size(row.memory).rjust(8),
        (f"about {seconds(left)} left  {last}" if left is not None else last).strip(),
    ]


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

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
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
            if record.status in (OK, PLANNED):
                row.phase, row.last = record.status, ""
            else:
                kind = record.failure_kind.value if record.failure_kind else record.status
                stopped = record.status == STOPPED
                row.phase, row.last = ("stopped", "") if stopped else ("failed", kind.replace("_", " "))

    def announce(self, text: str) -> None:
        """Say something that is about all sources."""
        self._console.print(Text(text, style="yellow"))

    def _row(self, source: str) -> _Row:
        row = self._rows.setdefault(source, _Row())
        if row.began is None:
            row.began = time.monotonic()
        return row

    def _table(self) -> Table:
        """The table, every width set here: left to itself, one long line would squeeze all other columns."""
        with self._lock:
            found = [(row.phase, _cells(name, row)) for name, row in self._visible()]
        cells = [_HEADER, *(line for _, line in found)]
        widths = [max(len(line[i]) for line in cells) for i in range(len(_HEADER) - 1)]
        room = self._console.width - 1
        shown = [i for i in range(len(widths)) if widths[i]]
        for spare in (_MEMORY, _TIME):  # what can be missed first, where names would be cut short
            if sum(widths[i] + _GAP for i in shown) > room and spare in shown:
                shown.remove(spare)
        others = sum(widths[i] + _GAP for i in shown if i)
        widths[0] = max(min(widths[0], room - others), _LEAST_NAME)
        last = room - others - widths[0] - _GAP
        grid = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0), show_header=False, expand=False)
        for i in shown:
            justify: JustifyMethod = "right" if i in _NUMBERS else "left"
            grid.add_column(width=widths[i], justify=justify, no_wrap=True, overflow="ellipsis")
        if last > 0:
            grid.add_column(width=last, no_wrap=True, overflow="ellipsis", style="dim")
        for at, line in enumerate(cells):
            style = "dim" if at == 0 else _COLOURS.get(found[at - 1][0], "cyan")
            texts = [Text(cut(line[i], widths[i]), style=style if at == 0 or i == 1 else "") for i in shown]
            grid.add_row(*texts, *([Text(cut(line[-1], last))] if last > 0 else []))
        return grid

    def _visible(self) -> list[tuple[str, _Row]]:
        """What fits: those that move first, then those that failed, then the rest."""
        order = {"failed": 1, "waiting": 2, "ok": 3}
        room = max(self._console.size.height - 4, 3)
        rows = list(self._rows.items())
        if len(rows) <= room:
            return rows
        return sorted(rows, key=lambda item: order.get(item[1].phase, 0))[:room]
