"""Words, numbers and colours as people see them."""

from __future__ import annotations

import os
import shutil
import sys
import textwrap
from collections.abc import Iterable, Sequence
from typing import TextIO

from launcher.untrusted import clean

_STYLES = {"ok": "32", "failed": "31", "warn": "33", "bold": "1"}


def coloured(stream: TextIO) -> bool:
    """Whether ``stream`` takes colours: a terminal, and neither NO_COLOR nor TERM=dumb."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def style(text: str, name: str, stream: TextIO | None = None) -> str:
    """``text`` in a named style, where the stream (default: stdout) takes colours."""
    return f"\x1b[{_STYLES[name]}m{text}\x1b[0m" if coloured(stream or sys.stdout) else text


def number(value: int) -> str:
    """1,234,567."""
    return f"{value:,}"


def seconds(value: float) -> str:
    """0.4 s, 12 s, 3 min 05 s, 2 h 03 min."""
    if value < 9.95:
        return f"{value:.1f} s"
    if value < 59.5:
        return f"{value:.0f} s"
    minutes, rest = divmod(round(value), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02} s"
    return f"{minutes // 60} h {minutes % 60:02} min"


def columns(stream: TextIO | None = None) -> int | None:
    """The width of the terminal that a stream (default: stdout) goes to; None elsewhere: nothing is cut."""
    return shutil.get_terminal_size().columns if (stream or sys.stdout).isatty() else None


def cut(text: str, width: int | None) -> str:
    """``text`` in at most ``width`` columns."""
    return text if width is None or len(text) <= width else text[: max(width - 1, 0)] + "…"


def cells(row: Iterable[object]) -> list[str]:
    """A row's values as a table shows them, each in 40 characters at most; ``--json`` shows all."""
    return ["" if value is None else clean.words(str(value), 40) for value in row]


def folded(text: str, width: int | None, *, first: str = "", then: str = "") -> list[str]:
    """``text`` after ``first``, in lines that break no word; further lines begin with ``then``."""
    if width is None or len(first) + len(text) <= width:
        return [first + text]
    room = max(width, len(first) + 20)
    whole = textwrap.TextWrapper(
        room,
        initial_indent=first,
        subsequent_indent=then,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return whole.wrap(text) or [first]


def joined(parts: Sequence[str], width: int | None, *, first: str = "") -> list[str]:
    """Parts with ' · ' between them, in lines that break no part, all as far from the margin."""
    lines, line = [], first
    for part in parts:
        longer = f"{line} · {part}" if line != first and line.strip() else line + part
        if width is not None and len(longer) > width and line.strip() and line != first:
            lines.append(line)
            longer = " " * len(first) + part
        line = longer
    return [*lines, line]


def table(
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    right: Sequence[int] = (),
    indent: int = 0,
    whole: bool = False,
    width: int | None = None,
    drop: Sequence[int] = (),
) -> str:
    """Aligned columns, those numbered in ``right`` at the right. Empty ones are left out, unless ``whole``.

    Where lines are longer than ``width``, the columns numbered in ``drop`` are left out in that order, and
    then the first column is cut.
    """
    keep = [i for i in range(len(header)) if whole or any(row[i] for row in rows)]
    longest = {i: max(len(line[i]) for line in (header, *rows)) for i in keep}

    def excess() -> int:
        """How many columns of the terminal the lines are too long; 0 or less where they fit."""
        return 0 if width is None else indent + sum(longest[i] + 2 for i in keep) - 2 - width

    for i in drop:
        if i in keep and excess() > 0:
            keep.remove(i)
    lines = [[header[i] for i in keep], *([row[i] for i in keep] for row in rows)]
    if (over := excess()) > 0:
        lines = [[cut(line[0], max(longest[keep[0]] - over, 8)), *line[1:]] for line in lines]
    widths = [max(len(line[i]) for line in lines) for i in range(len(keep))]
    flush = {keep.index(i) for i in right if i in keep}
    out = []
    for line in lines:
        cells = [c.rjust(widths[i]) if i in flush else c.ljust(widths[i]) for i, c in enumerate(line)]
        out.append((" " * indent + "  ".join(cells)).rstrip())
    return "\n".join(out)


def ago(timestamp: str) -> str:
    """How long ago an RFC 3339 time was: ``just now``, ``5 min ago``, ``3 h ago``, ``2 days ago``."""
    from datetime import datetime, timezone

    from runner.contract import moment

    passed = (datetime.now(timezone.utc) - moment(timestamp)).total_seconds()
    if passed < 90:
        return "just now"
    if passed < 5400:
        return f"{passed / 60:.0f} min ago"
    if passed < 129600:
        return f"{passed / 3600:.0f} h ago"
    return f"{passed / 86400:.0f} days ago"
