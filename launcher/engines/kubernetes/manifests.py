"""A job's plan as Kubernetes objects, plain dicts ready for YAML or the API. Pure.

The pod meets the restricted Pod Security Standard. It is the same for a rendered CronJob and for a
run that the launcher starts; what differs is how often it is tried and how long it stays.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping
from typing import Any

from launcher.config.units import parse_duration, parse_size
from launcher.engines.kubernetes.names import (
    CONTAINER,
    IN_CLAIM,
    LABEL_ACTION,
    LABEL_PROJECT,
    LABEL_SOURCE,
    Names,
    bytes_quantity,
    cpu_quantity,
    labels_of_source,
)
from launcher.engines.kubernetes.overrides import overridden
from launcher.errors import ConfigurationError
from launcher.plan.job import CA_BUNDLE_TARGET, CA_VARIABLES
from launcher.plan.values import JobPlan
from runner.contract import (
    CUSTOM_SOURCES_DIR,
    DATA_DIR,
    JOB_FILE,
    SECRETS_DIR,
    STATE_DIR,
    ExitCode,
    JobSpec,
    to_json,
)

TERMINATION_FILE = "/dev/termination-log"
TERMINATION_BYTES = 4096
"""What the kubelet keeps of that file, and so the largest result."""
JOB_KEY = "job.json"
PASSWD_KEY = "passwd"
PASSWD = "root:x:0:0:root:/root:/sbin/nologin\ndltpod:x:{uid}:{uid}:dltpod:/tmp:/sbin/nologin\n"
"""psycopg2 asks for the uid's name unless a connection string holds a user."""

_OF_THE_HOST = (STATE_DIR, DATA_DIR, CUSTOM_SOURCES_DIR, "/etc/passwd", CA_BUNDLE_TARGET)
"""Mounts that dltpod itself adds on a host, each of which has another form here."""
_DEFAULT_CPU_REQUEST = 0.1
_LOGS = 64 << 20
"""Bytes over its volumes that a pod may have on its node: its log counts too, and the kubelet rotates it."""
_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
NEVER = "0 0 1 1 *"
"""The schedule of a suspended CronJob: it has to have one."""
FINAL = (ExitCode.FAILED, ExitCode.INTERNAL, ExitCode.CONFIGURATION)
"""The runner's exit codes for what would fail again."""


def job_spec_here(plan: JobPlan, names: Names) -> JobSpec:
    """The job as a runner in a pod is told it: no standard input to watch, a result that fits the kubelet."""
    job = plan.job
    destination = job.destination
    if destination.file is not None and _keeps_state(plan):
        inside = destination.file.lstrip("/")
        destination = dataclasses.replace(destination, shown=f"{inside}{IN_CLAIM}{names.claim}")
    return dataclasses.replace(
        job,
        destination=destination,
        stop_on_eof=False,
        result_file=TERMINATION_FILE,
        result_bytes=TERMINATION_BYTES,
        timeout=plan.timeout,
        scratch=_scratch(plan),
        env=_environment(plan, job.env),
    )


def check_plan(plan: JobPlan, names: Names) -> None:
    """Refuse what Kubernetes can't do for this plan. Raises ConfigurationError with the way out."""
    try:
        _template(plan, names, labels_of_source(plan.job))
    except (AttributeError, KeyError, TypeError, ValueError):
        raise ConfigurationError(
            f"{plan.job.source}: kubernetes.affinity or pod_overrides is of another form than a pod's spec",
            "`kubectl explain pod.spec` has the form",
        ) from None
    source = plan.job.source
    for mount in plan.container.mounts:
        if mount.target not in _OF_THE_HOST and not mount.target.startswith(f"{DATA_DIR}/"):
            raise ConfigurationError(
                f"{source}: mount {mount.source} is a folder of this host; a cluster's nodes don't have it",
                "let the source read it over the network, or put it into custom_sources/, which images hold",
            )
    if plan.job.destination.file is not None and plan.kubernetes.state is None:
        raise ConfigurationError(
            f"{source}: destination '{plan.job.destination.type}' is a file; a pod's files vanish with it",
            "set kubernetes.state: {size: 1Gi} for a volume that stays, or load into a database or bucket",
        )


def config_map(plan: JobPlan, names: Names, labels: Mapping[str, str]) -> dict[str, Any]:
    """The ConfigMap with the JobSpec, which holds no secret, and the passwd file."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": names.config_map, "labels": dict(labels)},
        "data": {
            JOB_KEY: _readable(job_spec_here(plan, names)),
            PASSWD_KEY: PASSWD.format(uid=plan.kubernetes.uid),
        },
    }


def secret(plan: JobPlan, names: Names, labels: Mapping[str, str]) -> dict[str, Any]:
    """The Secret with the slice, in clear: for the API, and for a rendering that asks for it."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": names.secret, "labels": dict(labels)},
        "type": "Opaque",
        "stringData": dict(plan.slice.files),
    }


