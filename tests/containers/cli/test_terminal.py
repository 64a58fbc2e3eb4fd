"""What a terminal shows: a live table while it runs, the log above it, the summary at the end."""

from __future__ import annotations

import os
import re
import sys

import pytest

from tests.containers.cli.test_commands import NUMBERS
from tests.containers.folder import REPOSITORY, Folder
from tests.containers.terminal import on_a_terminal

ANSI = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")


pytestmark = pytest.mark.usefixtures("offline")


def _on_a_terminal(folder: Folder, *arguments: str, **environ: str) -> tuple[int, str]:
    """The exit code of a call, and everything that its terminal got."""
    inherited = {key: value for key, value in os.environ.items() if key not in ("CI", "NO_COLOR")}
    code, seen = on_a_terminal(
        [sys.executable, "-m", "dltpod", *arguments],
        folder.root,
        {**inherited, "PYTHONPATH": str(REPOSITORY), **environ},
        columns=100,
        lines=30,
    )
    return code, seen.decode(errors="replace")


def test_a_terminal_shows_a_live_table_the_log_and_the_summary(project: Folder) -> None:
    project.code("counting", NUMBERS)
    project.source("numbers", "counting", "numbers")
    code, seen = _on_a_terminal(project, "sync", "numbers")
    plain = ANSI.sub("", seen)
    assert code == 0
    assert re.search(r"source +phase +rows +time +memory", plain)
    assert re.search(r"numbers +(starting|start|extract|load)", plain)
    assert re.search(r"[\r\n]counting *\r\n", plain)
    assert "ok  numbers in " in plain
    assert "numbers |" not in plain
    assert "\x1b[32mok\x1b[0m" in seen


def test_a_terminal_that_wants_no_colours_gets_none(project: Folder) -> None:
    project.code("counting", NUMBERS)
    project.source("numbers", "counting", "numbers")
    code, seen = _on_a_terminal(project, "sync", "numbers", NO_COLOR="1")
    assert code == 0
    assert not re.search(r"\x1b\[3[0-9]m", seen)
