"""dlt's row ids, in bulk and without detours; ``tests/pipeline/test_fast.py`` compares them with dlt's
own."""

from __future__ import annotations

import binascii
import hashlib
import secrets


def random_ids(count: int, size: int) -> list[str]:
    """As many random ids of ``size`` bytes in base64, without padding, as dlt's ``generate_dlt_ids``
    makes."""
    stride = -(-size // 3) * 3
    raw = bytearray(secrets.token_bytes(count * stride))
    for at in range(size, stride):
        raw[at::stride] = bytes(count)
    text = binascii.b2a_base64(raw, newline=False).decode("ascii")
    width, kept = stride // 3 * 4, -(-size * 8 // 6)
    return [text[at : at + kept] for at in range(0, count * width, width)]


def digest(text: str, size: int) -> str:
    """dlt's ``digest128``: SHAKE-128 of the text, ``size`` bytes in base64, without padding."""
    made = hashlib.shake_128(text.encode()).digest(size)
    return binascii.b2a_base64(made, newline=False).decode("ascii").rstrip("=")
