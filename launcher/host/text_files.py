"""Files that are written whole: who reads one sees the old text or the new one, never a part."""

from __future__ import annotations

import os
import threading
from pathlib import Path


def write_whole(file: Path, text: str, *, mode: int | None = None) -> None:
    """Replaces ``file`` by ``text``, as UTF-8, in one step (``rename(2)``).

    ``mode`` is the file's permissions; without it, the process' umask decides. Raises OSError, and leaves
    nothing of the new file then.
    """
    beside = file.with_name(f".{file.name}.{os.getpid()}.{threading.get_ident()}")
    try:
        beside.write_text(text, encoding="utf-8")
        if mode is not None:
            beside.chmod(mode)
        beside.replace(file)
    finally:
        beside.unlink(missing_ok=True)
