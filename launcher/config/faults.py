"""Faults of a configuration file, and the one report that holds them all."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from launcher.errors import ConfigurationError, page

SHOWN = 50
"""So many faults are shown; a file with more is best looked at from the top anyway."""


@dataclass(frozen=True, order=True)
class Fault:
    """One thing that is wrong: where (``line`` counts from 1), what, and what is legal."""

    line: int
    path: str
    text: str


def shown_path(file: Path) -> str:
    """``file`` as people know it: relative to where they stand, if it lies there."""
    try:
        return str(file.relative_to(Path.cwd()))
    except (ValueError, OSError):
        return str(file)


def report(file: Path, faults: Iterable[Fault], hint: str = "") -> ConfigurationError:
    """The error that holds every fault, one a line: ``file:line: path: what``."""
    found = sorted(set(faults))
    name = shown_path(file)
    lines = [f"{name}:{f.line}: {f.path + ': ' if f.path else ''}{f.text}" for f in found[:SHOWN]]
    if len(found) > SHOWN:
        lines.append(f"{name}: and {len(found) - SHOWN} more")
    if not hint:
        hint = f"Nothing was run. The reference of every field: {page('sources.md')}"
    return ConfigurationError("\n".join(lines), hint)
