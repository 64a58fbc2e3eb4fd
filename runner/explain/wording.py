"""Prepares texts for messages: without secrets, on one line, of bounded length.

Secrets are masked first, because in a text that was put on one line or cut they are no longer found.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable

LONGEST_TEXT = 400
"""Characters of an exception's message that are shown."""

_mask: Callable[[str], str] = str


def mask_with(mask: Callable[[str], str]) -> None:
    """Sets the function that masks secrets in a text, for this process from now on."""
    global _mask
    _mask = mask


def masked(text: object) -> str:
    """Text without secrets."""
    return _mask(str(text))


def one_line(text: object, limit: int = LONGEST_TEXT) -> str:
    """Text without secrets, as one line of at most ``limit`` characters."""
    line = " ".join(masked(text).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def near_misses(word: str, words: Iterable[str], count: int = 3) -> str:
    """The closest of ``words``, quoted and joined by 'or'; empty where none is close."""
    known = sorted(set(words))
    close = difflib.get_close_matches(word, known, n=count, cutoff=0.6)
    lower = {name.lower(): name for name in known}
    close += [lower[word.lower()]] if word.lower() in lower else []
    return " or ".join(f"'{name}'" for name in dict.fromkeys(close))


def counted(number: int, one: str) -> str:
    """``1 row``, ``2,000 rows``."""
    return f"{number:,} {one}{'' if number == 1 else 's'}"


def listed(words: list[str], most: int = 8) -> str:
    """A list of words for a sentence: the first ``most`` of them, and how many more there are."""
    rest = len(words) - most
    return ", ".join(words[:most]) + (f" and {rest} more" if rest > 0 else "")
