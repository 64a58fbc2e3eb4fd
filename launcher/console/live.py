"""The live view on a terminal: a line a source that moves, and what was said above it."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.live import Live as RichLive
from rich.table import Table
from rich.text import Text

from launcher.console.text import number, seconds, size
from launcher.plan.values import JobPlan
from launcher.runs.history import OK, PLANNED, RunRecord
from launcher.runs.listeners import Listener

_COLOURS = {"ok": "green", "waiting": "dim", "failed": "red"}


@dataclass
class _Row:
    phase: str = "waiting"
    rows: int = 0
    memory: int | None = None
    began: float | None = None
    took: float | None = None
    last: str = ""

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
            row.phase, row.last = "starting", ""

    def event(self, source: str, data: Mapping[str, Any]) -> None:
        kind = data.get("event")
        with self._lock:
            row = self._row(source)
            if kind == "phase":
                row.phase = data["phase"]
            elif kind == "progress":
                row.rows = sum(data["rows"].values())
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
                row.phase, row.last = "failed", kind.replace("_", " ")

    def announce(self, text: str) -> None:
        """Say something that is about all sources."""
        self._console.print(Text(text, style="yellow"))

    def _row(self, source: str) -> _Row:
        row = self._rows.setdefault(source, _Row())
        if row.began is None:
            row.began = time.monotonic()
        return row

    def _table(self) -> Table:
        grid = Table(box=None, pad_edge=False, header_style="dim", expand=False)
        grid.add_column("source", no_wrap=True)
        grid.add_column("phase", no_wrap=True, min_width=9)
        for name in ("rows", "time", "memory"):
            grid.add_column(name, justify="right", no_wrap=True, min_width=6)
        grid.add_column("", no_wrap=True, overflow="ellipsis", style="dim", ratio=1)
        with self._lock:
            for name, row in self._visible():
                clock = row.clock
                grid.add_row(
                    name,
                    Text(row.phase, style=_COLOURS.get(row.phase, "cyan")),
                    number(row.rows) if row.rows else "",
                    "" if clock is None else seconds(clock),
                    size(row.memory),
                    Text(row.last),
                )
        return grid

    def _visible(self) -> list[tuple[str, _Row]]:
        """What fits: those that move first, then those that failed, then the rest."""
        order = {"failed": 1, "waiting": 2, "ok": 3}
        room = max(self._console.size.height - 4, 3)
        rows = list(self._rows.items())
        if len(rows) <= room:
            return rows
        return sorted(rows, key=lambda item: order.get(item[1].phase, 0))[:room]
