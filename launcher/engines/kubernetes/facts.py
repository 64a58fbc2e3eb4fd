"""A cluster as EngineFacts, and its Jobs as Running. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from launcher.engines.kubernetes.outcome import finished
from launcher.engines.protocol import Running
from launcher.errors import AlreadyRunning
from launcher.plan.job import LABEL_PROJECT, LABEL_RUN, LABEL_SOURCE
from launcher.plan.values import EngineFacts

KNOWS_FAILURE_POLICY = (1, 26)
"""The first server whose Jobs can replace an evicted pod without counting a failure (podFailurePolicy)."""


def already_running(source: str, job: Mapping[str, Any]) -> AlreadyRunning:
    """The error for a source that ``job`` runs already."""
    row = described(job)
    return AlreadyRunning(
        f"{source} is already running: run {row.run_id}, since {row.started} (Job {row.container})",
        f"`dltpod stop {source} --engine kubernetes` stops it, --wait waits",
    )


def described(job: Mapping[str, Any], *, pending: bool = False) -> Running:
    """A Job as ``dltpod ps`` shows it. ``pending``: none of its pods runs yet."""
    metadata, status = job["metadata"], job.get("status", {})
    labels = metadata.get("labels") or {}
    # A Job counts a pod as active while it still waits for a node or an image.
    active = "pending" if pending else "running"
    return Running(
        project=str(labels.get(LABEL_PROJECT, "")),
        source=str(labels.get(LABEL_SOURCE, "")),
        run_id=run_of(job),
        container=str(metadata.get("name", "")),
        started=str(status.get("startTime") or metadata.get("creationTimestamp", "")),
        state="exited" if finished(job) else active if status.get("active") else "created",
    )


def run_of(job: Mapping[str, Any]) -> str:
    """A run's id. The run of a CronJob has none of dltpod's: the name of its Job stands for it."""
    metadata = job["metadata"]
    return str((metadata.get("labels") or {}).get(LABEL_RUN) or metadata.get("name", ""))


def facts_of(version: Mapping[str, Any], platforms: set[str]) -> EngineFacts:
    """A cluster's facts, from the answer to ``/version`` and the platforms of its nodes; empty: unknown."""
    facts = EngineFacts(
        name=f"Kubernetes {version.get('gitVersion', '')}".strip(),
        version=f"{version.get('major', '')}.{re.sub('[^0-9].*', '', str(version.get('minor', '')))}",
        remote=True,
        own_hosts=True,
        platform="linux/amd64" if not platforms or "linux/amd64" in platforms else sorted(platforms)[0],
        problems=("the limit of processes is the cluster's own (kubelet: podPidsLimit)",),
    )
    if version_of(facts) >= KNOWS_FAILURE_POLICY:
        return facts
    without = (
        f"Kubernetes {facts.version} knows no podFailurePolicy: an evicted run is tried again by dltpod, "
        "not by the cluster"
    )
    return replace(facts, problems=(*facts.problems, without))


def version_of(facts: EngineFacts) -> tuple[int, ...]:
    """The server's version as numbers: ``(1, 33)``."""
    return tuple(int(part) for part in facts.version.split(".") if part.isdigit())
