"""Faults of a configuration file, and the one report that holds them all."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from launcher.errors import ConfigurationError, page

SHOWN = 50
"""The most faults that are shown."""


@dataclass(frozen=True, order=True)
class Fault:
    """One thing that is wrong: where (``line`` counts from 1), what, and what is legal."""

    line: int
    path: str
    text: str


def shown_path(file: Path) -> str:
    """``file`` relative to the current folder, if it lies there."""
    try:
        here = os.getcwd()  # noqa: PTH109 - each line about each source names a file
    except OSError:
        return str(file)
    return "." if str(file) == here else str(file).removeprefix(here.rstrip("/") + "/")


def modified_at(file: Path) -> int | None:
    """When a file was last changed, in nanoseconds: 0 where nobody can tell, None where there is no file."""
    try:
        return file.stat().st_mtime_ns
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError:
        return 0  # reading it says why


def text_of(file: Path, largest: int) -> str:
    """The text of a file of at most ``largest`` bytes.

    Raises FileNotFoundError, and ConfigurationError: not readable, too large, not UTF-8. Shows no content.
    """
    name = shown_path(file)
    try:
        with file.open("rb") as stream:
            raw = stream.read(largest + 1)
    except (FileNotFoundError, NotADirectoryError):
        raise FileNotFoundError(file) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise ConfigurationError(
            f"{name} can't be read: {reason}.", "Look at its owner and permissions."
        ) from None
    if len(raw) > largest:
        raise ConfigurationError(f"{name} is larger than {largest >> 20} MiB.")
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise ConfigurationError(f"{name} is UTF-16.", "Save it as UTF-8.")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise ConfigurationError(f"{name}:{line}: not UTF-8 text.", "Save the file as UTF-8.") from None


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
