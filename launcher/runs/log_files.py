"""The log files of runs: how they are read, and which are kept."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from launcher.engines.log import KEEP_FILES

KEEP_RUNS = 50
"""Of each source; a run's log is a few files of a bounded size (see ``launcher.engines.log``)."""


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


def lines(file: Path, going: Callable[[], bool]) -> Iterator[bytes]:
    """The lines of one run without their ends, the oldest first, and what comes as long as it is ``going``.

    ``file`` is the newest of its files, the older ones are ``<file>.1`` and so on. One that becomes an
    older one while it is read is read to its end before the next.
    """
    files = _opened(file)
    rest = b""
    try:
        while True:
            # Asked before the reading: what was written up to the end is read then.
            over = not going()
            while files:
                *whole, rest = (rest + files[0].read()).split(b"\n")
                yield from whole
                if len(files) == 1:
                    break
                if rest:
                    yield rest
                    rest = b""
                files.pop(0).close()
            newer = _opened(file, files[0] if files else None)
            files += newer
            if over and not newer:
                break
            if not newer:
                time.sleep(0.2)
        if rest:
            yield rest
    finally:
        for held in files:
            held.close()


def _opened(file: Path, after: BinaryIO | None = None) -> list[BinaryIO]:
    """The files of a run, the oldest first; only those that came after one of them, where that is given."""
    found: list[BinaryIO] = []
    # From the newest on: one that is renamed meanwhile is met again, and none is missed.
    for path in (file, *(file.with_name(f"{file.name}.{number}") for number in range(1, KEEP_FILES))):
        try:
            stream = path.open("rb")
        except FileNotFoundError:
            continue
        if after is not None and _same(stream, after):
            stream.close()
            break
        if found and _same(stream, found[-1]):
            stream.close()
        else:
            found.append(stream)
    return found[::-1]


def _same(one: BinaryIO, other: BinaryIO) -> bool:
    return os.path.sameopenfile(one.fileno(), other.fileno())
