"""A stand-in for an engine, which the SDK talks to."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import docker

Answer = tuple[int, Mapping[str, Any]]
"""A status of HTTP and a JSON object."""


@contextlib.contextmanager
def engine(answer: Callable[[str], Answer]) -> Iterator[docker.DockerClient]:
    """A client of an engine that answers each GET by its path, without the version of the API."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            code, body = answer(self.path.removeprefix("/v1.41"))
            told = json.dumps(body).encode()
            self.send_response(code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(told)))
            self.end_headers()
            self.wfile.write(told)

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        client = docker.DockerClient(base_url=f"tcp://127.0.0.1:{server.server_port}", version="1.41")
        with contextlib.closing(client):
            yield client
        server.shutdown()
