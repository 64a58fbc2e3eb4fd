"""Adds lines to ``.dlt/secrets.toml`` and ``.gitignore``, which may exist already."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from launcher.config.faults import shown_path
from launcher.config.toml_files import tomllib
from launcher.errors import ConfigurationError
from launcher.start.kinds import Secret

HEAD = (
    "# Secrets, of sources and of destinations. git must not see this file, and dltpod shows it to nobody.\n"
)


def with_secrets(file: Path, text: str, name: str, secrets: Iterable[Secret]) -> str:
    """``text`` of ``.dlt/secrets.toml`` with empty values below ``[sources.<name>]`` at its end.

    ``file`` is for messages. Raises ConfigurationError, with the lines to add by hand, where adding such a
    section would change what the file says already, or where it is no TOML.
    """
    lines: list[str] = []
    for secret in secrets:
        if (header := secret.header(name)) not in lines:
            lines += ["", header] if lines else [header]
        lines.append(f'{secret.key} = ""' + (f"  # {secret.comment}" if secret.comment else ""))
    added = "\n".join(lines) + "\n"
    made = f"{_ended(text)}\n{added}"
    try:
        after = tomllib.loads(made)
        before = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        after, before = {}, {}
    new = after.get("sources", {}).pop(name, None)
    if new is None or _plain(after) != _plain(before):
        raise ConfigurationError(
            f"{shown_path(file)} has no place for [sources.{name}] at its end",
            f"add by hand:\n{added.rstrip()}",
        )
    return made


def _plain(table: dict[str, object]) -> str:
    """A table as text to compare, without an empty ``sources``."""
    return json.dumps({key: value for key, value in table.items() if key != "sources" or value}, default=str)


def with_ignored(text: str, lines: Iterable[str]) -> str:
    """``text`` of ``.gitignore`` with those of ``lines`` at its end that it lacks."""
    there = {line.strip().lstrip("/").rstrip("/") for line in text.splitlines()}
    missing = [line for line in lines if line.rstrip("/") not in there]
    newline = "\r\n" if "\r\n" in text else "\n"
    return _ended(text, newline) + "".join(line + newline for line in missing) if missing else text


def _ended(text: str, newline: str = "\n") -> str:
    return text if not text or text.endswith("\n") else text + newline
