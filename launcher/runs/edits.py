"""Changes of cursors that wait for the next sync of their source."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from launcher.errors import ConfigurationError
from launcher.host.files import write_atomic


def file_of(private: Path, source: str) -> Path:
    """The file with a source's pending changes. ``private`` is ``.dltpod``."""
    return private / "edits" / f"{source}.json"


def waiting(private: Path, source: str) -> dict[str, Any]:
    """``id``, ``set`` (text by ``resource.path``) and ``reset`` (resources); empty where nothing waits.

    Raises ConfigurationError where the file holds something else.
    """
    file = file_of(private, source)
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
        texts = [found["id"], *found["set"], *found["set"].values(), *found["reset"]]
        if not all(isinstance(text, str) for text in texts):
            raise TypeError
    except FileNotFoundError:
        return {}
    except (ValueError, TypeError, KeyError, AttributeError):
        raise ConfigurationError(f"{file} is damaged", f"remove it, and ask again: rm {file}") from None
    return {name: found[name] for name in ("id", "set", "reset")}


def ask(private: Path, source: str, *, set: Mapping[str, str], reset: tuple[str, ...]) -> dict[str, Any]:
    """Replaces the pending changes. Raises OSError."""
    file = file_of(private, source)
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    made = {"id": secrets.token_hex(8), "set": dict(set), "reset": list(reset)}
    write_atomic(file, json.dumps(made))
    return made


def done(private: Path, source: str, edit: str) -> None:
    """Removes these changes, which were made; newer ones stay pending. Raises OSError."""
    if waiting(private, source).get("id") == edit:
        file_of(private, source).unlink(missing_ok=True)
