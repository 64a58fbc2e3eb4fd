"""A way to the API server that can be cut: what a network does to a launcher, on any cluster."""

from __future__ import annotations

import contextlib
import socket
import threading
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml


class Proxy:
    """Hands on connections to the API server until told not to. ``kubeconfig`` leads through it."""

    def __init__(self, kubeconfig: Path, folder: Path) -> None:
        document: dict[str, Any] = yaml.safe_load(kubeconfig.read_text())
        cluster = document["clusters"][0]["cluster"]
        there = urlsplit(cluster["server"])
        self._target = (str(there.hostname), there.port or 443)
        self._open: set[socket.socket] = set()
        self._down = False
        self._listener = socket.create_server(("127.0.0.1", 0))
        cluster["server"] = f"https://127.0.0.1:{self._listener.getsockname()[1]}"
        cluster["tls-server-name"] = str(there.hostname)
        self.kubeconfig = folder / "through-a-proxy"
        self.kubeconfig.write_text(yaml.safe_dump(document))
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """End every connection that is open."""
        for connection in list(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def down(self) -> None:
        """The server is gone: no connection stays, none is made."""
        self._down = True
        self.cut()

    def up(self) -> None:
        self._down = False

    def close(self) -> None:
        self.down()
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                here, _ = self._listener.accept()
            except OSError:
                return
            if self._down:
                here.close()
                continue
            there = socket.create_connection(self._target)
            for one, other in ((here, there), (there, here)):
                self._open.add(one)
                threading.Thread(target=self._copy, args=(one, other), daemon=True).start()

    def _copy(self, one: socket.socket, other: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := one.recv(1 << 16):
                other.sendall(data)
        for connection in (one, other):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self._open.discard(one)
