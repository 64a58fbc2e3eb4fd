"""The hosts that a source may reach, as rules for its gateway. Pure.

The gateway is a container with nftables and dnsmasq from Debian; the source joins its network
namespace and has no capability there. dnsmasq answers for the listed names alone, and puts each
address that it answers with into the set that nftables lets through, so a name may change its
addresses at any time. A listed name stands for its subdomains too: dnsmasq matches domains.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

from launcher.config.forms import split_egress

_Network = ipaddress.IPv4Network | ipaddress.IPv6Network

PACKAGES = ("dnsmasq-base", "nftables", "tcpdump")
"""What the gateway's image holds beyond a base image: Debian's."""
DNS_UID = 53535
"""dnsmasq's own. Only it and the engine may ask the real name servers."""
ENGINE_UID = 0
"""On any network but its default one an engine has a name server of its own, at 127.0.0.11, for dnsmasq
to ask; what it doesn't know it asks the real ones, from within the namespace."""
DNS_USER = "dltpod-dns"
TABLE = "dltpod"
LOG_GROUP = 5

LINK_LOCAL = (
    "169.254.0.0/16",
    "100.100.100.200/32",  # Alibaba Cloud
    "100.96.0.96/32",  # Volcano Engine and BytePlus
    "168.63.129.16/32",  # Azure's WireServer
    "192.0.0.192/32",  # Oracle Cloud, earlier
    "fe80::/10",
    "fd00:42::42/128",  # Scaleway
    "fd00:100::100:200/128",  # Alibaba Cloud
    "fd00:a9fe:a9fe::1/128",  # Akamai (Linode)
    "fd00:c1::a9fe:a9fe/128",  # Oracle Cloud
    "fd00:ec2::23/128",  # Amazon EKS, the Pod Identity Agent
    "fd00:ec2::254/128",  # Amazon EC2
    "fd20:ce::254/128",  # Google Cloud
)
"""Where clouds hand out a machine's credentials to whoever asks: link-local addresses, and a few others."""

DEFAULT_PORTS: Mapping[str, int] = {
    "clickhouse": 9440,
    "dremio": 32010,
    "mssql": 1433,
    "mysql": 3306,
    "postgres": 5432,
    "postgresql": 5432,
    "redshift": 5439,
    "synapse": 1433,
    "http": 80,
    "https": 443,
}
_FIXED: Mapping[str, tuple[str, ...]] = {
    "bigquery": ("bigquery.googleapis.com:443", "oauth2.googleapis.com:443", "storage.googleapis.com:443"),
    "motherduck": ("api.motherduck.com:443",),
}


def rules(entries: Iterable[str], user: int) -> dict[str, str]:
    """What ``assets/gateway.sh`` is told, as its environment.

    ``entries`` are ``HOST:PORT``, as they are planned, with IPv6 in brackets. ``user`` is the uid of the
    source, which never may ask name servers, whoever else has that uid.
    """
    pairs = sorted({split_egress(entry) for entry in entries})
    named: dict[str, list[int]] = {}
    networks: list[tuple[_Network, int]] = []
    for host, port in pairs:
        try:
            networks.append((ipaddress.ip_network(host), port))
        except ValueError:
            named.setdefault(host, []).append(port)
    ports = {port for owned in named.values() for port in owned}
    return {
        "DLTPOD_NFT": _nftables(ports, networks, {ENGINE_UID, DNS_UID} - {user}),
        "DLTPOD_DNSMASQ": _dnsmasq(named),
        "DLTPOD_NAMES": " ".join(named),
        # What /etc/hosts knows of a name goes into the set of its port at the start.
        "DLTPOD_PORTS": "\n".join(f"{host} {port}" for host, owned in named.items() for port in owned),
        "DLTPOD_LOG_GROUP": str(LOG_GROUP),
    }


def _nftables(ports: Iterable[int], networks: Iterable[tuple[_Network, int]], askers: Iterable[int]) -> str:
    """``ports`` are those of names, ``askers`` the uids that may ask name servers.

    Addresses have rules of their own, because a name's address may lie in a listed network.
    """
    users = ", ".join(map(str, sorted(askers)))
    closed = [ipaddress.ip_network(text) for text in LINK_LOCAL]
    # Neither a listed name nor a wide network leads to a machine's credentials: their own address does.
    link_local: list[str] = []
    listed: list[str] = []
    for network, port in networks:
        own = any(network.version == one.version and network.subnet_of(one) for one in closed)  # type: ignore[arg-type]
        (link_local if own else listed).append(f"    {_daddr(network)} tcp dport {port} accept")
    link_local += [f"    {_daddr(network)} jump refused" for network in closed]
    sets = []
    for port in sorted(ports):
        for version, family in ((4, "ip"), (6, "ip6")):
            sets.append(f"  set p{port}_{version} {{ type ipv{version}_addr; }}")
            listed.append(f"    {family} daddr @p{port}_{version} tcp dport {port} accept")
    return "\n".join(
        [
            f"table inet {TABLE} {{",
            *sets,
            "  chain refused {",
            # one by one: the kernel would else keep them for a second, and a short run ends before
            f"    log group {LOG_GROUP} queue-threshold 1",
            "    meta l4proto tcp reject with tcp reset",
            "    reject",
            "  }",
            "  chain output {",
            "    type filter hook output priority 0; policy drop;",
            "    ct state established,related accept",
            # The engine's name server answers for any name: it is for dnsmasq alone.
            f"    ip daddr 127.0.0.11 meta skuid != {DNS_UID} reject",
            '    oif "lo" accept',
            f"    meta skuid {{ {users} }} meta l4proto {{ tcp, udp }} th dport 53 accept",
            *link_local,
            *listed,
            "    jump refused",
            "  }",
            "  chain input {",
            "    type filter hook input priority 0; policy drop;",
            "    ct state established,related accept",
            '    iif "lo" accept',
            "  }",
            "}",
        ]
    )


