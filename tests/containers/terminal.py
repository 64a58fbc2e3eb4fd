"""A terminal of a given size, and the screen that a program leaves there."""

from __future__ import annotations

import os
import pty
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import pyte

# Lines that have left the top of the screen are kept: a person can scroll back to them.
SCROLLBACK = 2_000


def on_a_terminal(
    command: Sequence[str | Path], folder: Path, environ: Mapping[str, str], *, columns: int, lines: int = 24
) -> tuple[int, bytes]:
    """Runs a program on a terminal: its exit code, and everything that the terminal got."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        command,
        cwd=folder,
        env={**environ, "TERM": "xterm", "COLUMNS": str(columns), "LINES": str(lines)},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    seen = b""
    while True:
        try:
            part = os.read(ours, 65_536)
        except OSError:  # how a terminal says that its other end is closed
            break
        if not part:
            break
        seen += part
    code = process.wait(120)  # before the terminal goes, which would end it
    os.close(ours)
    return code, seen


def shown(seen: bytes, *, columns: int, lines: int = 24) -> list[str]:
    """The lines that a terminal shows after it got ``seen``, those that have scrolled away too."""
    screen = pyte.HistoryScreen(columns, lines, history=SCROLLBACK, ratio=0.5)
    pyte.ByteStream(screen).feed(seen)
    above = ["".join(line[x].data for x in range(columns)) for line in screen.history.top]
    return [line.rstrip() for line in [*above, *screen.display]]
