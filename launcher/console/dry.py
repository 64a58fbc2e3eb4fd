"""What a dry run shows: each job as it would start."""

from __future__ import annotations

import json
import threading

from launcher.config.units import size
from launcher.console.text import seconds
from launcher.plan.values import JobPlan
from launcher.runs.listeners import Listener


class Plans(Listener):
    """Keeps the plans."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._plans: dict[str, JobPlan] = {}

    def planned(self, source: str, plan: JobPlan) -> None:
        with self._lock:
            self._plans[source] = plan

    def text(self) -> str:
        """All of them."""
        return "\n\n".join(describe(plan) for plan in self._plans.values())


def describe(plan: JobPlan) -> str:
    """One job: what it runs, in what, within which walls. No secret is among it."""
    job, container = plan.job, plan.container
    facts = [
        ("runs", f"{job.module}.{job.function}"),
        ("arguments", json.dumps(job.kwargs, ensure_ascii=False) if job.kwargs else ""),
        ("resources", ", ".join(job.resources)),
        ("with", json.dumps(job.resource_kwargs, ensure_ascii=False) if job.resource_kwargs else ""),
        ("interval", "" if job.interval is None else str(job.interval)),
        ("into", f"{job.destination.shown or job.destination.type}, dataset {job.dataset_name}"),
        ("from scratch", "tables and cursors are reset first" if job.full_refresh else ""),
        ("image", container.image),
        *(("adds", f"{item.text}, {item.origin}") for item in plan.image.added),
        *(("note", note) for note in plan.image.notes),
        ("container", container.name),
        ("user", f"{container.user.uid}:{container.user.gid}"),
        ("memory", size(container.memory)),
        ("cpus", "" if container.cpus is None else f"{container.cpus:g}"),
        ("timeout", "" if plan.timeout is None else seconds(plan.timeout)),
        (
            "network",
            container.network + (f", only {', '.join(container.egress)}" if container.egress else ""),
        ),
        ("secrets", ", ".join(plan.slice.names)),
    ]
    facts += [
        ("mount", f"{m.source} at {m.target}{'' if m.read_only else ', writable'}") for m in container.mounts
    ]
    lines = [f"    {name:<12} {value}" for name, value in facts if value]
    return "\n".join([job.source, *lines])
