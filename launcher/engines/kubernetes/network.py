"""What a source may reach, as the NetworkPolicy that enforces it. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Any

from launcher.engines.kubernetes.names import an_object
from launcher.errors import ConfigurationError

_DNS = {
    "to": [
        {
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}},
            "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}},
        }
    ],
    "ports": [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}],
}


def egress_rules(source: str, network: str, egress: tuple[str, ...]) -> list[dict[str, Any]]:
    """The ``egress`` of a NetworkPolicy for ``container.network`` and ``container.egress``.

    A NetworkPolicy knows addresses, not names: ``10.0.0.0/8:5432``, ``192.0.2.7:443`` and
    ``[2001:db8::/32]:443`` can be enforced; a name is refused. With a list of addresses the
    cluster's DNS stays reachable, for those addresses are mostly asked for by name. Raises
    ConfigurationError for what Kubernetes can't enforce.
    """
    if network == "none":
        return []
    if network != "bridge":
        raise ConfigurationError(
            f"{source}: network '{network}' is a network of one Docker engine; Kubernetes has no such thing",
            "leave container.network at bridge (all), or say none",
        )
    if not egress:
        return [{}]
    return [_rule(source, entry) for entry in egress] + [_DNS]


def network_policy(
    metadata: Mapping[str, Any], selector: Mapping[str, str], rules: list[dict[str, Any]]
) -> dict[str, Any]:
    """A NetworkPolicy for the pods of ``selector``: nothing comes in, ``rules`` go out.

    A type of traffic without rules is closed. An empty list says the same, but the server drops it, and
    `kubectl diff` would show it for ever.
    """
    spec = {"podSelector": {"matchLabels": dict(selector)}, "policyTypes": ["Ingress", "Egress"]}
    return an_object("NetworkPolicy", metadata, spec={**spec, "egress": rules} if rules else spec)


def _rule(source: str, entry: str) -> dict[str, Any]:
    host, port = _split(source, entry)
    try:
        block = ipaddress.ip_network(host, strict=False)
    except ValueError:
        raise ConfigurationError(
            f"{source}: egress '{entry}' names a host, and Kubernetes' NetworkPolicy knows only addresses",
            "give the addresses (203.0.113.0/24:443), or keep names to the Docker engine",
        ) from None
    rule: dict[str, Any] = {"to": [{"ipBlock": {"cidr": str(block)}}]}
    if port is not None:
        rule["ports"] = [{"protocol": "TCP", "port": port}]
    return rule


def _split(source: str, entry: str) -> tuple[str, int | None]:
    host, separator, port = entry.rpartition(":")
    if entry.startswith("["):
        host, _, rest = entry[1:].partition("]")
        separator, port = rest[:1], rest[1:]
    elif not separator or entry.count(":") > 1:
        return entry, None
    if not separator:
        return host, None
    if not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
        raise ConfigurationError(
            f"{source}: egress '{entry}' ends in '{port}', which is no port", "write HOST:PORT"
        )
    return host, int(port)