def claim(plan: JobPlan, names: Names, labels: Mapping[str, str]) -> dict[str, Any] | None:
    """The PersistentVolumeClaim for the state, None where none is asked for, or no state kept."""
    state = plan.kubernetes.state
    if state is None or not _keeps_state(plan):
        return None
    spec: dict[str, Any] = {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": _quantity(state.size)}},
    }
    if state.storage_class is not None:
        spec["storageClassName"] = state.storage_class
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": names.claim, "labels": dict(labels)},
        "spec": spec,
    }


def service_account(names: Names, labels: Mapping[str, str]) -> dict[str, Any]:
    """A ServiceAccount without a token: a source has no business with the API server."""
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": names.service_account, "labels": dict(labels)},
        "automountServiceAccountToken": False,
    }


def job(
    plan: JobPlan, names: Names, labels: Mapping[str, str], *, retries: int, keep: float, policy: bool
) -> dict[str, Any]:
    """A batch/v1 Job. Seconds: ``keep`` is how long it stays when it is over.

    ``retries`` is how often Kubernetes may try again by itself. ``policy`` adds a podFailurePolicy,
    which servers from 1.26 know: an eviction is not counted, and what the runner calls final is not repeated.
    """
    spec: dict[str, Any] = {"backoffLimit": retries, "completions": 1, "parallelism": 1}
    if plan.timeout is not None:
        spec["activeDeadlineSeconds"] = math.ceil((retries + 1) * _longest_attempt(plan, plan.timeout))
    spec["ttlSecondsAfterFinished"] = math.ceil(keep)
    if policy:
        spec["podFailurePolicy"] = pod_failure_policy()
    spec["template"] = _template(plan, names, labels)
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": _metadata(plan, labels, names.job),
        "spec": spec,
    }


def cron_job(
    plan: JobPlan, names: Names, labels: Mapping[str, str], *, schedule: str | None, retries: int, keep: float
) -> dict[str, Any]:
    """A batch/v1 CronJob that never runs a source twice at once and catches up one missed start.

    Without a schedule, or for a source that is disabled, it is suspended: it starts nothing by itself. A Job
    of its own would do for neither: its pod can't be changed by an apply, and once the cluster has removed
    it, an apply runs it again.
    """
    made = job(plan, names, labels, retries=retries, keep=keep, policy=True)
    return {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": made["metadata"],
        "spec": {
            "schedule": schedule or NEVER,
            "timeZone": plan.kubernetes.timezone,
            "suspend": schedule is None or not plan.enabled,
            "concurrencyPolicy": "Forbid",
            "startingDeadlineSeconds": 300,
            "successfulJobsHistoryLimit": 1,
            "failedJobsHistoryLimit": 3,
            "jobTemplate": {
                "metadata": _metadata(plan, labels),
                "spec": made["spec"],
            },
        },
    }


