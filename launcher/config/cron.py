"""Cron expressions: the five fields and the words that Kubernetes and crontab both take. Pure.

Stricter than either reader: no seconds, no time zone, and Sunday is 0 (crontab knows 7, Kubernetes doesn't).
"""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache

from launcher.errors import did_you_mean

WORDS = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
"""Words that stand for five fields."""
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_FIELDS: tuple[tuple[str, int, int, tuple[str, ...]], ...] = (
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day of the month", 1, 31, ()),
    ("month", 1, 12, _MONTHS),
    ("day of the week", 0, 6, _DAYS),
)
_HASHED = re.compile(r"H(\((?P<first>[0-9]+)-(?P<last>[0-9]+)\))?(/(?P<step>[0-9]+))?\Z")
"""Instead of a number: one that follows from the source's name, as in Jenkins."""
_LAST_DAY = 28
"""The last day of the month that ``H`` can stand for, because every month has it."""
_PART = re.compile(r"(?P<first>\*|[a-z0-9]+)(-(?P<last>[a-z0-9]+))?(/(?P<step>[0-9]+))?\Z")


@lru_cache(maxsize=256)
def fault(expression: str) -> str:
    """Why this is not a cron expression; empty where it is one."""
    text = " ".join(expression.split())
    if text.startswith("@"):
        return "" if text in WORDS else f"'{text}' is none of {', '.join(WORDS)}{did_you_mean(text, WORDS)}"
    fields = text.split(" ") if text else []
    if len(fields) != 5:
        return f"it has {len(fields)} fields, not 5"
    for value, (name, low, high, words) in zip(fields, _FIELDS, strict=True):
        for part in value.split(","):
            hashed = _HASHED.match(part)
            found = _hash_fault(hashed, low, high) if hashed else _fault(part.lower(), low, high, words)
            if found:
                return f"{name} '{value}': {found}"
    return ""


def spread(expression: str, name: str) -> str:
    """The expression with numbers for ``H``, which depend on ``name`` alone and differ between names."""
    fields = expression.split()
    if len(fields) != len(_FIELDS):
        return expression.strip()
    number = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")
    made = []
    for value, (_, low, high, _) in zip(fields, _FIELDS, strict=True):
        parts = (_numbered(part, number, low, high) for part in value.split(","))
        made.append(",".join(parts))
        number //= high - low + 1
    return " ".join(made)


def _numbered(part: str, number: int, low: int, high: int) -> str:
    match = _HASHED.match(part)
    if match is None:
        return part
    last = _LAST_DAY if (low, high) == (1, 31) else high
    first, last = (low, last) if match["first"] is None else (int(match["first"]), int(match["last"]))
    if match["step"] is None:
        return str(first + number % (last - first + 1))
    step = int(match["step"])
    begin = first + number % min(step, last - first + 1)
    return f"{begin}-{last}/{step}" if begin + step <= last else str(begin)


def _hash_fault(match: re.Match[str], low: int, high: int) -> str:
    if match["step"] is not None and int(match["step"]) == 0:
        return "a step must not be 0"
    return "" if match["first"] is None else _fault(f"{match['first']}-{match['last']}", low, high, ())


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
