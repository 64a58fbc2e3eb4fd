"""Temporary folders for builds; the next sync clears those of launchers that were killed."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from launcher.host.rights import acting_owner, as_invoking_user

_PREFIX = "dltpod-build-"


@contextlib.contextmanager
def folder() -> Iterator[tuple[Path, Path]]:
    """An empty folder, gone afterwards: its path for programs that are started, and for this process.

    They differ where root works with the rights of a project's owner: the owner's own processes can't enter
    the first, so the engine's client, which is root, reads there what was put there. The folder's lock is
    held meanwhile, and dies with this process.
    """
    with as_invoking_user():
        # It gets the name that `clear` looks for once its lock is held: else it could be cleared before.
        unlocked = Path(tempfile.mkdtemp(prefix="dltpod-new-"))
        descriptor = os.open(unlocked, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    place = unlocked
    try:
        with as_invoking_user():
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            place = unlocked.rename(unlocked.with_name(unlocked.name.replace("dltpod-new-", _PREFIX)))
        with _inside(place) as paths:
            yield paths
    finally:
        with as_invoking_user():
            shutil.rmtree(place, ignore_errors=True)
        os.close(descriptor)


@contextlib.contextmanager
def _inside(place: Path) -> Iterator[tuple[Path, Path]]:
    owner = acting_owner()
    if owner is None:
        yield place, place
        return
    with as_invoking_user():
        inner = place / "inside"
        inner.mkdir()
        os.chown(inner, owner.uid, owner.gid)
        descriptor = os.open(inner, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield inner, Path(f"/proc/self/fd/{descriptor}")
    finally:
        os.close(descriptor)


@as_invoking_user()
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
