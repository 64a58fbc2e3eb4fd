"""Sources that try what they can reach, and servers of this host for them to reach."""

from __future__ import annotations

import contextlib
import http.server
import json
import socket
import socketserver
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from launcher.runs.history import RunRecord
from tests.containers.folder import Folder

PROBE = Path(__file__).with_name("network_probe.py").read_text()
"""The module that a test puts into ``custom_sources/``."""
NO_RIGHTS = {"0000000000000000"}
"""The sets of capabilities of a process that has none, as ``/proc`` writes them."""


def probed(
    project: Folder, places: Sequence[tuple[str, int]] = (), **entry: Any
) -> tuple[dict[str, Any], RunRecord]:
    """What a source that tries the places sees, and its run.

    ``datagrams``, ``devices`` and ``servers`` are the probe's; what else is given belongs to the entry.
    """
    project.code("probe", PROBE)
    tries = {name: entry.pop(name, ()) for name in ("datagrams", "devices", "servers")}
    project.source("probe", "probe", "probe", {"places": places, **tries}, **entry)
    record = project.must("probe", full_refresh=True)
    return seen_by_probe(project), record


def seen_by_probe(project: Folder) -> dict[str, Any]:
    """What the source ``probe`` has loaded."""
    ((text,),) = project.rows("SELECT seen FROM raw_probe.probe")
    found: dict[str, Any] = json.loads(text)
    return found


@contextlib.contextmanager
def greeting(address: str) -> Iterator[int]:
    """The port of a server of this host that answers connections and datagrams."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET

    class Get(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *arguments: Any) -> None:
            pass

    class Datagram(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request[1].sendto(b"answered", self.client_address)

    class Connections(http.server.ThreadingHTTPServer):
        address_family = family

    class Datagrams(socketserver.UDPServer):
        address_family = family

    with Connections((address, 0), Get) as server:
        port = server.server_address[1]
        with Datagrams((address, port), Datagram) as datagrams:
            for one in (server, datagrams):
                threading.Thread(target=one.serve_forever, daemon=True).start()
            yield port
            server.shutdown()
            datagrams.shutdown()
