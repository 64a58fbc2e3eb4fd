"""What a dry run shows: each job as it would start."""

from __future__ import annotations

import json

from launcher.config.units import size
from launcher.console.text import seconds
from launcher.plan.values import JobPlan
from launcher.runs.listeners import Listener


class Plans(Listener):
    """Describes each job that is planned."""

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}

    def planned(self, source: str, plan: JobPlan) -> None:
        self._texts[source] = describe(plan)

    def text(self) -> str:
        """The plans, each as ``describe`` shows it."""
        return "\n\n".join(self._texts.values())


def describe(plan: JobPlan) -> str:
    """One job: what it runs, in which image and container, with which limits. The text holds no secret."""
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
        *(("adds", f"{item.text}, {item.origin}") for item in plan.image.environment.added),
        *(("note", note) for note in plan.image.environment.notes),
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
