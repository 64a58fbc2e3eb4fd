"""``.env``: names and values for secrets, below the process environment."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from pathlib import Path

from launcher.config.faults import shown_path
from launcher.errors import ConfigurationError

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
LARGEST_FILE = 1 << 20


def read_dotenv(file: Path) -> Mapping[str, str]:
    """The file's values, as they stand: ``$`` means nothing, since a secret may hold one.

    Empty where there is no file. Raises ConfigurationError with the lines that are no ``NAME=value``, never
    with what stands in them.
    """
    name = shown_path(file)
    try:
        raw = file.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ConfigurationError(
            f"{name} can't be read: {reason}.", "Look at its owner and permissions."
        ) from None
    if len(raw) > LARGEST_FILE:
        raise ConfigurationError(f"{name} is larger than {LARGEST_FILE >> 20} MiB.")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise ConfigurationError(f"{name}:{line}: not UTF-8 text.", "Save the file as UTF-8.") from None
    from dotenv.parser import parse_stream

    values: dict[str, str] = {}
    wrong: list[int] = []
    for binding in parse_stream(io.StringIO(text)):
        lines = binding.original.string
        line = binding.original.line + len(lines) - len(lines.lstrip("\r\n"))
        if binding.error or (binding.key is not None and not _NAME.fullmatch(binding.key)):
            wrong.append(line)
        elif binding.key is not None and binding.value is not None:
            values[binding.key] = binding.value
        elif binding.key is not None:
            wrong.append(line)
    if wrong:
        raise ConfigurationError(
            "\n".join(f"{name}:{line}: is not NAME=value." for line in wrong),
            "A value with quotes, blanks or several lines stands in quotes. What it says is never shown.",
        )
    return values
