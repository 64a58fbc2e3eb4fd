"""When and after how long a run is tried again. Pure."""

from __future__ import annotations

from collections.abc import Callable

FIRST_SECONDS = 2.0
LONGEST_SECONDS = 120.0


def delay(attempt: int, random: Callable[[], float]) -> float:
    """Seconds to wait after failed attempt number ``attempt``, the first being 1.

    Exponential, at most ``LONGEST_SECONDS``, with jitter over its upper half so that a fleet that
    failed together doesn't come back together. ``random`` gives numbers from 0 to 1.
    """
    whole = min(FIRST_SECONDS * 2.0 ** (attempt - 1), LONGEST_SECONDS)
    return whole / 2 + whole / 2 * random()
