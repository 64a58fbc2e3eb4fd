"""Metrics of runs in Prometheus' text format, as a file that its node exporter collects.

The format: https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from launcher.config.models import Project
from launcher.errors import ConfigurationError
from launcher.host.files import write_atomic
from launcher.runs.history import FAILED, INTERRUPTED, OK, History, HistoryError, RunRecord
from launcher.runs.listeners import Listener
from runner.contract import moment

_METRICS: tuple[tuple[str, str, Callable[[RunRecord, RunRecord | None], float | None]], ...] = (
    ("last_run_timestamp_seconds", "When the last run ended.", lambda run, _: _seconds(run.ended)),
    ("last_run_ok", "Whether the last run went well.", lambda run, _: run.status == OK),
    ("last_run_duration_seconds", "How long the last run took.", lambda run, _: run.seconds),
    ("last_run_rows", "Rows that the last run loaded.", lambda run, _: run.total_rows),
    ("last_run_attempts", "How often the last run was tried.", lambda run, _: run.attempts),
    ("last_run_peak_memory_bytes", "The most memory that the last run had.", lambda run, _: run.peak_memory),
    (
        "last_success_timestamp_seconds",
        "When the last good run ended.",
        lambda _, good: None if good is None else _seconds(good.ended),
    ),
)
"""Name, help text, and value by a source's last run and its last good one; None for no value."""


def file_of(project: Project, setting: str) -> Path:
    """The file that ``notify.metrics`` means. Raises ConfigurationError where node exporter won't read it."""
    file = project.root / setting
    if file.suffix != ".prom":
        raise ConfigurationError(
            f"notify.metrics: '{setting}' does not end with .prom", "node exporter reads no other file"
        )
    if not file.parent.is_dir():
        raise ConfigurationError(
            f"notify.metrics: there is no folder {file.parent}", f"mkdir -p {file.parent}"
        )
    return file


class Metrics(Listener):
    """Writes the whole file anew when sources have ended. ``warn`` hears of a failure.

    Each time, all of history is read, so runs of other launchers are included. For thousands of sources that
    takes long, so it takes at most a tenth of the time: not after each source, but always in ``close``.
    """

    def __init__(self, file: Path, project: Project, history: History, warn: Callable[[str], None]) -> None:
        self._file, self._project, self._history, self._warn = file, project, history, warn
        self._due, self._not_before = False, 0.0

    def ended(self, record: RunRecord) -> None:
        self._due = True
        if time.monotonic() >= self._not_before:
            self.close()

    def close(self) -> None:
        """Write what is not in the file yet."""
        if not self._due:
            return
        began = time.monotonic()
        try:
            text = metrics_text(self._project.name, last_runs(self._project, self._history))
            write_atomic(self._file, text, mode=0o644)
        except (OSError, HistoryError) as error:
            self._warn(f"{self._file} can't be written: {error}")
        self._due, self._not_before = False, began + 10 * (time.monotonic() - began)


def last_runs(project: Project, history: History) -> list[tuple[RunRecord, RunRecord | None]]:
    """The last sync of each source that is over, and its last that went well."""
    found = []
    for source in project.sources:
        runs = [run for run in history.runs(source.name, limit=None) if run.action == "sync" and run.ended]
        whole = [run for run in runs if run.limit is None and run.status in (OK, FAILED, INTERRUPTED)]
        if whole:
            found.append((whole[0], next((run for run in whole if run.status == OK), None)))
    return found


def metrics_text(project: str, runs: Sequence[tuple[RunRecord, RunRecord | None]]) -> str:
    """The text of the file, from what ``last_runs`` gives. A metric without values is left out."""
    lines = []
    for name, words, value_of in _METRICS:
        values = {last.source: value_of(last, good) for last, good in runs}
        rows = [
            f'dltpod_{name}{{project="{project}",source="{source}"}} {float(value):.15g}'
            for source, value in values.items()
            if value is not None
        ]
        if rows:
            lines += [f"# HELP dltpod_{name} {words}", f"# TYPE dltpod_{name} gauge", *rows]
    return "\n".join(lines) + "\n"


def _seconds(text: str | None) -> float | None:
    return moment(text).timestamp() if text else None
