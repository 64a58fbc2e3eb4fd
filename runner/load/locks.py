"""Locks that end with the process that holds them: ``flock`` on a file that stays where it is."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from runner.contract import FailureKind
from runner.explain.classify import JobFailed
from runner.load.progress import Steps

_POLL = 0.05
"""Seconds between two tries. ``flock`` isn't left to wait, so that a signal to stop is noticed meanwhile."""


def _try(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _open(path: Path, flags: int = os.O_RDWR | os.O_CREAT) -> int:
    """A descriptor of a lock's file. Raises JobFailed where a link, a FIFO or a folder lies in its place.

    Whoever shares the folder may have put one there, to have something else written to, or to be waited for.
    """
    try:
        descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o666)
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            return descriptor
        os.close(descriptor)
    except OSError as exc:
        if exc.errno not in (errno.ELOOP, errno.EISDIR, errno.ENXIO):
            raise
    raise JobFailed.of(
        FailureKind.STATE,
        f"the lock's file {path} is not a regular file",
        "remove it; a run makes it anew",
    )


@contextmanager
def state_lock(state: Path, run_id: str = "") -> Iterator[None]:
    """Holds the state directory for the whole run. Raises JobFailed, naming the run that holds it."""
    state.mkdir(parents=True, exist_ok=True)
    descriptor = _open(state / ".lock")
    try:
        if not _try(descriptor):
            name = os.pread(descriptor, 200, 0).decode("utf-8", "replace").strip()
            raise JobFailed.of(
                FailureKind.ALREADY_RUNNING,
                f"{f'run {name}' if name else 'another run'} holds this source's state",
                "wait for it to end; its lock ends with it",
                transient=True,
            )
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, run_id.encode(), 0)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def file_lock(path: str | None, steps: Steps, *, reading: bool = False) -> Iterator[None]:
    """Holds the destination's lock file while its file is open, waiting as long as it takes.

    Takes the lock's path, None where no lock is needed. Waiting is a step of its own. ``reading``: makes no
    file, for the folder can only be read; where nobody has made one, nobody writes.
    Raises JobFailed where something else than a file lies in its place.
    """
    if path is None or (reading and not os.path.lexists(path)):
        yield
        return
    if not reading:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
    descriptor = _open(Path(path), os.O_RDONLY if reading else os.O_RDWR | os.O_CREAT)
    try:
        if not _try(descriptor):
            with steps.step("wait"):
                while not _try(descriptor):
                    time.sleep(_POLL)
        yield
    finally:
        os.close(descriptor)
