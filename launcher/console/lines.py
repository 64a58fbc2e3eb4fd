"""Progress as prefixed lines on stderr, for pipes, files and CI."""

from __future__ import annotations

import sys
import threading
from collections.abc import Mapping, Sequence
from typing import Any

from launcher.console.text import seconds
from launcher.errors import counted
from launcher.plan.values import JobPlan
from launcher.runs.history import OK, PLANNED, STOPPED, RunRecord
from launcher.runs.listeners import Listener


class Lines(Listener):
    """Writes a line for each thing that happens, after the name of its source.

    With ``only_log`` it writes only the lines of the sources' logs, because the launcher's own log shows the
    rest. In a ``dry_run`` it says of planned jobs that they would run.
    """

    def __init__(self, names: Sequence[str], *, only_log: bool = False, dry_run: bool = False) -> None:
        self._only_log = only_log
        self._dry_run = dry_run
        self._width = max((len(name) for name in names), default=0)
        self._lock = threading.Lock()
        self._gone = False
        self._rows: dict[str, int] = {}
        self._phases: dict[str, str] = {}

    def say(self, source: str, text: str) -> None:
        for line in text.splitlines():
            self._write(source, "·", line)

    def planned(self, source: str, plan: JobPlan) -> None:
        what = "would run" if self._dry_run else f"run {plan.job.run_id}"
        self._write(source, "·", f"{what} in {plan.container.image}")

    def event(self, source: str, data: Mapping[str, Any]) -> None:
        kind = data.get("event")
        if kind == "phase":
            if self._phases.get(source) == data["phase"]:
                return
            self._phases[source] = data["phase"]
            rows = self._rows.get(source)
            so_far = f" ({counted(rows, 'row')} so far)" if rows else ""
            self._write(source, "·", f"{data['phase']}{so_far}")
        elif kind == "progress":
            self._rows[source] = sum(data["rows"].values())
        elif kind == "note":
            self._write(source, "·", data["text"])

    def log(self, source: str, line: str) -> None:
        self._write(source, "|", line)

    def ended(self, record: RunRecord) -> None:
        if record.status == OK:
            rows = counted(record.total_rows, "row")
            self._write(record.source, "·", f"ok: {rows} in {seconds(record.seconds)}")
        elif record.status != PLANNED:
            ended = STOPPED if record.status == STOPPED else f"failed: {record.kind or record.status}"
            self._write(record.source, "·", ended)

    def announce(self, text: str) -> None:
        """Say something that is about all sources."""
        self._write("", "·", text)

    def _write(self, source: str, mark: str, text: str) -> None:
        with self._lock:
            if self._gone or (self._only_log and mark == "·" and source):
                return
            try:
                sys.stderr.write(f"{source.ljust(self._width)} {mark} {text}\n")
                sys.stderr.flush()
            except OSError:  # its reader is gone, or its disk full: the run goes on
                self._gone = True
