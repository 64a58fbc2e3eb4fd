"""Where dltpod keeps on this host what all projects share."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path

from launcher.host.rights import acting


def cache_folder(environ: Mapping[str, str]) -> Path:
    """``~/.cache/dltpod``, by the XDG Base Directory Specification; the owner's where root works as one."""
    if (owner := acting()) is not None:
        with contextlib.suppress(OSError):
            owner.home.mkdir(mode=0o700, exist_ok=True)  # it may be .dltpod
        return owner.home / ".cache" / "dltpod"
    base = environ.get("XDG_CACHE_HOME") or ""
    root = Path(base) if base.startswith("/") else Path(environ.get("HOME") or Path.home()) / ".cache"
    return root / "dltpod"
