"""A job's plan as Kubernetes objects, plain dicts ready for YAML or the API. Pure.

The pod meets the restricted Pod Security Standard. It is the same for a rendered CronJob and for a
run that the launcher starts; what differs is how often it is tried and how long it stays.
"""

from __future__ import annotations

import dataclasses
import json
import math
from typing import Any

from launcher.config.units import parse_duration
from launcher.engines.kubernetes.names import CONTAINER, IN_CLAIM, Names, labels_of_source, manifest
from launcher.engines.kubernetes.pod import (
    PASSWD_KEY,
    TERMINATION_FILE,
    environment_of,
    keeps_state,
    metadata_of,
    quantity,
    scratch,
    template,
)
from launcher.errors import ConfigurationError
from launcher.plan.job import CA_BUNDLE_TARGET
from launcher.plan.values import JobPlan
from runner import contract
from runner.contract import CUSTOM_SOURCES_DIR, DATA_DIR, STATE_DIR, ExitCode, JobSpec

TERMINATION_BYTES = 4096
"""What the kubelet keeps of that file, and so the largest result."""
JOB_KEY = "job.json"
PASSWD = "root:x:0:0:root:/root:/sbin/nologin\ndltpod:x:{uid}:{uid}:dltpod:/tmp:/sbin/nologin\n"
"""psycopg2 asks for the uid's name unless a connection string holds a user."""

_HOST_MOUNTS = (STATE_DIR, DATA_DIR, CUSTOM_SOURCES_DIR, "/etc/passwd", CA_BUNDLE_TARGET)
"""Mounts that dltpod itself adds on a host, each of which has another form here."""
NEVER = "0 0 1 1 *"
"""The schedule of a suspended CronJob: it has to have one."""
FINAL = (ExitCode.FAILED, ExitCode.INTERNAL, ExitCode.CONFIGURATION)
"""The runner's exit codes for what would fail again."""


def pod_job_spec(plan: JobPlan, names: Names) -> JobSpec:
    """The JobSpec for a runner in a pod: it watches no standard input, and its result fits the kubelet."""
    job = plan.job
    destination = job.destination
    if destination.file is not None and keeps_state(plan):
        inside = destination.file.lstrip("/")
        destination = dataclasses.replace(destination, shown=f"{inside}{IN_CLAIM}{names.claim}")
    return dataclasses.replace(
        job,
        destination=destination,
        stop_on_eof=False,
        result_file=TERMINATION_FILE,
        result_bytes=TERMINATION_BYTES,
        timeout=plan.timeout,
        scratch=scratch(plan),
        env=environment_of(plan, job.env),
    )


def check_plan(plan: JobPlan) -> None:
    """Refuse what Kubernetes can't do for this plan. Raises ConfigurationError with the way out.

    What is wrong with the pod's own form, ``job`` refuses.
    """
    source = plan.job.source
    for mount in plan.container.mounts:
        if mount.target not in _HOST_MOUNTS and not mount.target.startswith(f"{DATA_DIR}/"):
            raise ConfigurationError(
                f"{source}: mount {mount.source} is a folder of this host; a cluster's nodes don't have it",
                "let the source read it over the network, or put it into custom_sources/, which images hold",
            )
    if plan.job.destination.file is not None and plan.kubernetes.state is None:
        raise ConfigurationError(
            f"{source}: destination '{plan.job.destination.type}' is a file; a pod's files vanish with it",
            "set kubernetes.state: {size: 1Gi} for a volume that stays, or load into a database or bucket",
        )


def config_map(plan: JobPlan, names: Names) -> dict[str, Any]:
    """The ConfigMap with the JobSpec, which holds no secret, and the passwd file."""
    job = json.dumps(contract.plain(pod_job_spec(plan, names)), indent=2, ensure_ascii=False)
    data = {JOB_KEY: f"{job}\n", PASSWD_KEY: PASSWD.format(uid=plan.kubernetes.uid)}
    return manifest("ConfigMap", {"name": names.config_map, "labels": dict(names.labels)}, data=data)


