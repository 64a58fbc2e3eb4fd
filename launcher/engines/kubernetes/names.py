"""Names, labels, quantities and paths of objects as Kubernetes wants them. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from launcher.errors import ConfigurationError
from launcher.plan.job import LABEL_PROJECT, LABEL_RUN, LABEL_SOURCE
from launcher.plan.values import JobPlan
from runner.contract import JobSpec

LABEL_ACTION = "dltpod.action"
LABEL_MANAGED = "app.kubernetes.io/managed-by"
CONTAINER = "runner"
"""The one container of a pod."""

IN_CLAIM = " in the volume claim "
"""Between a file and the claim on whose volume it is: a place that this machine can't look at."""

LONGEST_NAME = 52
"""Kubernetes' limit for a CronJob: its Jobs' names have eleven characters more, and must be labels."""

_LABEL = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?\Z")
_NAME = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?\Z")


@dataclass(frozen=True)
class Names:
    """What the objects of one source, or of one run of it, are called, and the labels that they have."""

    job: str
    config_map: str
    secret: str
    claim: str
    service_account: str
    labels: Mapping[str, str]


def base_name(job: JobSpec) -> str:
    """The name of a source's Job: who holds it holds the source.

    A source's underscores become hyphens, and no source has a hyphen of its own, so two sources of
    a project never get one name. A check has a name of its own, for it touches no state. Raises
    ConfigurationError where Kubernetes could not take the name.
    """
    prefix = "dltpod" if job.action == "sync" else f"dltpod{job.action}"
    name = f"{prefix}-{job.project}-{job.source}".replace("_", "-")
    if len(name) > LONGEST_NAME:
        raise ConfigurationError(
            f"'{name}' has {len(name)} characters, and a name in Kubernetes has at most {LONGEST_NAME}",
            f"shorten the source's name, or `project:` in sources.yml, by {len(name) - LONGEST_NAME}",
        )
    if not _NAME.match(name):
        raise ConfigurationError(
            f"'{name}' is no name that Kubernetes takes",
            "give `project:` lower-case letters, digits and hyphens",
        )
    return name


def names_of_source(plan: JobPlan) -> Names:
    """Names for a rendering: the same for every run of the source. Raises ConfigurationError."""
    base, settings = base_name(plan.job), plan.kubernetes
    secret, account = settings.secret or f"{base}-secrets", settings.service_account or base
    return Names(base, f"{base}-job", secret, f"{base}-state", account, labels_of_source(plan.job))


def names_of_run(plan: JobPlan) -> Names:
    """Names for one run: what belongs to the run alone has the run's id in its name and among its labels.

    Raises ConfigurationError.
    """
    base, settings = base_name(plan.job), plan.kubernetes
    own = f"{base}-" + re.sub(r"[^a-z0-9]+", "-", plan.job.run_id.lower()).strip("-")[-40:].strip("-")
    labels = _checked({**labels_of_source(plan.job), LABEL_RUN: plan.job.run_id})
    return Names(
        base, own, settings.secret or own, f"{base}-state", settings.service_account or "default", labels
    )


def labels_of_source(job: JobSpec) -> dict[str, str]:
    """The labels that mark an object as ours, as on every other engine. Raises ConfigurationError."""
    ours = {LABEL_PROJECT: job.project, LABEL_SOURCE: job.source, LABEL_ACTION: job.action}
    return _checked({LABEL_MANAGED: "dltpod", **ours})


def _checked(labels: dict[str, str]) -> dict[str, str]:
    for key, value in labels.items():
        if len(value) > 63 or not _LABEL.match(value):
            raise ConfigurationError(
                f"'{value}' can't be the label {key} in Kubernetes",
                "labels there have letters, digits, '.', '_' and '-', up to 63 of them",
            )
    return labels


def bytes_quantity(size: int) -> str:
    """Bytes in Kubernetes' units: ``2147483648`` is ``2Gi``, which Docker calls ``2g``."""
    for unit, name in ((1 << 30, "Gi"), (1 << 20, "Mi"), (1 << 10, "Ki")):
        if size % unit == 0:
            return f"{size // unit}{name}"
    return str(size)


def cpu_quantity(cpus: float) -> str:
    """Processors as the server writes them: ``1.5`` is ``1500m``, ``2.0`` is ``2``."""
    thousandths = max(1, round(cpus * 1000))
    return f"{thousandths}m" if thousandths % 1000 else str(thousandths // 1000)


_COLLECTIONS = {
    "Job": ("/apis/batch/v1", "jobs"),
    "CronJob": ("/apis/batch/v1", "cronjobs"),
    "Pod": ("/api/v1", "pods"),
    "Secret": ("/api/v1", "secrets"),
    "ConfigMap": ("/api/v1", "configmaps"),
    "Event": ("/api/v1", "events"),
    "ServiceAccount": ("/api/v1", "serviceaccounts"),
    "PersistentVolumeClaim": ("/api/v1", "persistentvolumeclaims"),
    "NetworkPolicy": ("/apis/networking.k8s.io/v1", "networkpolicies"),
}


def manifest(kind: str, metadata: Mapping[str, Any], **fields: Any) -> dict[str, Any]:
    """The manifest of an object of that kind, with ``fields`` beside its metadata."""
    version = _COLLECTIONS[kind][0].split("/", 2)[2]
    return {"apiVersion": version, "kind": kind, "metadata": dict(metadata), **fields}


def collection(kind: str, namespace: str) -> str:
    """The path of all objects of a kind in a namespace."""
    group, plural = _COLLECTIONS[kind]
    return f"{group}/namespaces/{namespace}/{plural}"


def item(kind: str, namespace: str, name: str) -> str:
    """The path of one object."""
    return f"{collection(kind, namespace)}/{name}"


def path_of(kind: str, found: Mapping[str, Any]) -> str:
    """The path of an object that the server has told of. A list doesn't repeat the kind of its items."""
    return item(kind, found["metadata"]["namespace"], found["metadata"]["name"])


def selector(labels: dict[str, str]) -> dict[str, str]:
    """The query that asks for objects with these labels."""
    return {"labelSelector": ",".join(f"{key}={value}" for key, value in labels.items())}
