"""What a source may reach, as the NetworkPolicy that enforces it. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Any

from launcher.config.forms import split_egress
from launcher.engines.kubernetes.names import manifest
from launcher.errors import ConfigurationError
from launcher.plan.values import JobPlan

_DNS = {
    "to": [
        {
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}},
            "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}},
        }
    ],
    "ports": [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}],
}


def egress_rules(plan: JobPlan) -> list[dict[str, Any]]:
    """The ``egress`` of a NetworkPolicy for ``container.network`` and ``container.egress``.

    A NetworkPolicy knows addresses, not names: ``10.0.0.0/8:5432``, ``192.0.2.7:443`` and
    ``[2001:db8::/32]:443`` can be enforced; a name is refused. With a list of addresses the
    cluster's DNS stays reachable, for those addresses are mostly asked for by name. Raises
    ConfigurationError for what Kubernetes can't enforce.
    """
    source, network, egress = plan.job.source, plan.container.network, plan.container.egress
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
    return manifest("NetworkPolicy", metadata, spec={**spec, "egress": rules} if rules else spec)


def _rule(source: str, entry: str) -> dict[str, Any]:
    host, port = split_egress(entry)
    try:
        block = ipaddress.ip_network(host)
    except ValueError:
        raise ConfigurationError(
            f"{source}: egress '{entry}' names a host, and Kubernetes' NetworkPolicy knows only addresses",
            "give the addresses (203.0.113.0/24:443), or keep names to the Docker engine",
        ) from None
    return {"to": [{"ipBlock": {"cidr": str(block)}}], "ports": [{"protocol": "TCP", "port": port}]}