def pod_failure_policy() -> dict[str, Any]:
    """The first rule that fits decides: a pod that was taken away counts no failure, a final one ends all.

    Whatever else counts and is repeated: 75 is the runner's own word for that, 255 is a node that crashed,
    143 a pod that was deleted, 137 one that was killed.
    """
    return {
        "rules": [
            {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
            {
                "action": "FailJob",
                "onExitCodes": {
                    "containerName": CONTAINER,
                    "operator": "In",
                    "values": [int(code) for code in FINAL],
                },
            },
        ]
    }


def _metadata(plan: JobPlan, labels: Mapping[str, str], name: str | None = None) -> dict[str, Any]:
    settings = plan.kubernetes
    metadata: dict[str, Any] = {} if name is None else {"name": name}
    metadata["labels"] = {**labels, **settings.labels}
    if settings.annotations:
        metadata["annotations"] = dict(settings.annotations)
    return metadata


def _template(plan: JobPlan, names: Names, labels: Mapping[str, str]) -> dict[str, Any]:
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
        apart[_REQUIRED] = [*apart.get(_REQUIRED, ()), _one_at_a_time(labels)]
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
    spec = overridden(plan.job.source, spec, settings.pod_overrides, weaker=settings.fewer_walls)
    return {"metadata": _metadata(plan, labels), "spec": spec}


def _one_at_a_time(labels: Mapping[str, str]) -> dict[str, Any]:
    """Never two pods of a source at once, whoever made them.

    A CronJob's controller counts only its own Jobs, so the scheduler has to hold this. All nodes
    share one value of the topology key; pods that are over don't count.
    """
    ours = {key: labels[key] for key in (LABEL_PROJECT, LABEL_SOURCE, LABEL_ACTION)}
    return {"labelSelector": {"matchLabels": ours}, "topologyKey": "kubernetes.io/os"}


def _container(plan: JobPlan, mounts: list[dict[str, Any]]) -> dict[str, Any]:
    spec, asked = plan.container, plan.kubernetes.requests
    limits = {"memory": bytes_quantity(spec.memory)}
    if spec.cpus is not None:
        limits["cpu"] = cpu_quantity(spec.cpus)
    requests = {
        "cpu": cpu_quantity(asked.cpu or min(spec.cpus or _DEFAULT_CPU_REQUEST, _DEFAULT_CPU_REQUEST)),
        "memory": limits["memory"] if asked.memory is None else _quantity(asked.memory),
    }
    if asked.scratch is not None:
        requests["ephemeral-storage"] = _quantity(asked.scratch)
        most = max(sum(_scratch(plan).values()) + _LOGS, parse_size(asked.scratch))
        limits["ephemeral-storage"] = bytes_quantity(most)
    environment = _environment(plan, spec.environment)
    container: dict[str, Any] = {
        "name": CONTAINER,
        "image": spec.image,
        "imagePullPolicy": "IfNotPresent",
        "command": list(spec.command),
        "workingDir": spec.working_dir,
    }
    if environment:
        container["env"] = [{"name": name, "value": value} for name, value in environment.items()]
    container |= {
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
    return container


def _volumes(plan: JobPlan, names: Names) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    job_folder = JOB_FILE.rpartition("/")[0]
    volumes: list[dict[str, Any]] = [
        {"name": "job", "configMap": {"name": names.config_map, "defaultMode": 0o444}},
        {"name": "secrets", "secret": {"secretName": names.secret, "defaultMode": 0o440}},
    ]
    mounts: list[dict[str, Any]] = [
        {"name": "job", "mountPath": job_folder, "readOnly": True},
        {"name": "job", "mountPath": "/etc/passwd", "subPath": PASSWD_KEY, "readOnly": True},
        {"name": "secrets", "mountPath": SECRETS_DIR, "readOnly": True},
    ]
    if plan.kubernetes.uid == "any":
        mounts = [mount for mount in mounts if mount.get("subPath") != PASSWD_KEY]  # nobody knows the uid
    bundle = plan.kubernetes.ca_bundle
    if bundle is not None:
        folder, _, file = CA_BUNDLE_TARGET.rpartition("/")
        items = [{"key": bundle.key, "path": file}]
        volumes.append({"name": "ca", "configMap": {"name": bundle.config_map, "items": items}})
        mounts.append({"name": "ca", "mountPath": folder, "readOnly": True})
    for folder, size in _scratch(plan).items():
        name = folder.strip("/").replace("/", "-")
        # On the node's disk, not in memory: here scratch in memory would count as the source's own.
        volumes.append({"name": name, "emptyDir": {"sizeLimit": bytes_quantity(size)}})
        mounts.append({"name": name, "mountPath": folder})
    if STATE_DIR not in _scratch(plan):
        volumes.append({"name": "state", "persistentVolumeClaim": {"claimName": names.claim}})
        mounts.append({"name": "state", "mountPath": STATE_DIR, "subPath": "state"})
    if plan.job.destination.file is not None:
        mounts.append({"name": "state", "mountPath": DATA_DIR, "subPath": "data"})
    return volumes, mounts


def _scratch(plan: JobPlan) -> dict[str, int]:
    """The folders on the node's disk, with the bytes that each may hold."""
    folders = {
        tmpfs.target: tmpfs.size
        for tmpfs in plan.container.tmpfs
        if tmpfs.target not in (SECRETS_DIR, STATE_DIR, DATA_DIR)
    }
    if plan.kubernetes.state is None or not _keeps_state(plan):
        folders[STATE_DIR] = parse_size(plan.kubernetes.scratch)
    return folders


def _longest_attempt(plan: JobPlan, timeout: float) -> float:
    """Seconds from a pod's creation to its end at the latest.

    The runner ends by itself after ``timeout``, so that its log and its result stay: a Job over its deadline
    loses its pod. That also counts the wait for a node.
    """
    return parse_duration(plan.kubernetes.start_timeout) + timeout + plan.container.stop_grace


def _keeps_state(plan: JobPlan) -> bool:
    """A check writes nothing that is worth a volume."""
    return plan.job.action == "sync"


def _quantity(size: str) -> str:
    """A size as Docker reads it in Kubernetes' units: ``512m`` would be half a byte there."""
    return bytes_quantity(parse_size(size))


def _readable(job: JobSpec) -> str:
    return json.dumps(json.loads(to_json(job)), indent=2, ensure_ascii=False) + "\n"


def _environment(plan: JobPlan, environment: Mapping[str, str]) -> dict[str, str]:
    """The variables, with those that name a bundle of certificates for the cluster's own, if it has one.

    The host's certificates stay on the host: a variable that names their place would name nothing.
    """
    kept = {name: value for name, value in environment.items() if value != CA_BUNDLE_TARGET}
    ours = {} if plan.kubernetes.ca_bundle is None else dict.fromkeys(CA_VARIABLES, CA_BUNDLE_TARGET)
    return {**ours, **kept}
