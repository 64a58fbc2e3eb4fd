"""Locks that end with the process that holds them: ``flock`` on a file that stays where it is."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from runner.contract import Failure, FailureKind
from runner.failures import JobFailed
from runner.progress import Steps

_POLL = 0.05
"""Seconds. Polled rather than waited for, so that a request to stop is heard meanwhile."""


def _try(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _open(path: Path) -> int:
    path.parent.mkdir(parents=True, exist_ok=True)
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)


@contextmanager
def state_lock(state: Path, run_id: str = "") -> Iterator[None]:
    """Holds the state directory for the whole run. Raises JobFailed, naming the run that holds it."""
    descriptor = _open(state / ".lock")
    try:
        if not _try(descriptor):
            raise JobFailed(
                Failure(
                    FailureKind.ALREADY_RUNNING,
                    f"{_holder(descriptor)} holds this source's state",
                    "wait for it to end; its lock ends with it",
                    transient=True,
                )
            )
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, run_id.encode(), 0)
        yield
    finally:
        os.close(descriptor)


def _holder(descriptor: int) -> str:
    name = os.pread(descriptor, 200, 0).decode("utf-8", "replace").strip()
    return f"run {name}" if name else "another run"


@contextmanager
def file_lock(path: str | None, steps: Steps) -> Iterator[None]:
    """Holds the destination's lock file while its file is open, waiting as long as it takes.

    Takes the lock's path, None where no lock is needed. Waiting is a step of its own.
    """
    if path is None:
        yield
        return
    descriptor = _open(Path(path))
    try:
        if not _try(descriptor):
            with steps.step("wait"):
                while not _try(descriptor):
                    time.sleep(_POLL)
        yield
    finally:
        os.close(descriptor)
