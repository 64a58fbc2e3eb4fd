"""Cron expressions: the five fields and the words that Kubernetes and crontab both take. Pure.

Stricter than either reader: no seconds, no time zone, and Sunday is 0 (crontab knows 7, Kubernetes doesn't).
"""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache

from launcher.errors import near_miss

WORDS = ("@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly")
HASHED = "H"
"""As a minute or an hour: a number that follows from the source's name."""
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_FIELDS: tuple[tuple[str, int, int, tuple[str, ...]], ...] = (
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day of the month", 1, 31, ()),
    ("month", 1, 12, _MONTHS),
    ("day of the week", 0, 6, _DAYS),
)
_PART = re.compile(r"(?P<first>\*|[a-z0-9]+)(-(?P<last>[a-z0-9]+))?(/(?P<step>[0-9]+))?\Z")


@lru_cache(maxsize=256)
def fault(expression: str) -> str:
    """Why this is not a cron expression; empty where it is one."""
    text = " ".join(expression.split())
    if text.startswith("@"):
        return "" if text in WORDS else f"'{text}' is none of {', '.join(WORDS)}{near_miss(text, WORDS)}"
    fields = text.split(" ") if text else []
    if len(fields) != 5:
        return f"it has {len(fields)} fields, not 5"
    for value, (name, low, high, words) in zip(fields, _FIELDS, strict=True):
        if value == HASHED and name in ("minute", "hour"):
            continue
        for part in value.lower().split(","):
            found = _fault(part, low, high, words)
            if found:
                return f"{name} '{value}': {found}"
    return ""


def spread(expression: str, name: str) -> str:
    """The expression with numbers for ``H``, always the same ones for a name, and others for other names."""
    number = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")
    minute, hour, *rest = expression.split() if len(expression.split()) == 5 else (expression.strip(), "")
    if minute == HASHED:
        minute = str(number % 60)
    if hour == HASHED:
        hour = str(number // 60 % 24)
    return " ".join(filter(None, (minute, hour, *rest)))


def _fault(part: str, low: int, high: int, words: tuple[str, ...]) -> str:
    match = _PART.match(part)
    if match is None:
        return f"'{part}' is not a number, range or step"
    first, last, step = match["first"], match["last"], match["step"]
    if first == "*" and last is not None:
        return f"'{part}' is not a range"
    if step is not None and int(step) == 0:
        return "a step must not be 0"
    numbers = []
    for text in (first, last):
        if text is None or text == "*":
            continue
        number = low + words.index(text) if text in words else int(text) if text.isdigit() else None
        if number is None or not low <= number <= high:
            return f"'{text}' is not from {low} to {high}"
        numbers.append(number)
    if step is not None and first != "*" and last is None:
        # Kubernetes takes it, and cron refuses the whole crontab for it.
        return f"'{part}' has a step without a range, which cron refuses: write '{first}-{high}/{step}'"
    if len(numbers) == 2 and numbers[0] > numbers[1]:
        return f"'{part}' ends before it begins"
    return ""
