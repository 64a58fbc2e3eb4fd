"""A source that tries what it can reach. Tests copy this file into ``custom_sources/``."""

import json
import socket
import struct
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

_HELLO = b"GET / HTTP/1.0\r\n\r\n"
_IP_PKTINFO, _IP_UNICAST_IF, _IPV6_UNICAST_IF = 8, 50, 76  # linux/in.h, linux/in6.h
# What is x.example.com?
_QUESTION = bytes.fromhex("1234010000010000000000000178076578616d706c6503636f6d0000010001")


def probe(
    places: Sequence[Any] = (),
    datagrams: Sequence[Any] = (),
    devices: Sequence[Any] = (),
    servers: Sequence[Any] = (),
) -> Iterator[dict[str, str]]:
    """What comes of connections, of datagrams, of both by each way to name a device, and of name servers."""
    seen: dict[str, Any] = {f"{host}:{port}": _tried(_connect, host, port) for host, port in places}
    seen |= {f"{host}/{port}": _tried(_ask, host, port) for host, port in datagrams}
    seen |= {f"{host}%{port}": _by_device(host, port) for host, port in devices}
    seen |= {f"dns {server}": _tried(_look_up, server) for server in servers}
    with Path("/proc/self/status").open() as status:
        seen["capabilities"] = [line.split()[1] for line in status if line.startswith("Cap")]
    yield {"seen": json.dumps(seen)}


def serve(port: int, seconds: float) -> Iterator[dict[str, str]]:
    """Listens until somebody comes."""
    with socket.create_server(("0.0.0.0", port)) as server:
        sys.stdout.write("listens\n")
        sys.stdout.flush()
        server.settimeout(seconds)
        try:
            server.accept()
            yield {"met": "somebody"}
        except OSError:
            yield {"met": "nobody"}


def _tried(act: Callable[..., str], *arguments: Any) -> str:
    try:
        return act(*arguments)
    except OSError as error:
        return f"{type(error).__name__} {error.errno}"


def _connect(host: str, port: int) -> str:
    with socket.create_connection((host, port), 5) as connection:
        connection.sendall(_HELLO)
        return "reached" if connection.recv(10) else "closed"


def _ask(host: str, port: int) -> str:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as connection:
        connection.settimeout(3)
        connection.sendto(b"?", (host, port))
        return connection.recv(512).decode()


def _look_up(server: str) -> str:
    """Whether a name server of the source's own choice answers."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as connection:
        connection.settimeout(2)
        connection.sendto(_QUESTION, (server, 53))
        return "answered" if connection.recv(512) else ""


def _by_device(host: str, port: int) -> dict[str, str]:
    """Each way to say by which device it is to go, whatever the routes say."""
    index, device = next((i, name) for i, name in socket.if_nameindex() if name != "lo")
    to: tuple[Any, ...] = (host, port)
    family, level, wish, info = socket.AF_INET, socket.IPPROTO_IP, _IP_UNICAST_IF, _IP_PKTINFO
    packed = struct.pack("=I8x", index)
    if ":" in host:
        to = (host, port, 0, index)
        family, level, wish, info = (
            socket.AF_INET6,
            socket.IPPROTO_IPV6,
            _IPV6_UNICAST_IF,
            socket.IPV6_PKTINFO,
        )
        packed = struct.pack("=16xI", index)
    bound = (socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device.encode())
    wished = (level, wish, struct.pack("!I", index))

    def connect(option: tuple[int, int, bytes], own: str = "") -> str:
        with socket.socket(family, socket.SOCK_STREAM) as connection:
            connection.settimeout(2)
            connection.setsockopt(*option)
            if own:
                connection.bind((own, 0))
            connection.connect(to)
            connection.sendall(_HELLO)
            return "reached" if connection.recv(10) else "closed"

    def send(option: "tuple[int, int, bytes] | None" = None) -> str:
        with socket.socket(family, socket.SOCK_DGRAM) as connection:
            connection.settimeout(2)
            if option is not None:
                connection.setsockopt(*option)
            told = [(level, info, packed)] if option is None else []
            connection.sendmsg([b"?"], told, 0, to)
            return connection.recv(512).decode()

    own = "" if ":" in host else socket.gethostbyname(socket.gethostname())
    return {
        "bound": _tried(connect, bound),
        "bound to an address too": _tried(connect, bound, own),
        "wished": _tried(connect, wished),
        "datagram, bound": _tried(send, bound),
        "datagram, wished": _tried(send, wished),
        "datagram, told": _tried(send),
    }
