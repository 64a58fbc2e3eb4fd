"""A web server for builds: an index with a password, a proxy, and whatever foreign code calls, in one."""

from __future__ import annotations

import base64
import contextlib
import io
import re
import threading
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import docker

from tests.containers.folder import bridge_address

USER, PASSWORD = "reader", "hunter2-of-the-index"


def wheel(name: str, version: str = "1.0", requires: Sequence[str] = (), **modules: str) -> bytes:
    """The smallest wheel: a module of its name, and others."""
    packed = io.BytesIO()
    info = f"{name}-{version}.dist-info"
    told = [f"Name: {name}", f"Version: {version}", *(f"Requires-Dist: {text}" for text in requires)]
    code = {name: "VALUE = 1\n", **modules}
    files = {
        **{f"{module}.py": text for module, text in code.items()},
        f"{info}/METADATA": "\n".join(["Metadata-Version: 2.1", *told]) + "\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    with zipfile.ZipFile(packed, "w") as archive:
        for file, text in files.items():
            archive.writestr(file, text)
        archive.writestr(f"{info}/RECORD", "".join(f"{file},,\n" for file in [*files, f"{info}/RECORD"]))
    return packed.getvalue()


@dataclass
class Server:
    """What it has, and what it was asked for. ``private`` asks for the password, ``open`` for none."""

    address: str = ""
    private: dict[str, bytes] = field(default_factory=dict)
    open: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    shown: list[str] = field(default_factory=list)
    """What of it was asked for with a user and a password, whatever they were."""
    foreign: dict[str, bytes] = field(default_factory=dict)
    """Files that are found by the end of any address that is neither index's."""

    @property
    def private_index(self) -> str:
        return f"http://{USER}:{PASSWORD}@{self.address}/private/simple"

    @property
    def open_index(self) -> str:
        return f"http://{self.address}/open/simple"

    def answer(self, path: str) -> bytes | None:
        """The file at an address, or an index's page."""
        side, _, rest = path.lstrip("/").partition("/")
        files = {"private": self.private, "open": self.open}.get(side)
        if files is None:
            return self.foreign.get(path.partition("?")[0].rpartition("/")[2])
        page = re.fullmatch(r"simple/([a-z0-9-]+)/", rest)
        if page is None:
            return files.get(rest.partition("?")[0])
        names = [name for name in files if name.startswith(page[1] + "-")]
        return "".join(f'<a href="/{side}/{name}">{name}</a>' for name in names).encode() or None


@contextlib.contextmanager
def serving(client: docker.DockerClient) -> Iterator[Server]:
    """The server, where builds reach it."""
    here = Server()
    expected = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            here.asked.append(self.path)
            if self.headers.get("Authorization"):
                here.shown.append(self.path)
            path = re.sub(r"^http://[^/]+", "", self.path)  # as a proxy is asked
            if path.startswith("/private/") and self.headers.get("Authorization") != expected:
                self.send_response(401)
                self.send_header("WWW-Authenticate", "Basic")
                self.end_headers()
                return
            body = here.answer(path)
            self.send_response(404 if body is None else 200)
            self.send_header("Content-Type", "text/html" if path.endswith("/") else "application/zip")
            self.send_header("Content-Length", str(len(body or b"")))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body or b"")

        do_HEAD = do_GET

        def log_message(self, format: str, *args: object) -> None:
            pass

    gateway = bridge_address(client)
    with ThreadingHTTPServer((gateway, 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        here.address = f"{gateway}:{server.server_address[1]}"
        yield here
        server.shutdown()
