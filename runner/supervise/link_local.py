"""Closes link-local addresses, and a few other metadata addresses of clouds, to this network namespace.

At ``169.254.169.254`` a cloud tells whoever asks the machine's own credentials. The launcher runs this file
in a job's container, with privileges, before it sends the job: no code but dltpod's has run there yet.

    python -I -S link_local.py NETWORK...

It adds rules of the routing policy (``ip rule``; rtnetlink(7), linux/fib_rules.h), so the image needs no
program for it. Port 53 stays open: some clouds have their name server at that address. It says `closed`;
where the kernel can't do it, why, with exit code 1.
"""

from __future__ import annotations

import ipaddress
import os
import socket
import struct
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    _Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_OPEN_PORT = 53

# linux/rtnetlink.h, linux/netlink.h, linux/fib_rules.h
_RTM_NEWRULE = 32
_FLAGS = 0x1 | 0x4 | 0x200 | 0x400  # request, acknowledge, exclusive, create
_NLMSG_ERROR = 2
_FRA_DST, _FRA_PRIORITY, _FRA_IP_PROTO, _FRA_DPORT_RANGE = 1, 6, 22, 24
_TO_TABLE, _UNREACHABLE = 1, 7
_MAIN_TABLE = 254
_OPEN_PRIORITY, _CLOSED_PRIORITY = 100, 101


def messages(network: _Network) -> list[bytes]:
    """The netlink messages that close one network: two that leave its name servers open, one for the rest."""
    port = struct.pack("=HH", _OPEN_PORT, _OPEN_PORT)
    opened = [
        _rule(network, _TO_TABLE, _OPEN_PRIORITY, {_FRA_IP_PROTO: bytes([protocol]), _FRA_DPORT_RANGE: port})
        for protocol in (socket.IPPROTO_UDP, socket.IPPROTO_TCP)
    ]
    return [*opened, _rule(network, _UNREACHABLE, _CLOSED_PRIORITY, {})]


def _rule(network: _Network, action: int, priority: int, more: dict[int, bytes]) -> bytes:
    table = _MAIN_TABLE if action == _TO_TABLE else 0
    body = struct.pack("=BBBBBBBBI", _family(network), network.prefixlen, 0, 0, table, 0, 0, action, 0)
    values = {
        _FRA_DST: network.network_address.packed,
        _FRA_PRIORITY: struct.pack("=I", priority),
        **more,
    }
    for kind, value in values.items():
        attribute = struct.pack("=HH", 4 + len(value), kind) + value
        body += attribute + bytes(-len(attribute) % 4)
    return struct.pack("=IHHII", 16 + len(body), _RTM_NEWRULE, _FLAGS, 0, 0) + body


def close(networks: Iterable[_Network]) -> None:
    """Adds the rules and tries whether they hold. Raises OSError where they don't."""
    six = os.path.exists("/proc/net/if_inet6")  # noqa: PTH110 - starts faster than pathlib
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as kernel:
        for network in networks:
            if network.version == 6 and not six:
                continue
            for message in messages(network):
                kernel.send(message)
                answer = kernel.recv(4096)
                (kind,) = struct.unpack_from("=H", answer, 4)
                (error,) = struct.unpack_from("=i", answer, 16)
                if kind != _NLMSG_ERROR or error:
                    raise OSError(-error, f"no rule for {network}: {os.strerror(-error)}")
            _must_be_closed(network)


def _must_be_closed(network: _Network) -> None:
    """Kernels before 4.17 ignore the port of a rule, and would leave all of it open."""
    with socket.socket(_family(network), socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((str(network[network.num_addresses // 2]), 80))
        except OSError:
            return
    raise OSError(0, f"{network} can be reached in spite of its rule")


def _family(network: _Network) -> socket.AddressFamily:
    return socket.AF_INET if network.version == 4 else socket.AF_INET6


if __name__ == "__main__":
    try:
        close(ipaddress.ip_network(text) for text in sys.argv[1:])
    except OSError as error:
        sys.exit(f"{error.strerror or error}")
    sys.stdout.write("closed\n")
