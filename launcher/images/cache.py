"""What this host remembers of images: their last use, and who builds one now."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping

from launcher.host.cache import cache_folder


def note_use(reference: str, environ: Mapping[str, str]) -> None:
    """Notes that an image was used just now, for ``dltpod gc``; where it can't, it doesn't."""
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
            say("another dltpod is building the same environment: waiting for it")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
