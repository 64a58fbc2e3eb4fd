"""Calls of the command line, as a user makes them."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass

from tests.containers.cli.forked import forks
from tests.containers.folder import REPOSITORY, Folder


@dataclass(frozen=True)
class Said:
    """What a call came to."""

    code: int
    out: str
    err: str


def dltpod(folder: Folder, *arguments: str, **environ: str) -> Said:
    """One call in a project's folder, to its end."""
    given = {**os.environ, "PYTHONPATH": str(REPOSITORY), **environ}
    return Said(*forks().call(folder.root, arguments, given))


def started(folder: Folder, *arguments: str) -> subprocess.Popen[str]:
    """One call that goes on. No signal reaches it: what gets one is started by ``Folder.start``."""
    return forks().start(folder.root, arguments)


def borrow(folder: Folder, *modules: str) -> None:
    """Copies this repository's own custom sources."""
    for module in modules:
        shutil.copy(REPOSITORY / "custom_sources" / f"{module}.py", folder.root / "custom_sources")


def git(folder: Folder, *arguments: str, when: str = "2024-01-01T00:00:00Z") -> str:
    """git in the folder's own repository, at a time of our choosing."""
    identity = ["-c", "user.name=Ada", "-c", "user.email=ada@example.com", "-c", "init.defaultBranch=main"]
    done = subprocess.run(
        ["git", *identity, *arguments],
        cwd=folder.root,
        env={"PATH": "/usr/bin:/bin:/usr/local/bin", "GIT_AUTHOR_DATE": when, "GIT_COMMITTER_DATE": when},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout
