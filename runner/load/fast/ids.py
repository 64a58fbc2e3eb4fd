"""dlt's row ids, in bulk and without detours; ``tests/pipeline/test_fast.py`` compares them with dlt's
own."""

from __future__ import annotations

import binascii
import secrets
from collections.abc import Sequence
from hashlib import shake_128


def random_ids(count: int, size: int) -> list[str]:
    """As many random ids of ``size`` bytes in base64, without padding, as dlt's ``generate_dlt_ids``
    makes."""
    return _texts(bytearray(secrets.token_bytes(count * _stride(size))), count, size)


def digests(texts: Sequence[str], size: int) -> list[str]:
    """``digest`` of each text."""
    stride = _stride(size)  # the first bytes of a longer one are the same
    raw = b"".join([shake_128(text.encode(), usedforsecurity=False).digest(stride) for text in texts])
    return _texts(bytearray(raw), len(texts), size)


def _stride(size: int) -> int:
    """The bytes that an id takes where base64 begins anew for each."""
    return -(-size // 3) * 3


def _texts(raw: bytearray, count: int, size: int) -> list[str]:
    stride = _stride(size)
    for at in range(size, stride):
        raw[at::stride] = bytes(count)
    text = binascii.b2a_base64(raw, newline=False).decode("ascii")
    width, kept = stride // 3 * 4, -(-size * 8 // 6)
    return [text[at : at + kept] for at in range(0, count * width, width)]


def digest(text: str, size: int) -> str:
    """dlt's ``digest128``: SHAKE-128 of the text, ``size`` bytes in base64, without padding."""
    made = shake_128(text.encode(), usedforsecurity=False).digest(size)
    return binascii.b2a_base64(made, newline=False).decode("ascii").rstrip("=")
