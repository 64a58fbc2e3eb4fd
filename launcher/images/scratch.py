"""Temporary folders for builds; a later sync clears those that killed launchers left."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from launcher.host.rights import acting_owner, as_invoking_user

_PREFIX = "dltpod-scratch-"
_LEFT_SECONDS = 24 * 3600.0
"""No build takes this long: a folder that is older was left behind."""


@contextlib.contextmanager
def folder() -> Iterator[tuple[Path, Path]]:
    """An empty folder, gone afterwards: its path for programs that are started, and for this process.

    They differ where root works with the rights of a project's owner: the owner's own processes can't enter
    the first, so the engine's client, which is root, reads there what was put there.
    """
    with as_invoking_user():
        place = Path(tempfile.mkdtemp(prefix=_PREFIX))
    try:
        with _inside(place) as paths:
            yield paths
    finally:
        with as_invoking_user():
            shutil.rmtree(place, ignore_errors=True)


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
def clear() -> None:
    """Removes this user's folders of launchers that were killed a day ago or earlier."""
    for place in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):
            known = place.lstat()
            if known.st_uid == os.geteuid() and time.time() - known.st_mtime > _LEFT_SECONDS:
                shutil.rmtree(place, ignore_errors=True)
