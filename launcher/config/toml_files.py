"""``.dlt/secrets.toml`` and ``.dlt/config.toml``, read without ever showing what they hold."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from launcher.config.faults import modified_at, shown_path, text_of
from launcher.errors import ConfigurationError

if sys.version_info >= (3, 11):
    import tomllib as tomllib
else:
    import tomli as tomllib

SECRETS = ".dlt/secrets.toml"
CONFIG = ".dlt/config.toml"
LARGEST_FILE = 4 << 20
_TYPE_KEY = "destination_type"
_FAULTS = (
    (("Cannot declare", "Cannot overwrite", "Duplicate"), "a duplicate table or key"),
    (("Expected '='",), "a key without '='"),
    (("Invalid value",), "a value that TOML does not know; text stands in quotes"),
    (
        ("Unterminated string", "Illegal character", "invalid character", 'Expected "\'"'),
        "text without its closing quotes",
    ),
    (("after a statement",), "something after the value; text with quotes in it is written in '''...'''"),
)
"""Words of tomllib's messages, and what to say instead."""


def read_toml(file: Path) -> Mapping[str, Any]:
    """The file's tables; empty where there is no such file. Don't change them: they are cached.

    Raises ConfigurationError with file and line where it can't be read; the message shows no content.
    """
    moment = modified_at(file)
    return {} if moment is None else _read(file, moment)


@lru_cache(maxsize=8)
def _read(file: Path, moment: int) -> Mapping[str, Any]:
    name = shown_path(file)
    text = text_of(file, LARGEST_FILE)
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line, what = syntax_fault(text, str(error))
        raise ConfigurationError(
            f"{name}:{line}: {what}.",
            'TOML is: key = "value" below [section]. The file\'s content is never shown.',
        ) from None
    except (RecursionError, ValueError):
        raise ConfigurationError(
            f"{name} is nested too deeply, or holds a number that is too large."
        ) from None


def syntax_fault(text: str, message: str) -> tuple[int, str]:
    """Line and fault of tomllib's ``message``, without any word of ``text``, which the message may quote."""
    place = re.search(r"\(at line (\d+), column (\d+)\)", message)
    line = int(place[1]) if place else text.count("\n") + 1
    told = (what for words, what in _FAULTS if any(word in message for word in words))
    return line, next(told, "is not TOML")


def configured_destinations(root: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """Destinations to which ``.dlt/`` or the environment gives a ``destination_type``: name to that type.

    A file that can't be read counts as empty here. It is reported where its secrets are needed.
    """
    found: dict[str, str] = {}
    for relative in (CONFIG, SECRETS):
        try:
            table = read_toml(root / relative).get("destination")
        except ConfigurationError:
            continue
        for name, value in table.items() if isinstance(table, dict) else ():
            if isinstance(value, dict) and isinstance(value.get(_TYPE_KEY), str):
                found[name] = value[_TYPE_KEY]
    pattern = re.compile(r"DESTINATION__([A-Z0-9_]+?)__DESTINATION_TYPE")
    for variable, value in environ.items():
        match = pattern.fullmatch(variable)
        if match and value:
            found[match[1].lower()] = value
    return found


def at(table: Mapping[str, Any], path: str) -> Any:
    """What stands at a dotted path, None where nothing does."""
    found: Any = table
    for step in path.split("."):
        found = found.get(step) if isinstance(found, Mapping) else None
    return found
