"""Waiting for what another process or thread is about to do. A loaded machine makes each of them late."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any


def wait_for(what: Callable[[], Any], seconds: float = 120.0, text: str = "") -> Any:
    """What ``what`` returns as soon as that is true; fails when it isn't in time. Errors count as not yet."""
    deadline = time.monotonic() + seconds
    error: Exception | None = None
    while time.monotonic() < deadline:
        try:
            found = what()
            if found:
                return found
        except Exception as caught:  # noqa: BLE001 - of whatever kind, it may pass
            error = caught
        time.sleep(0.05)
    raise AssertionError(f"not within {seconds:g} s{': ' + text if text else ''} (last error: {error!r})")
