"""``.env``: names and values; the process environment takes precedence."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from launcher.config.faults import modified_at, shown_path, text_of
from launcher.errors import ConfigurationError

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
LARGEST_FILE = 1 << 20


def read_dotenv(file: Path) -> Mapping[str, str]:
    """The file's values. ``$`` is not expanded, because a secret may contain one.

    Empty where there is no file. Don't change the result: it is cached. Raises ConfigurationError with the
    numbers of lines that are no ``NAME=value``, without their content.
    """
    moment = modified_at(file)
    return {} if moment is None else _read(file, moment)


@lru_cache(maxsize=8)
def _read(file: Path, moment: int) -> Mapping[str, str]:
    name = shown_path(file)
    try:
        text = text_of(file, LARGEST_FILE)
    except FileNotFoundError:
        return {}
    from dotenv.parser import parse_stream

    values: dict[str, str] = {}
    wrong: list[int] = []
    for binding in parse_stream(io.StringIO(text)):
        key, value = binding.key, binding.value
        if not binding.error and key is not None and value is not None and _NAME.fullmatch(key):
            values[key] = value
        elif binding.error or key is not None:
            lines = binding.original.string
            wrong.append(binding.original.line + len(lines) - len(lines.lstrip("\r\n")))
    if wrong:
        raise ConfigurationError(
            "\n".join(f"{name}:{line}: is not NAME=value." for line in wrong),
            "Put a value with quotes, blanks or several lines in quotes. Values are never shown.",
        )
    return values
