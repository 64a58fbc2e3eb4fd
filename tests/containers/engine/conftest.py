"""A way to the engine that can be cut."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from launcher.host.docker_engine import find_endpoint


class EngineProxy:
    """Passes every connection on to the engine, until ``cut`` breaks those that there are."""

    def __init__(self, path: Path, target: str) -> None:
        self._target = target
        self._open: set[socket.socket] = set()
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(path))
        self._listener.listen(64)
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            far = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            far.connect(self._target)
            self._open |= {near, far}
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=self._pump, args=(source, sink), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)

    def cut(self) -> None:
        """Break every connection that is open now."""
        for connection in tuple(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self._open.clear()

    def close(self) -> None:
        self._listener.close()
        self.cut()


@pytest.fixture
def engine_proxy(monkeypatch: pytest.MonkeyPatch) -> Iterator[EngineProxy]:
    """The engine behind a proxy: whatever connects from here on goes through it."""
    target = find_endpoint(os.environ).host.removeprefix("unix://")
    folder = Path(tempfile.mkdtemp(prefix="dltpod-test-"))
    proxy = EngineProxy(folder / "docker.sock", target)
    monkeypatch.setenv("DOCKER_HOST", f"unix://{folder / 'docker.sock'}")
    yield proxy
    proxy.close()
    shutil.rmtree(folder)
