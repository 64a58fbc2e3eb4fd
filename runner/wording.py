"""The words of others as people are told them: without secrets, on one line, of bounded length.

In that order: in a text that was spaced anew or cut, a secret is no longer found.
"""

from __future__ import annotations

from collections.abc import Callable

LONGEST_TEXT = 400
"""Characters of an exception's own words that are told."""

_mask: Callable[[str], str] = str


def mask_with(mask: Callable[[str], str]) -> None:
    """Sets what takes secrets out of a text, for this process and from now on."""
    global _mask
    _mask = mask


def masked(text: object) -> str:
    """Text without secrets."""
    return _mask(str(text))


def one_line(text: object, limit: int = LONGEST_TEXT) -> str:
    """Text without secrets, as one line of at most ``limit`` characters."""
    line = " ".join(masked(text).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"
