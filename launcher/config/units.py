"""Sizes and durations as people write them.

Sizes are read as Docker reads them: ``2g`` and ``2Gi`` are both 2 x 2^30 bytes, ``512m`` is 512 x 2^20
(docker/go-units ``RAMInBytes``). Kubernetes reads ``512m`` as half a byte: its units are made elsewhere.
"""

from __future__ import annotations

import re

_SIZE = re.compile(r"(\d{1,12}(?:\.\d{1,6})?) ?(?:([kmgt])i?)?b?", re.IGNORECASE)
_FACTORS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}
_DURATION = re.compile(r"(?:(\d{1,6})d)?(?:(\d{1,6})h)?(?:(\d{1,7})m)?(?:(\d{1,8}(?:\.\d{1,3})?)s)?")
_SECONDS = (86400, 3600, 60, 1)


def parse_size(text: str) -> int:
    """Bytes, of ``512m``, ``2g``, ``2Gi``, ``1.5GB`` or a plain number of bytes. Raises ValueError."""
    found = _SIZE.fullmatch(text.strip())
    if found is None:
        raise ValueError("is not a size such as 512m, 2g or 2Gi")
    return int(float(found[1]) * _FACTORS[(found[2] or "").lower()])


def parse_duration(text: str) -> float:
    """Seconds, of ``90s``, ``30m``, ``1h30m`` or ``2d``. Raises ValueError, for zero too."""
    found = _DURATION.fullmatch(text.strip())
    seconds = sum(float(n) * s for n, s in zip(found.groups(), _SECONDS, strict=True) if n) if found else 0.0
    if seconds <= 0:
        raise ValueError("is not a duration such as 90s, 30m or 1h30m")
    return seconds


def size(value: int | None) -> str:
    """512 KiB, 1.4 MiB, 2.0 GiB, as ``memory: 2g`` counts; nothing for None."""
    if value is None:
        return ""
    amount = float(value)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if amount < 1023.5:
            whole = unit in ("B", "KiB") or amount >= 99.5
            return f"{amount:.0f} {unit}" if whole else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.1f} TiB"
