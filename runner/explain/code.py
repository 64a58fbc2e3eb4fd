"""What a source's own code did: where it raised an exception, and what it returned instead of rows."""

from __future__ import annotations

import linecache
import re
import traceback
from pathlib import Path

from runner.explain.causes import has_class
from runner.explain.wording import one_line

_FOLDERS = ("custom_sources", "verified_sources")
_LONGEST_LINE = 80
_MAY_BE_SECRET = re.compile(
    r"(password|passwd|secret|token|key|auth|credential)\w*\W{1,4}f?['\"]", re.IGNORECASE
)
"""A line that gives a secret as a literal: what a message says goes further than a traceback."""


def location(exc: BaseException) -> str:
    """`` at custom_sources/shop.py:5, in rows: yield row["id"]``: the last line of the source's own code.

    Empty where the traceback holds none.
    """
    for frame in reversed(traceback.extract_tb(exc.__traceback__)):
        if not any(f"/{folder}/" in frame.filename for folder in _FOLDERS):
            continue
        line = one_line(linecache.getline(frame.filename, frame.lineno or 0), _LONGEST_LINE)
        inside = f", in {frame.name}" if frame.name != "<module>" else ""
        shown_line = f": {line}" if line and not _MAY_BE_SECRET.search(line) else ""
        return f" at {shown(frame.filename)}:{frame.lineno}{inside}{shown_line}"
    return ""


def shown(path: str | Path | None) -> str:
    """A path in the container as the project names it: ``custom_sources/shop.py``."""
    text = str(path)
    for folder in _FOLDERS:
        _, found, rest = text.rpartition(f"/{folder}/")
        if found:
            return f"{folder}/{rest}"
    return text


def no_rows(exc: BaseException) -> str:
    """What a resource's function returned instead of rows, where ``exc`` is dlt's refusal; else empty."""
    if has_class(exc, "InvalidResourceDataTypeIsNone"):
        return "its function returned nothing"
    if not has_class(exc, "PipeGenInvalid"):
        return ""
    found = re.search(r"Generator type is <class '([\w.]+)'>", str(exc))
    if found is None:
        return ""
    kind = found[1].rpartition(".")[2]
    return "its function returned nothing" if kind == "NoneType" else f"its function returned '{kind}'"