def _dnsmasq(named: Mapping[str, list[int]]) -> str:
    lines = [
        "no-resolv",
        "port=53",
        "listen-address=127.0.0.1",
        "bind-interfaces",
        # An answer from a cache would not be put into the sets again.
        "cache-size=0",
        f"user={DNS_USER}",
        "pid-file=",
        "log-queries",
    ]
    for host, ports in named.items():
        sets = ",".join(f"{v}#inet#{TABLE}#p{port}_{v}" for port in ports for v in (4, 6))
        lines.append(f"nftset=/{host}/{sets}")
    return "\n".join(lines)


def _daddr(network: _Network) -> str:
    single = network.prefixlen == network.max_prefixlen
    return f"{'ip' if network.version == 4 else 'ip6'} daddr {network.network_address if single else network}"


def destination_entries(kind: str, settings: Mapping[str, Any]) -> tuple[str, ...]:
    """The hosts of a destination of dlt's type ``kind``, as entries; empty where they aren't known.

    ``settings`` is its ``[destination.<name>]`` table.
    """
    kind = kind.rpartition(".")[2]
    if kind in _FIXED:
        return _FIXED[kind]
    credentials = settings.get("credentials")
    for text in (settings.get("endpoint_url"), _value(credentials, "endpoint_url"), credentials):
        if isinstance(text, str) and "://" in text:
            found = _url_entries(text, kind)
            if found:
                return found
    if kind == "snowflake":
        host = _value(credentials, "host")
        full = host if isinstance(host, str) and "." in host else f"{host}.snowflakecomputing.com"
        return (f"{full}:443",) if isinstance(host, str) and host else ()
    if kind == "databricks":
        host = _value(credentials, "server_hostname")
        return (f"{host}:443",) if isinstance(host, str) and host else ()
    if kind == "filesystem":
        return _bucket_entries(settings)
    host, port = _value(credentials, "host"), _value(credentials, "port") or DEFAULT_PORTS.get(kind)
    entries = [f"{_bracketed(host)}:{port}"] if isinstance(host, str) and host and port else []
    if kind == "clickhouse" and entries:
        entries.append(f"{_bracketed(str(host))}:{_value(credentials, 'http_port') or 8443}")
    return tuple(entries)


def _value(table: Any, key: str) -> Any:
    return table.get(key) if isinstance(table, Mapping) else None


def _url_entries(url: str, kind: str) -> tuple[str, ...]:
    try:
        parts = urlsplit(url)
        port = parts.port or DEFAULT_PORTS.get(re.split(r"[+]", parts.scheme)[0]) or DEFAULT_PORTS.get(kind)
        return (f"{_bracketed(parts.hostname)}:{port}",) if parts.hostname and port else ()
    except ValueError:
        return ()


def _bucket_entries(settings: Mapping[str, Any]) -> tuple[str, ...]:
    scheme, _, bucket = str(settings.get("bucket_url") or "").partition("://")
    name = bucket.split("/", 1)[0]
    credentials = settings.get("credentials")
    if scheme in ("gs", "gcs"):
        return ("storage.googleapis.com:443", "oauth2.googleapis.com:443")
    if scheme in ("az", "abfs", "abfss", "adl"):
        account = _value(credentials, "azure_storage_account_name")
        return tuple(f"{account}.{kind}.core.windows.net:443" for kind in ("blob", "dfs")) if account else ()
    if scheme in ("s3", "s3a"):
        region = _value(credentials, "region_name")
        middle = f"s3.{region}" if region else "s3"
        return (f"{middle}.amazonaws.com:443", f"{name}.{middle}.amazonaws.com:443")
    return ()


def _bracketed(host: str | None) -> str:
    return f"[{host}]" if host and ":" in host else str(host)


_REFUSED = re.compile(rb"^IP6? \S+ > (?P<to>\S+?): (?P<rest>.*)$")
_LOOKUP = re.compile(rb"query\[(?P<kind>[^\]]+)\] (?P<name>\S+) from ")
_UNANSWERED = re.compile(rb"config (?P<name>\S+) is REFUSED")


class Reader:
    """Turns what the gateway prints into lines for people; None for what they needn't know."""

    def __init__(self) -> None:
        self._asked = ""
        self._seen: set[str] = set()
        self.refused: dict[str, None] = {}
        """The hosts that weren't let through, names or addresses, in order."""

    def read(self, line: bytes) -> str | None:
        """One line of tcpdump's or dnsmasq's. Each refusal is told once."""
        refused = _REFUSED.match(line)
        if refused is not None:
            host, _, port = refused["to"].decode("ascii", "replace").rpartition(".")
            kind = "TCP" if b"Flags [" in refused["rest"] else "UDP or another protocol"
            self.refused[host] = None
            return self._once(f"egress: refused {kind} to {host}:{port}, which container.egress doesn't list")
        lookup = _LOOKUP.search(line)
        if lookup is not None:
            self._asked = lookup["name"].decode("ascii", "replace")
            return None
        if _UNANSWERED.search(line) is not None and self._asked:
            self.refused[self._asked] = None
            return self._once(
                f"egress: refused to look up {self._asked}, which container.egress doesn't list"
            )
        return None

    def _once(self, text: str) -> str | None:
        if text in self._seen:
            return None
        self._seen.add(text)
        return text
