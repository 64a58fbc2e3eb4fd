"""A verdict of ``dltpod check``."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Level(str, enum.Enum):
    """``OK``; ``NOTE``: can't be told here, or is worth knowing; ``WRONG``: a run would fail of it."""

    OK = "ok"
    NOTE = "note"
    WRONG = "wrong"


@dataclass(frozen=True)
class Row:
    """One verdict. ``source`` is empty where it is about the project. ``text`` holds no secret."""

    source: str
    what: str
    """configuration, module, function, arguments, environment, destination or secrets."""
    level: Level
    text: str = ""
    hint: str = ""
