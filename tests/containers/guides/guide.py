"""Guides as tests read them: the files that a page has its reader write, the commands, and what they print.

A comment ``<!-- file: PATH -->`` before a block of code means that the block is that file. In a block of
``console`` a line that begins with ``$ `` is a command, and the lines after it are what it prints, where
a line of ``…`` stands for any lines. ``<!-- exit: 1 -->`` before it is the exit code of its last command, and
``<!-- service: NAME -->`` says that its command goes on in another terminal.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

BLOCK = re.compile(
    r"(?:<!-- (?P<key>file|exit|service): (?P<value>[^ ]+) -->\n)?```(?P<kind>\w+)\n(?P<text>.*?)^```$",
    re.S | re.M,
)
# What differs from run to run: times, sizes, dates, ids.
VARYING = re.compile(
    r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d)?|\d{8}-\d{6}-[0-9a-f]{6}"
    r"|\d+(\.\d+)? seconds?\b"
    r"|(\d+ min )?\d+(\.\d+)?(?= (s|ms|min|MB|GB|KB)\b)"
)


@dataclass(frozen=True)
class File:
    """A file that the reader writes."""

    path: str
    text: str


@dataclass(frozen=True)
class Command:
    """A command, what the page says that it prints, and its exit code."""

    text: str
    shown: tuple[str, ...]
    code: int = 0
    service: bool = False
    """Whether it goes on in another terminal until the page's end."""


def steps(page: Path) -> list[File | Command]:
    """All that the page has its reader do, in order."""
    found: list[File | Command] = []
    for block in BLOCK.finditer(page.read_text()):
        if block["key"] == "file":
            found.append(File(block["value"], block["text"]))
        elif block["key"] == "service":
            found += [replace(command, service=True) for command in _commands(block["text"], 0)]
        elif block["kind"] == "console":
            found += _commands(block["text"], int(block["value"] or 0))
    return found


def _commands(text: str, last_code: int) -> list[Command]:
    parts = re.split(r"^\$ ", text, flags=re.M)
    if parts[0].strip():
        raise ValueError(f"a block of console must begin with '$ ': {parts[0]!r}")
    commands = []
    for number, part in enumerate(parts[1:], 1):
        command, *shown = part.rstrip("\n").split("\n")
        code = last_code if number == len(parts) - 1 else 0
        commands.append(Command(command, tuple(shown), code))
    return commands


def differs(shown: tuple[str, ...], screen: list[str]) -> str | None:
    """The first part of what a page shows that the screen lacks, or None.

    Times, dates and ids may differ, and lines may break elsewhere. A page that shows nothing says nothing.
    """
    if not shown:
        return None
    parts = [_plain(part) for part in re.split(r"^ *…$", "\n".join(shown), flags=re.M)]
    seen, at = _plain("\n".join(screen)), 0
    for number, part in enumerate(parts):
        found = seen.find(part, at) if number < len(parts) - 1 or not part else max(at, len(seen) - len(part))
        if found < 0 or not seen.startswith(part, found) or (number == 0 and found):
            return part
        at = found + len(part)
    return None


def _plain(text: str) -> str:
    """A text without what differs from run to run, and without spaces and line ends."""
    return "".join(VARYING.sub("#", text).split())