def secret(plan: JobPlan, names: Names) -> dict[str, Any]:
    """The Secret with the slice, in clear: for the API, and for a rendering that asks for it."""
    metadata = {"name": names.secret, "labels": dict(names.labels)}
    return manifest("Secret", metadata, type="Opaque", stringData=dict(plan.slice.files))


def claim(plan: JobPlan, names: Names) -> dict[str, Any] | None:
    """The PersistentVolumeClaim for the state, None where none is asked for, or no state kept.

    It is the source's, so it has no label of a run.
    """
    state = plan.kubernetes.state
    if state is None or not keeps_state(plan):
        return None
    spec: dict[str, Any] = {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": quantity(state.size)}},
    }
    if state.storage_class is not None:
        spec["storageClassName"] = state.storage_class
    metadata = {"name": names.claim, "labels": labels_of_source(plan.job)}
    return manifest("PersistentVolumeClaim", metadata, spec=spec)


def service_account(names: Names) -> dict[str, Any]:
    """A ServiceAccount without a token: a source has no business with the API server."""
    metadata = {"name": names.service_account, "labels": dict(names.labels)}
    return manifest("ServiceAccount", metadata, automountServiceAccountToken=False)


def job(plan: JobPlan, names: Names, *, retries: int, keep: float, policy: bool) -> dict[str, Any]:
    """A batch/v1 Job. Seconds: ``keep`` is how long it stays when it is over.

    ``retries`` is how often Kubernetes may try again by itself. ``policy`` adds a podFailurePolicy,
    which servers from 1.26 know: an eviction is not counted, and what the runner calls final is not repeated.
    Raises ConfigurationError for an affinity or overrides that make no pod, or take down a wall.
    """
    spec: dict[str, Any] = {"backoffLimit": retries, "completions": 1, "parallelism": 1}
    if plan.timeout is not None:
        # The runner ends by itself after its timeout, so that its log and its result stay: a Job over its
        # deadline loses its pod. That also counts the wait for a node.
        longest = parse_duration(plan.kubernetes.start_timeout) + plan.timeout + plan.container.stop_grace
        spec["activeDeadlineSeconds"] = math.ceil((retries + 1) * longest)
    spec["ttlSecondsAfterFinished"] = math.ceil(keep)
    if policy:
        spec["podFailurePolicy"] = _failure_policy()
    spec["template"] = template(plan, names)
    return manifest("Job", metadata_of(plan, names.labels, names.job), spec=spec)


def cron_job(
    plan: JobPlan, names: Names, *, schedule: str | None, retries: int, keep: float
) -> dict[str, Any]:
    """A batch/v1 CronJob that never runs a source twice at once and catches up one missed start.

    Without a schedule, or for a source that is disabled, it is suspended: it starts nothing by itself. A Job
    of its own would do for neither: its pod can't be changed by an apply, and once the cluster has removed
    it, an apply runs it again.
    """
    made = job(plan, names, retries=retries, keep=keep, policy=True)
    spec = {
        "schedule": schedule or NEVER,
        "timeZone": plan.kubernetes.timezone,
        "suspend": schedule is None or not plan.enabled,
        "concurrencyPolicy": "Forbid",
        "startingDeadlineSeconds": 300,
        "successfulJobsHistoryLimit": 1,
        "failedJobsHistoryLimit": 3,
        "jobTemplate": {"metadata": metadata_of(plan, names.labels), "spec": made["spec"]},
    }
    return manifest("CronJob", made["metadata"], spec=spec)


def _failure_policy() -> dict[str, Any]:
    """The first rule that fits decides: a pod that was taken away counts no failure, a final one ends all.

    Whatever else counts and is repeated: 75 is the runner's own word for that, 255 is a node that crashed,
    143 a pod that was deleted, 137 one that was killed.
    """
    final = {"containerName": CONTAINER, "operator": "In", "values": [int(code) for code in FINAL]}
    return {
        "rules": [
            {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
            {"action": "FailJob", "onExitCodes": final},
        ]
    }
