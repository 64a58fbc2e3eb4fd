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
    "resourceClaims": "name",
    "volumeMounts": "mountPath",
    "volumeDevices": "devicePath",
    "ports": "containerPort",
    "hostAliases": "ip",
    "topologySpreadConstraints": "topologyKey",
}
"""Lists of a pod whose items are merged by a key (the API's ``patchMergeKey``); any other is replaced."""
_ONE_SOURCE = "volumes"
"""Its items have a name and one source (the API's ``retainKeys``): another source replaces the first."""
_PATCH = "$patch"
REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
"""Where an affinity has the rules that the scheduler keeps."""


def overridden(source: str, pod: dict[str, Any], overrides: Mapping[str, Any], *, weaker: bool) -> Any:
    """The pod's spec with the overrides merged in as kubectl does: null removes, lists go by their keys.

    ``$patch: delete`` and ``$patch: replace`` do as they do there. Raises ConfigurationError for any other
    directive, where the run's container is gone, and where a wall is taken down and ``weaker`` doesn't say
    that it may; TypeError, AttributeError, KeyError or ValueError for another form than a pod's spec.
    """
    if not overrides:
        return pod
    try:
        made = _merged(pod, overrides, "")
    except _Directive as error:
        raise ConfigurationError(
            f"{source}: kubernetes.pod_overrides has {error}",
            "of kubectl's directives, $patch: delete and $patch: replace are known",
        ) from None
    if CONTAINER not in [container["name"] for container in made.get("containers") or ()]:
        raise ConfigurationError(
            f"{source}: kubernetes.pod_overrides removes the container '{CONTAINER}', which runs the source",
            "leave that out; its fields can be changed by its name",
        )
    if not weaker:
        refuse(f"{source}: kubernetes.pod_overrides takes", _removed_walls(made, pod))
    return made


def refuse(what: str, fallen: list[str]) -> None:
    """Raises ConfigurationError, which begins with ``what``, where walls have fallen."""
    if fallen:
        raise ConfigurationError(
            f"{what} down a wall: {', '.join(fallen)}",
            "leave that out, or say kubernetes.fewer_walls: true",
        )


def _removed_walls(made: Mapping[str, Any], pod: Mapping[str, Any]) -> list[str]:
    before = violations(pod)
    fallen = [wall for wall in violations(made) if wall not in before]
    if made.get("automountServiceAccountToken") is not False:
        fallen.append("automountServiceAccountToken is not false")
    if made.get("shareProcessNamespace"):
        fallen.append("shareProcessNamespace is on")
    if any(rule not in _anti_affinity(made) for rule in _anti_affinity(pod)):
        fallen.append("the anti-affinity that keeps two runs apart is gone")
    if "nodeName" in made:
        fallen.append("nodeName goes past the scheduler, which keeps two runs apart")
    bounded = [volume["name"] for volume in pod["volumes"] if "emptyDir" in volume]
    for volume in made.get("volumes") or ():
        if any("serviceAccountToken" in each for each in volume.get("projected", {}).get("sources", ())):
            fallen.append(f"volume {volume['name']} holds a token of the account")
        if volume["name"] in bounded and "sizeLimit" not in volume.get("emptyDir", {"sizeLimit": ""}):
            fallen.append(f"volume {volume['name']} has no sizeLimit")
    for container in made["containers"]:
        if container["name"] != CONTAINER:
            continue
        if container.get("securityContext", {}).get("readOnlyRootFilesystem") is not True:
            fallen.append("readOnlyRootFilesystem is not true")
        if "memory" not in container.get("resources", {}).get("limits", {}):
            fallen.append("there is no limit on memory")
    return fallen


def _anti_affinity(pod: Mapping[str, Any]) -> list[Any]:
    return list(pod.get("affinity", {}).get("podAntiAffinity", {}).get(REQUIRED, ()))


class _Directive(Exception):
    """A directive that isn't known here."""


def _merged(given: Any, over: Any, name: str) -> Any:
    if isinstance(over, Mapping):
        made = dict(given) if isinstance(given, Mapping) and _directive(over) != "replace" else {}
        for key, value in over.items():
            if value is None or (isinstance(value, Mapping) and _directive(value) == "delete"):
                made.pop(key, None)
            elif key != _PATCH:
                made[key] = _merged(made.get(key), value, key)
        return made
    if not isinstance(over, list):
        return over
    by = _MERGED_BY.get(name)
    if by is None:
        return [_merged(None, item, "") for item in over]
    replaced = any(_directive(item) == "replace" and len(item) == 1 for item in over)
    items = {item.get(by): item for item in given or () if not replaced}
    for item in over:
        key = item.get(by)
        if _directive(item) == "delete":
            items.pop(key, None)
        elif set(item) != {_PATCH}:
            before = items.get(key)
            if name == _ONE_SOURCE and before is not None and not _sources(before) & _sources(item):
                before = {by: key} if _sources(item) else before
            items[key] = _merged(before, item, "")
    return list(items.values())


def _sources(volume: Mapping[str, Any]) -> set[str]:
    return {key for key, value in volume.items() if key not in ("name", _PATCH) and value is not None}


def _directive(over: Any) -> str:
    """What ``$patch`` says. Raises _Directive for a directive that isn't known, TypeError for no table."""
    if not isinstance(over, Mapping):
        raise TypeError(over)
    for key, value in over.items():
        if str(key).startswith("$") and (key != _PATCH or value not in ("merge", "replace", "delete")):
            raise _Directive(f"{key}: {value}" if key == _PATCH else str(key))
    return str(over.get(_PATCH, ""))
