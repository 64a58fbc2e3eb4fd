"""Which sources failed last."""

from __future__ import annotations

from collections.abc import Iterable

from launcher.runs.history import FAILED, INTERRUPTED, History, RunRecord


def failing(history: History, names: Iterable[str]) -> dict[str, RunRecord]:
    """The last sync of each of these sources whose last sync failed or was interrupted.

    A limited run (``sync --limit``) and a check say nothing of a source's rows, so they don't count.
    """
    found = {}
    for name in names:
        runs = history.runs(name, limit=None)
        last = next((run for run in runs if run.action == "sync" and run.limit is None), None)
        if last is not None and last.status in (FAILED, INTERRUPTED):
            found[name] = last
    return found
