"""HTTPS stand-ins for services on the internet: one server of this machine, under their host names."""

from __future__ import annotations

import base64
import contextlib
import json
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True)
class Request:
    """What a client asks for. Names of headers are in lower case."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: str = ""

    @property
    def form(self) -> dict[str, str]:
        """The body as a form's fields."""
        return dict(parse_qsl(self.body))

    @property
    def login(self) -> tuple[str, str]:
        """User and password of basic authentication, or empty texts."""
        scheme, _, value = self.headers.get("authorization", "").partition(" ")
        if scheme != "Basic":
            return "", ""
        user, _, password = base64.b64decode(value).decode().partition(":")
        return user, password


@dataclass(frozen=True)
class Answer:
    """What comes back: ``body`` as JSON."""

    body: Any
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


TOO_MANY = Answer({"error": {"message": "too many requests"}}, 429, {"Retry-After": "1"})
BROKEN = Answer({"error": {"message": "internal error"}}, 500)


@dataclass
class Site:
    """One service. ``faults`` are given instead of its answers: by the number of the request, from 1."""

    host: str
    answer: Callable[[Request], Answer]
    faults: dict[int, Answer] = field(default_factory=dict)
    seen: list[Request] = field(default_factory=list)
    given: list[Answer] = field(default_factory=list)
    """What went out to clients, whole."""

    def take(self, request: Request) -> Answer:
        self.seen.append(request)
        return self.faults.pop(len(self.seen), None) or self.answer(request)

    def forget(self) -> None:
        """The numbers of requests begin anew."""
        self.seen.clear()
        self.given.clear()
        self.faults.clear()

    def trouble(self) -> list[int]:
        """The statuses of all answers so far that were no success."""
        return [answer.status for answer in self.given if answer.status >= 400]


@dataclass(frozen=True)
class Authority:
    """A certificate authority of the tests' own."""

    certificate: Path
    server: Path
    """Key and certificate of a server, signed by it, in one file."""


def authority(folder: Path, hosts: Sequence[str]) -> Authority:
    """Makes an authority, and a certificate for the hosts, with openssl."""

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], check=True, capture_output=True, cwd=folder)

    new = ("req", "-newkey", "rsa:2048", "-nodes", "-sha256")
    usage = ("-addext", "keyUsage=critical,keyCertSign,cRLSign")
    openssl(
        *new, "-x509", "-days", "2", "-subj", "/CN=tests' own", "-keyout", "ca.key", "-out", "ca.crt", *usage
    )
    openssl(*new, "-subj", "/CN=stand-in", "-keyout", "server.key", "-out", "server.csr")
    (folder / "server.ext").write_text("subjectAltName=" + ",".join(f"DNS:{host}" for host in hosts))
    signed = ("-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "server.ext")
    openssl("x509", "-req", "-in", "server.csr", "-out", "server.crt", *signed)
    (folder / "server.pem").write_text(
        (folder / "server.key").read_text() + (folder / "server.crt").read_text()
    )
    return Authority(folder / "ca.crt", folder / "server.pem")


@contextlib.contextmanager
def serving(sites: Sequence[Site], address: str = "127.0.0.1", pem: Path | None = None) -> Iterator[int]:
    """The port of a server that is all the sites, by the host that is asked for; TLS with ``pem``.

    Without TLS (tests that need no container) a client names the site by its address: the first one.
    """
    by_host = {site.host: site for site in sites}

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self) -> None:
            size = int(self.headers.get("Content-Length") or 0)
            parts = urlsplit(self.path)
            request = Request(
                self.command,
                parts.path,
                dict(parse_qsl(parts.query, keep_blank_values=True)),
                {name.lower(): value for name, value in self.headers.items()},
                self.rfile.read(size).decode(),
            )
            host = self.headers.get("Host", "").partition(":")[0]
            site = by_host.get(host) if pem else sites[0]
            answer = site.take(request) if site else Answer({"error": f"no site {host}"}, 421)
            body = json.dumps(answer.body).encode()
            self.send_response(answer.status)
            for name, value in {"Content-Type": "application/json", **answer.headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            if site:
                site.given.append(answer)

        do_GET = do_POST = handle_any

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            pass  # a client that is gone

    with Server((address, 0), Handler) as server:
        if pem:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(pem)
            server.socket = context.wrap_socket(
                server.socket, server_side=True, do_handshake_on_connect=False
            )
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()
