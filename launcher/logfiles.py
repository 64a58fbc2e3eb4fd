"""The log files of past runs: the newest are kept."""

from __future__ import annotations

import contextlib
from pathlib import Path

KEEP_RUNS = 50
"""Of each source; a run's log is a few files of a bounded size (see ``launcher.engines.joblog``)."""


def prune(folder: Path, keep: int = KEEP_RUNS) -> None:
    """Remove the logs of all but the newest ``keep`` runs of one source.

    Run ids sort by time. A file that can't be removed stays.
    """
    if not folder.is_dir():
        return
    by_run: dict[str, list[Path]] = {}
    for file in folder.iterdir():
        by_run.setdefault(file.name.split(".log")[0], []).append(file)
    for run in sorted(by_run)[: -keep or None]:
        for file in by_run[run]:
            with contextlib.suppress(OSError):
                file.unlink()
