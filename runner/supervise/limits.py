"""Tells whether a pod's folders are full, before the kubelet evicts it and its logs are lost."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping

from runner.contract import Failure, FailureKind

FULL_GRACE = 0.3
"""Seconds that a worker has to end on a full disk. The kubelet gives a pod that it evicts one or two."""
_LOOK_SECONDS = 0.3
"""How long the use of the folders is added up at most: what was counted by then is not more than there is."""


def full(folders: Mapping[str, int], root: str = "") -> Failure | None:
    """The failure where one of the folders takes more than its number of bytes on disk; None where none does.

    To a pod that it evicts for that the kubelet sends the same signal as to any other. ``root`` stands before
    each folder's path.
    """
    until = time.monotonic() + _LOOK_SECONDS
    for folder, limit in folders.items():
        used = 0
        for size in _sizes(root + folder):
            used += size
            if used > limit:
                return Failure(
                    FailureKind.DISK_FULL,
                    f"the pod's scratch is full: {folder} holds more than {limit / (1 << 20):.0f} MiB",
                    "raise kubernetes.scratch, or put the state on a volume: kubernetes.state: {size: 20Gi}",
                )
            if time.monotonic() > until:
                return None
    return None


def _sizes(folder: str) -> Iterator[int]:
    """The bytes on disk of each entry below a folder, links not followed; what goes meanwhile is left out."""
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                try:
                    yield entry.stat(follow_symlinks=False).st_blocks * 512
                    if entry.is_dir(follow_symlinks=False):
                        yield from _sizes(entry.path)
                except OSError:
                    continue
    except (OSError, RecursionError):
        return
