"""Closes link-local addresses, and a few other metadata addresses of clouds, to this network namespace.

At ``169.254.169.254`` a cloud tells whoever asks the machine's own credentials. The launcher runs this file's
text, with privileges, in a container whose network namespace jobs then join. It runs in the base image, so it
needs nothing but the standard library of any Python that dltpod knows. Images of Python bring no bytecode, so
whatever is imported here is compiled at each start, and every run waits for it: ``socket``, ``ipaddress`` and
``typing`` would take six times as long as the rest, so it uses what is built in.

    python3 -I -S -c TEXT NETWORK...

It adds rules of the routing policy (``ip rule``; rtnetlink(7), linux/fib_rules.h), so the image needs no
program for it. Port 53 stays open: some clouds have their name server at that address. It says `closed` and
holds the namespace until a byte arrives; where the kernel can't do it, it says why, with exit code 1.

A rule that refuses is not enough in IPv4. For a socket that names its device (SO_BINDTODEVICE, IP_PKTINFO,
IP_UNICAST_IF) the kernel takes an address without a route for a neighbour on that device. So for each device
a rule before leads to a table in which every address is this namespace's own: nothing leaves.
"""

from __future__ import annotations

import _socket
import errno
import os
import struct
import sys
import time

TYPE_CHECKING = False  # typing's own would have to be imported
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_OPEN_PORT = 53
_LAST_SECONDS = 15.0
"""How long it goes on where the launcher was killed, so its input ended: a job then ends within ten."""

# linux/netlink.h, linux/rtnetlink.h, linux/fib_rules.h
_NLMSG_ERROR = 2
_REQUEST, _ACKNOWLEDGE, _EXCLUSIVE, _CREATE, _APPEND = 0x1, 0x4, 0x200, 0x400, 0x800
_RTM_NEWROUTE, _RTM_GETROUTE, _RTM_NEWRULE = 24, 26, 32
_RTA_DST, _RTA_OIF = 1, 4
_RTN_LOCAL = 2
_RTPROT_STATIC, _RT_SCOPE_HOST = 4, 254
_FRA_DST, _FRA_PRIORITY, _FRA_OIFNAME, _FRA_IP_PROTO, _FRA_DPORT_RANGE = 1, 6, 17, 22, 24
_TO_TABLE, _UNREACHABLE = 1, 7
_MAIN_TABLE, _OWN_TABLE = 254, 101
_OPEN_PRIORITY, _OWN_PRIORITY, _CLOSED_PRIORITY = 100, 101, 102


class Network:
    """Addresses that begin alike, as ``ADDRESS/LENGTH`` writes them. Raises OSError for no address.

    ``address`` is packed, ``family`` one of AF_INET and AF_INET6, ``length`` in bits.
    """

    def __init__(self, text: str) -> None:
        address, _, length = text.partition("/")
        self.text, self.length = text, int(length)
        self.family = _socket.AF_INET6 if ":" in address else _socket.AF_INET
        self.address = _socket.inet_pton(self.family, address)

    def within(self) -> bytes:
        """An address of it, packed, which is not its first one where it has more."""
        bits = 8 * len(self.address)
        middle = 1 << (bits - self.length) >> 1
        return (int.from_bytes(self.address, "big") + middle).to_bytes(len(self.address), "big")


def close(networks: Iterable[Network]) -> None:
    """Adds the rules and asks the kernel whether they hold. Raises OSError where they don't."""
    devices = {index: name for index, name in _socket.if_nameindex() if name != "lo"}
    six = os.path.exists("/proc/net/if_inet6")  # noqa: PTH110 - starts faster than pathlib
    kernel = _socket.socket(_socket.AF_NETLINK, _socket.SOCK_RAW, 0)
    try:
        for index in devices:
            _ask(kernel, _own_addresses(index))
        for network in networks:
            if network.family == _socket.AF_INET6 and not six:
                continue
            for message in _rules(network, devices.values()):
                try:
                    _ask(kernel, message)
                except OSError as error:
                    raise OSError(error.errno, f"no rule for {network.text}: {error.strerror}") from None
            must_be_closed(kernel, network, devices)
    finally:
        kernel.close()


