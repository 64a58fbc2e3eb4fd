"""Writes to a pipe whose reader may be slow or gone, without waiting for it."""

from __future__ import annotations

import os
import select

_BUFFER_LIMIT = 1 << 18
_ATOMIC = select.PIPE_BUF
"""A pipe that is ready takes this many bytes without blocking."""


class Output:
    """A descriptor that is written to without ever waiting for its reader."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.broken = False
        self._held = bytearray()

    def add(self, data: bytes) -> None:
        """Takes bytes to be written later."""
        if not self.broken:
            self._held += data

    @property
    def waiting(self) -> bool:
        """Whether there is something to write."""
        return bool(self._held) and not self.broken

    @property
    def full(self) -> bool:
        """Whether what feeds it should not be read for now."""
        return len(self._held) > _BUFFER_LIMIT and not self.broken

    def write(self) -> None:
        """Writes a piece that a pipe which poll reports as ready takes. A reader that is gone is no error."""
        try:
            written = os.write(self.descriptor, self._held[:_ATOMIC])
        except BlockingIOError:
            return
        except OSError:
            self.broken = True
            self._held.clear()
            return
        del self._held[:written]
