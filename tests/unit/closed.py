"""Files and folders that may not be read."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def closed(place: Path, mode: int = 0) -> Iterator[None]:
    """Within the block ``place`` has that mode, and root is nobody: permissions mean nothing to root."""
    caller, before = os.geteuid(), place.stat().st_mode
    place.chmod(mode)
    os.seteuid(caller or 65534)
    try:
        yield
    finally:
        os.seteuid(caller)
        place.chmod(before)