def must_be_closed(kernel: _socket.socket, network: Network, devices: Iterable[int]) -> None:
    """Whatever device a socket names, if any. Raises OSError where a packet would leave.

    Kernels before 4.17 ignore the port of a rule, and would leave all of it open.
    """
    for device in (0, *devices):
        try:
            answer = _ask(kernel, _route_to(network, device))
        except OSError as error:
            if error.errno == errno.ENETUNREACH:
                continue
            raise
        if answer[16 + 7] != _RTN_LOCAL:
            raise OSError(0, f"{network.text} can be reached in spite of its rule")


def _rules(network: Network, devices: Iterable[str]) -> list[bytes]:
    """Two leave its name servers open, one a device keeps what names the device, one is for the rest."""
    port = struct.pack("=HH", _OPEN_PORT, _OPEN_PORT)
    rules = [
        _rule(
            network, _MAIN_TABLE, _OPEN_PRIORITY, {_FRA_IP_PROTO: bytes([protocol]), _FRA_DPORT_RANGE: port}
        )
        for protocol in (_socket.IPPROTO_UDP, _socket.IPPROTO_TCP)
    ]
    if network.family == _socket.AF_INET:
        rules += [
            _rule(network, _OWN_TABLE, _OWN_PRIORITY, {_FRA_OIFNAME: device.encode() + b"\0"})
            for device in devices
        ]
    return [*rules, _rule(network, 0, _CLOSED_PRIORITY, {})]


def _rule(network: Network, table: int, priority: int, more: Mapping[int, bytes]) -> bytes:
    """A rule for what goes to ``network``: it leads to ``table``, or is refused where that is 0."""
    action = _TO_TABLE if table else _UNREACHABLE
    head = (network.family, network.length, 0, 0, table, 0, 0, action)
    values = {_FRA_DST: network.address, _FRA_PRIORITY: struct.pack("=I", priority), **more}
    return _message(_RTM_NEWRULE, _CREATE | _EXCLUSIVE | _ACKNOWLEDGE, head, values)


def _own_addresses(device: int) -> bytes:
    """The route of the table in which every address is this namespace's own, by one device."""
    head = (_socket.AF_INET, 0, 0, 0, _OWN_TABLE, _RTPROT_STATIC, _RT_SCOPE_HOST, _RTN_LOCAL)
    # appended: another device may have its own there
    return _message(
        _RTM_NEWROUTE, _CREATE | _APPEND | _ACKNOWLEDGE, head, {_RTA_OIF: struct.pack("=I", device)}
    )


def _route_to(network: Network, device: int) -> bytes:
    """Asks for the route that a packet there would take; ``device`` is 0 where its socket names none."""
    address = network.within()
    head = (network.family, 8 * len(address), 0, 0, 0, 0, 0, 0)
    return _message(_RTM_GETROUTE, 0, head, {_RTA_DST: address, _RTA_OIF: struct.pack("=I", device)})


def _message(kind: int, flags: int, head: tuple[int, ...], attributes: Mapping[int, bytes]) -> bytes:
    """``head`` is a struct rtmsg, or a fib_rule_hdr, which has the same form; both end in flags of theirs."""
    body = struct.pack("=8BI", *head, 0)
    for name, value in attributes.items():
        attribute = struct.pack("=HH", 4 + len(value), name) + value
        body += attribute + bytes(-len(attribute) % 4)
    return struct.pack("=IHHII", 16 + len(body), kind, _REQUEST | flags, 0, 0) + body


def _ask(kernel: _socket.socket, message: bytes) -> bytes:
    """The kernel's answer, whole. Raises OSError where it refuses."""
    kernel.send(message)
    answer = kernel.recv(4096)
    (kind,) = struct.unpack_from("=H", answer, 4)
    if kind == _NLMSG_ERROR:
        (error,) = struct.unpack_from("=i", answer, 16)
        if error:
            raise OSError(-error, os.strerror(-error))
    return answer


if __name__ == "__main__":
    try:
        close(Network(text) for text in sys.argv[1:])
    except OSError as error:
        sys.exit(f"{error.strerror or error}")
    sys.stdout.write("closed\n")
    sys.stdout.flush()
    if not os.read(0, 1):
        time.sleep(_LAST_SECONDS)
