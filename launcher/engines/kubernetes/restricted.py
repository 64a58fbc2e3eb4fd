"""The restricted Pod Security Standard, as Kubernetes' documentation states it for today's version.

Source: https://kubernetes.io/docs/concepts/security/pod-security-standards/, baseline and restricted.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_VOLUMES = {
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "persistentVolumeClaim",
    "projected",
    "secret",
}

_APPARMOR = "container.apparmor.security.beta.kubernetes.io/"
_PROBES = ("livenessProbe", "readinessProbe", "startupProbe")


def violations(pod: Mapping[str, Any]) -> list[str]:
    """What the pod's spec breaks of the standard; an empty list where it would be admitted."""
    found = []
    for field in ("hostNetwork", "hostPID", "hostIPC"):
        if pod.get(field):
            found.append(f"{field} is on")
    for volume in pod.get("volumes", []):
        kinds = set(volume) - {"name"}
        if not kinds <= _VOLUMES:
            found.append(f"volume {volume['name']} is of {sorted(kinds - _VOLUMES)}")
    of_pod = pod.get("securityContext", {})
    if of_pod.get("sysctls"):
        found.append("sysctls are set")
    for kind in ("initContainers", "containers", "ephemeralContainers"):
        for container in pod.get(kind, []):
            found += [f"{container['name']}: {fault}" for fault in _container(container, of_pod)]
    return found


def unconfined(annotations: Mapping[str, str]) -> list[str]:
    """The annotations that take AppArmor's profile from a container, as Kubernetes had it before 1.30."""
    return [
        f"{key}: {profile}"
        for key, profile in annotations.items()
        if key.startswith(_APPARMOR)
        and profile not in ("", "runtime/default")
        and not profile.startswith("localhost/")
    ]


def _container(container: Mapping[str, Any], of_pod: Mapping[str, Any]) -> list[str]:
    context = container.get("securityContext", {})
    effective = {**of_pod, **context}
    capabilities = context.get("capabilities", {})
    actions = [container.get(probe, {}) for probe in _PROBES] + [*container.get("lifecycle", {}).values()]
    checks = {
        "privileged": bool(context.get("privileged")),
        "allowPrivilegeEscalation is not false": context.get("allowPrivilegeEscalation") is not False,
        "capabilities are not all dropped": "ALL" not in capabilities.get("drop", []),
        "capabilities are added": not set(capabilities.get("add", [])) <= {"NET_BIND_SERVICE"},
        "runAsNonRoot is not true": effective.get("runAsNonRoot") is not True,
        "runs as uid 0": effective.get("runAsUser") == 0,
        "no seccomp profile": effective.get("seccompProfile", {}).get("type")
        not in ("RuntimeDefault", "Localhost"),
        "host processes": bool(effective.get("windowsOptions", {}).get("hostProcess")),
        "probes or hooks name a host": any(
            action.get(kind, {}).get("host") for action in actions for kind in ("httpGet", "tcpSocket")
        ),
        "procMount": context.get("procMount", "Default") != "Default",
        "host ports": any(port.get("hostPort") for port in container.get("ports", [])),
        "SELinux user or role": bool(
            {"user", "role"} & set(effective.get("seLinuxOptions", {}))
            or effective.get("seLinuxOptions", {}).get("type")
            not in (None, "", "container_t", "container_init_t", "container_kvm_t", "container_engine_t")
        ),
        "AppArmor unconfined": effective.get("appArmorProfile", {}).get("type") == "Unconfined",
    }
    return [name for name, broken in checks.items() if broken]
