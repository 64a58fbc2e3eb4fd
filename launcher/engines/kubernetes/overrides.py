"""``kubernetes.pod_overrides``: a user's own words for a pod's spec, merged in last. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from launcher.engines.kubernetes.names import CONTAINER
from launcher.engines.kubernetes.restricted import violations
from launcher.errors import ConfigurationError

_MERGED_BY = {
    "containers": "name",
    "initContainers": "name",
    "volumes": "name",
    "env": "name",
    "imagePullSecrets": "name",
    "volumeMounts": "mountPath",
    "hostAliases": "ip",
    "topologySpreadConstraints": "topologyKey",
}
"""Lists of a pod whose items are merged by a key (the API's ``patchMergeKey``); any other is replaced."""


def overridden(source: str, pod: dict[str, Any], overrides: Mapping[str, Any], *, weaker: bool) -> Any:
    """The pod's spec with the overrides merged in as kubectl does: null removes, lists go by their keys.

    Raises ConfigurationError where that takes down a wall and ``weaker`` doesn't say that it may.
    """
    made = _merged(pod, overrides, "")
    fallen = [wall for wall in _fallen(made, pod) if not weaker]
    if fallen:
        raise ConfigurationError(
            f"{source}: kubernetes.pod_overrides takes down a wall: {', '.join(fallen)}",
            "leave that out, or say kubernetes.fewer_walls: true",
        )
    return made


def _fallen(made: Mapping[str, Any], pod: Mapping[str, Any]) -> list[str]:
    before = violations(pod)
    fallen = [wall for wall in violations(made) if wall not in before]
    if made.get("automountServiceAccountToken") is not False:
        fallen.append("automountServiceAccountToken is not false")
    if made.get("shareProcessNamespace"):
        fallen.append("shareProcessNamespace is on")
    if _apart(made) != _apart(pod):
        fallen.append("the anti-affinity that keeps two runs apart is gone")
    for container in made.get("containers") or ():
        read_only = container.get("securityContext", {}).get("readOnlyRootFilesystem")
        if container["name"] == CONTAINER and read_only is not True:
            fallen.append("readOnlyRootFilesystem is not true")
    return fallen


def _apart(pod: Mapping[str, Any]) -> Any:
    return pod.get("affinity", {}).get("podAntiAffinity")


def _merged(given: Any, over: Any, name: str) -> Any:
    if isinstance(over, Mapping):
        made = dict(given) if isinstance(given, Mapping) else {}
        for key, value in over.items():
            if value is None:
                made.pop(key, None)
            else:
                made[key] = _merged(made.get(key), value, key)
        return made
    by = _MERGED_BY.get(name)
    if by is None or not isinstance(over, list) or not isinstance(given, list):
        return over
    items = {item.get(by): item for item in given}
    for item in over:
        key = item.get(by) if isinstance(item, Mapping) else None
        items[key] = _merged(items.get(key), item, "")
    return list(items.values())
