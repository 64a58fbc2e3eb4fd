"""TCP ports for servers that can't choose one themselves."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def held_port() -> Iterator[int]:
    """A port of this host that nobody else is given meanwhile.

    Nothing listens at it, until a server that binds with SO_REUSEADDR is told to: it can while this holds it.
    """
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind(("0.0.0.0", 0))
        yield int(holder.getsockname()[1])
