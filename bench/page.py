"""Writes a benchmark's table into ``docs/performance.md``, between the comments that carry its name."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Sequence
from datetime import date
from importlib import metadata
from pathlib import Path

PAGE = Path(__file__).resolve().parent.parent / "docs/performance.md"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; the first column holds texts, the others figures."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def versions(*packages: str) -> list[str]:
    """Python and ``packages`` with the versions that this process runs with."""
    return [f"Python {platform.python_version()}", *(f"{name} {metadata.version(name)}" for name in packages)]


def machine(*packages: str, measured: list[str] | None = None) -> str:
    """The sentence that says where figures come from: the versions of what was ``measured``, or else those
    of this process with ``packages``.
    """
    parts = [f"{os.cpu_count()} processors", *(measured or versions(*packages))]
    load = os.getloadavg()[1]
    return f"Measured on {date.today():%Y-%m-%d}: {', '.join(parts)}; load average {load:.1f}.\n"


def put(text: str, name: str, made: str) -> str:
    """``text`` with what ``name`` marks in it replaced. Raises ValueError where nothing is marked so."""
    begin, end = f"<!-- bench: {name} -->\n", "<!-- end -->\n"
    found = re.compile(re.escape(begin) + r".*?" + re.escape(end), re.DOTALL)
    if not found.search(text):
        raise ValueError(f"{PAGE.name} has no place for {name}: {begin.strip()} … {end.strip()}")
    return found.sub(lambda _: f"{begin}\n{made}\n{end}", text, count=1)


def write(name: str, made: str) -> None:
    """Put what a benchmark made into the page."""
    PAGE.write_text(put(PAGE.read_text(), name, made))
