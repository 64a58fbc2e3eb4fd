"""Files on this host: texts that are replaced in one step, and the cache that all projects share, with the
last use of each image and the lock of each build.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from launcher.host.rights import acting_owner


def cache_folder(environ: Mapping[str, str]) -> Path:
    """``~/.cache/dltpod``, by the XDG Base Directory Specification; the owner's where root acts for one."""
    if (owner := acting_owner()) is not None:
        with contextlib.suppress(OSError):
            owner.home.mkdir(mode=0o700, exist_ok=True)  # it may be .dltpod
        return owner.home / ".cache" / "dltpod"
    base = environ.get("XDG_CACHE_HOME") or ""
    root = Path(base) if base.startswith("/") else Path(environ.get("HOME") or Path.home()) / ".cache"
    return root / "dltpod"


def write_atomic(file: Path, text: str, *, mode: int | None = None) -> None:
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


def note_use(reference: str, environ: Mapping[str, str]) -> None:
    """Notes for ``dltpod gc`` that an image was used just now. A failure is ignored."""
    with contextlib.suppress(OSError):
        folder = cache_folder(environ) / "used"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / reference.rpartition(":")[2]).touch()


def last_use(reference: str, environ: Mapping[str, str]) -> float | None:
    """When an image was last used on this host, in seconds since the epoch; its registry does not matter."""
    try:
        return (cache_folder(environ) / "used" / reference.rpartition(":")[2]).stat().st_mtime
    except OSError:
        return None


@contextlib.contextmanager
def build_lock(digest: str, environ: Mapping[str, str], say: Callable[[str], None]) -> Iterator[None]:
    """One launcher builds an environment, others wait. The lock goes with its holder, however that ends."""
    import fcntl

    folder = cache_folder(environ) / "builds"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{digest}.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("the same environment is being built already: waiting for it")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
