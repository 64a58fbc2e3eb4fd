"""Several sources at once."""

from __future__ import annotations

import concurrent.futures
from collections.abc import Callable, Sequence

from launcher.runs.history import OK, PLANNED, RunRecord
from launcher.runs.signals import Stopper
from runner.contract import FailureKind

Work = Callable[[str], RunRecord]
"""Runs the source of that name to its end; failures are records, not exceptions."""


def run_fleet(
    names: Sequence[str], work: Work, *, jobs: int, fail_fast: bool, stopper: Stopper
) -> tuple[RunRecord, ...]:
    """Do the work for each name, at most ``jobs`` at once; records in the order of ``names``.

    One failure stops no other, save with ``fail_fast``: then those that run are stopped gently, and
    the rest end before they begin. Whatever ``work`` raises (a bug) is raised when all have ended.
    """
    if jobs < 1:
        raise ValueError("jobs must be at least 1")

    def one(name: str) -> RunRecord:
        # Asked in the thread that saw the failure, before it can take up another source.
        went_well = False
        try:
            record = work(name)
            went_well = record.status in (OK, PLANNED)
            return record
        finally:
            if fail_fast and not went_well and not stopper.gentle.is_set():
                stopper.ask(FailureKind.CANCELLED)

    with concurrent.futures.ThreadPoolExecutor(jobs, thread_name_prefix="source") as pool:
        futures = [pool.submit(one, name) for name in names]
    return tuple(future.result() for future in futures)
