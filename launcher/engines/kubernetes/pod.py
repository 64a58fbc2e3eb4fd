"""A run's pod: what it may use, what it sees and what it is kept from. Pure.

It meets the restricted Pod Security Standard, and is the same for a rendered CronJob and for a run that the
launcher starts.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from launcher.config.units import parse_size
from launcher.engines.kubernetes.names import (
    CONTAINER,
    LABEL_ACTION,
    Names,
    bytes_quantity,
    cpu_quantity,
)
from launcher.engines.kubernetes.overrides import REQUIRED, overridden, refuse
from launcher.engines.kubernetes.restricted import unconfined
from launcher.errors import ConfigurationError
from launcher.plan.job import CA_BUNDLE_TARGET, CA_VARIABLES, LABEL_PROJECT, LABEL_SOURCE
from launcher.plan.values import JobPlan
from runner.contract import DATA_DIR, JOB_FILE, SECRETS_DIR, STATE_DIR

TERMINATION_FILE = "/dev/termination-log"
PASSWD_KEY = "passwd"
_DEFAULT_CPU_REQUEST = 0.1
_LOGS = 64 << 20
"""Bytes over its volumes that a pod may have on its node: its log counts too, and the kubelet rotates it."""


def template(plan: JobPlan, names: Names) -> dict[str, Any]:
    """The pod's metadata and spec. Raises ConfigurationError for what makes no pod or takes down a wall."""
    try:
        return {"metadata": metadata_of(plan, names.labels), "spec": _spec(plan, names)}
    except (AttributeError, KeyError, TypeError, ValueError):
        raise ConfigurationError(
            f"{plan.job.source}: kubernetes.affinity or pod_overrides is of another form than a pod's spec",
            "`kubectl explain pod.spec` has the form",
        ) from None


def _spec(plan: JobPlan, names: Names) -> Any:
    settings = plan.kubernetes
    uid = settings.uid
    spec: dict[str, Any] = {
        "restartPolicy": "Never",
        "serviceAccountName": names.service_account,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": math.ceil(plan.container.stop_grace),
        "securityContext": {
            "runAsNonRoot": True,
            **({} if uid == "any" else {"runAsUser": uid, "runAsGroup": uid, "fsGroup": uid}),
            "fsGroupChangePolicy": "OnRootMismatch",
            "seccompProfile": {"type": "RuntimeDefault"},
        },
    }
    affinity = dict(settings.affinity)
    if plan.job.action == "sync":
        apart = dict(affinity.get("podAntiAffinity", {}))
        apart[REQUIRED] = [*apart.get(REQUIRED, ()), _one_at_a_time(names.labels)]
        affinity["podAntiAffinity"] = apart
    given = {
        "affinity": affinity,
        "nodeSelector": dict(settings.node_selector),
        "tolerations": [dict(toleration) for toleration in settings.tolerations],
        "priorityClassName": settings.priority_class,
        "runtimeClassName": settings.runtime_class,
        "imagePullSecrets": [{"name": name} for name in settings.image_pull_secrets],
    }
    spec |= {key: value for key, value in given.items() if value}
    volumes, mounts = _volumes(plan, names)
    spec["containers"] = [_container(plan, mounts)]
    spec["volumes"] = volumes
    if not settings.fewer_walls:
        refuse(f"{plan.job.source}: kubernetes.annotations take", unconfined(settings.annotations))
    return overridden(plan.job.source, spec, settings.pod_overrides, weaker=settings.fewer_walls)


def _one_at_a_time(labels: Mapping[str, str]) -> dict[str, Any]:
    """Never two pods of a source at once, whoever made them.

    A CronJob's controller counts only its own Jobs, so the scheduler has to hold this. All nodes
    share one value of the topology key; pods that are over don't count.
    """
    return {"labelSelector": {"matchLabels": any_run(labels)}, "topologyKey": "kubernetes.io/os"}


def any_run(labels: Mapping[str, str]) -> dict[str, str]:
    """Those of a run's labels that every run of its source has, whoever created it."""
    return {key: labels[key] for key in (LABEL_PROJECT, LABEL_SOURCE, LABEL_ACTION)}


