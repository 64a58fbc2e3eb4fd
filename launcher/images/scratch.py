"""Temporary folders for builds; the next sync clears those of launchers that were killed."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

_PREFIX = "dltpod-build-"


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    """An empty folder, gone afterwards. Its lock is held meanwhile, and dies with this process."""
    # It has the name that is looked for only once the lock is held: else it could be cleared before.
    unlocked = Path(tempfile.mkdtemp(prefix="dltpod-new-"))
    descriptor = os.open(unlocked, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    place = unlocked
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        place = unlocked.rename(unlocked.with_name(unlocked.name.replace("dltpod-new-", _PREFIX)))
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)
        os.close(descriptor)


def clear() -> int:
    """Removes the folders of this user's launchers that were killed; how many."""
    cleared = 0
    for place in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):
            descriptor = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                if os.fstat(descriptor).st_uid != os.geteuid():
                    continue
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(place, ignore_errors=True)
                cleared += 1
            finally:
                os.close(descriptor)
    return cleared
