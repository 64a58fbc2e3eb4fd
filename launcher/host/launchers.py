"""Which launchers are alive: each holds the lock of a file of its own, which dies with it.

A process id may be used again; a held lock is certain. A launcher of another machine, or of another copy of
the project, can't be asked: the answer is None.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import secrets
import socket
from collections.abc import Callable
from pathlib import Path

Alive = Callable[[str], "bool | None"]
"""Whether the launcher of that identity lives; None where it can't be known."""

_UNNAMED = "."
"""Begins the name of a file whose launcher doesn't hold its lock yet."""


def unknown(identity: str) -> bool | None:
    """For callers that neither list nor clear what runs on an engine."""
    return None


class Launchers:
    """This launcher's identity, and the test whether another one is alive.

    ``folder`` is ``.dltpod``. Use it as a context manager: inside, ``id`` is held.
    Raises OSError where the folder can't be written.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "launchers"
        place = f"{socket.gethostname()}:{folder.resolve()}"
        self._place = hashlib.sha256(place.encode()).hexdigest()[:10]
        self.id = f"{self._place}-{secrets.token_hex(6)}"
        self._descriptor: int | None = None

    def __enter__(self) -> Launchers:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        while self._descriptor is None:
            self._descriptor = self._appear()
        return self

    def _appear(self) -> int | None:
        """The descriptor of a new file, locked before it gets its name; None where another one cleared it."""
        unnamed = self._folder / f"{_UNNAMED}{self.id}"
        descriptor = os.open(unnamed, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            unnamed.rename(self._folder / self.id)
        except FileNotFoundError:
            # Another launcher took it for one that died here: it looked before the lock was held.
            os.close(descriptor)
            return None
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor

    def __exit__(self, *_: object) -> None:
        if self._descriptor is not None:
            (self._folder / self.id).unlink(missing_ok=True)
            os.close(self._descriptor)
            self._descriptor = None

    def alive(self, identity: str) -> bool | None:
        """Whether that launcher lives; None where it can't be known from here."""
        if identity == self.id:
            return self._descriptor is not None
        if identity.partition("-")[0] != self._place or "/" in identity:
            return None
        return _held(self._folder / identity)

    def clear(self) -> None:
        """Remove the files of launchers that died."""
        if not self._folder.is_dir():
            return
        for file in self._folder.iterdir():
            if self.alive(file.name.removeprefix(_UNNAMED)) is False and _held(file) is False:
                with contextlib.suppress(OSError):
                    file.unlink()


def _held(file: Path) -> bool | None:
    """Whether a process holds the file's lock; None where that can't be known."""
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return False
    except OSError:
        return None  # another user's
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False
