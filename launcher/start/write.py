"""Carries a plan out: all of its files, or none that is new."""

from __future__ import annotations

import codecs
import contextlib
import os
import secrets
import stat
from collections.abc import Iterable
from pathlib import Path

from launcher.config.faults import shown_path
from launcher.errors import ConfigurationError
from launcher.start.plan import Change


def carry_out(changes: Iterable[Change]) -> None:
    """Write the files. A file that has come or has changed since the plan was made is not overwritten.

    Raises ConfigurationError for such a file, and OSError where one can't be written. Then the files and
    folders that were made are removed again.
    """
    made: list[Path] = []
    try:
        for change in changes:
            if change.before is None:
                _make(change, made)
            else:
                _replace(change)
    except BaseException:
        for place in reversed(made):
            with contextlib.suppress(OSError):
                place.rmdir() if place.is_dir() and not place.is_symlink() else place.unlink()
        raise


def _make(change: Change, made: list[Path]) -> None:
    for folder in reversed(change.file.parents):
        if not folder.is_dir():
            folder.mkdir()
            made.append(folder)
    try:
        _write(change.file, change.text.encode(), 0o600 if change.private else 0o666)
    except FileExistsError:
        raise ConfigurationError(
            f"{shown_path(change.file)} is there already, and nothing is overwritten", "call it again"
        ) from None
    made.append(change.file)


def _replace(change: Change) -> None:
    """The new text in one step: whoever reads the file sees the old one or the new one."""
    file = Path(os.path.realpath(change.file))
    bytes_before = file.read_bytes()
    mark = codecs.BOM_UTF8 if bytes_before.startswith(codecs.BOM_UTF8) else b""
    if bytes_before.removeprefix(mark) != (change.before or "").encode():
        raise ConfigurationError(f"{shown_path(change.file)} has changed meanwhile", "call it again")
    old = file.stat()
    new = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    try:
        _write(new, mark + change.text.encode(), 0o600)
        if (old.st_uid, old.st_gid) != (new.stat().st_uid, new.stat().st_gid):
            os.chown(new, old.st_uid, old.st_gid)
        new.chmod(stat.S_IMODE(old.st_mode))
        new.replace(file)
    finally:
        new.unlink(missing_ok=True)


def _write(file: Path, content: bytes, mode: int) -> None:
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content)