def _container(plan: JobPlan, mounts: list[dict[str, Any]]) -> dict[str, Any]:
    spec, asked = plan.container, plan.kubernetes.requests
    limits = {"memory": bytes_quantity(spec.memory)}
    if spec.cpus is not None:
        limits["cpu"] = cpu_quantity(spec.cpus)
    requests = {
        "cpu": cpu_quantity(asked.cpu or min(spec.cpus or _DEFAULT_CPU_REQUEST, _DEFAULT_CPU_REQUEST)),
        "memory": limits["memory"] if asked.memory is None else quantity(asked.memory),
    }
    if asked.scratch is not None:
        requests["ephemeral-storage"] = quantity(asked.scratch)
        most = max(sum(scratch(plan).values()) + _LOGS, parse_size(asked.scratch))
        limits["ephemeral-storage"] = bytes_quantity(most)
    environment = environment_of(plan, spec.environment)
    env = [{"name": name, "value": value} for name, value in environment.items()]
    return {
        "name": CONTAINER,
        "image": spec.image,
        "imagePullPolicy": "IfNotPresent",
        "command": list(spec.command),
        "workingDir": spec.working_dir,
        **({"env": env} if env else {}),
        "resources": {"requests": requests, "limits": limits},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
            "runAsNonRoot": True,
        },
        "terminationMessagePath": TERMINATION_FILE,
        "terminationMessagePolicy": "File",
        "volumeMounts": mounts,
    }


def _volumes(plan: JobPlan, names: Names) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    job_folder = JOB_FILE.rpartition("/")[0]
    volumes: list[dict[str, Any]] = [
        {"name": "job", "configMap": {"name": names.config_map, "defaultMode": 0o444}},
        {"name": "secrets", "secret": {"secretName": names.secret, "defaultMode": 0o440}},
    ]
    mounts: list[dict[str, Any]] = [
        {"name": "job", "mountPath": job_folder, "readOnly": True},
        {"name": "secrets", "mountPath": SECRETS_DIR, "readOnly": True},
    ]
    if plan.kubernetes.uid != "any":  # else nobody knows the uid
        passwd = {"name": "job", "mountPath": "/etc/passwd", "subPath": PASSWD_KEY, "readOnly": True}
        mounts.insert(1, passwd)
    bundle = plan.kubernetes.ca_bundle
    if bundle is not None:
        folder, _, file = CA_BUNDLE_TARGET.rpartition("/")
        items = [{"key": bundle.key, "path": file}]
        volumes.append({"name": "ca", "configMap": {"name": bundle.config_map, "items": items}})
        mounts.append({"name": "ca", "mountPath": folder, "readOnly": True})
    for folder, size in scratch(plan).items():
        name = folder.strip("/").replace("/", "-")
        # On the node's disk, not in memory: here scratch in memory would count as the source's own.
        volumes.append({"name": name, "emptyDir": {"sizeLimit": bytes_quantity(size)}})
        mounts.append({"name": name, "mountPath": folder})
    if STATE_DIR not in scratch(plan):
        volumes.append({"name": "state", "persistentVolumeClaim": {"claimName": names.claim}})
        mounts.append({"name": "state", "mountPath": STATE_DIR, "subPath": "state"})
    if plan.job.destination.file is not None:
        mounts.append({"name": "state", "mountPath": DATA_DIR, "subPath": "data"})
    return volumes, mounts


def scratch(plan: JobPlan) -> dict[str, int]:
    """The folders on the node's disk, with the bytes that each may hold."""
    folders = {
        tmpfs.target: tmpfs.size
        for tmpfs in plan.container.tmpfs
        if tmpfs.target not in (SECRETS_DIR, STATE_DIR, DATA_DIR)
    }
    if plan.kubernetes.state is None or not keeps_state(plan):
        folders[STATE_DIR] = parse_size(plan.kubernetes.scratch)
    return folders


def metadata_of(plan: JobPlan, labels: Mapping[str, str], name: str | None = None) -> dict[str, Any]:
    """dltpod's labels with the user's own, and the user's annotations."""
    settings = plan.kubernetes
    metadata: dict[str, Any] = {} if name is None else {"name": name}
    metadata["labels"] = {**labels, **settings.labels}
    if settings.annotations:
        metadata["annotations"] = dict(settings.annotations)
    return metadata


def keeps_state(plan: JobPlan) -> bool:
    """Whether the job's state is worth a volume: that of a check isn't."""
    return plan.job.action == "sync"


def quantity(size: str) -> str:
    """A size as Docker reads it in Kubernetes' units: ``512m`` would be half a byte there."""
    return bytes_quantity(parse_size(size))


def environment_of(plan: JobPlan, environment: Mapping[str, str]) -> dict[str, str]:
    """The variables, with those that name a bundle of certificates for the cluster's own, if it has one.

    The host's certificates stay on the host: a variable that names their place would name nothing.
    """
    kept = {name: value for name, value in environment.items() if value != CA_BUNDLE_TARGET}
    ours = {} if plan.kubernetes.ca_bundle is None else dict.fromkeys(CA_VARIABLES, CA_BUNDLE_TARGET)
    return {**ours, **kept}
