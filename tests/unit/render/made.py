"""What is rendered of one plan, by kind."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from launcher.plan.values import JobPlan
from launcher.render import compose, kubernetes
from launcher.render.kubernetes import documents
from launcher.render.kustomization import RenderedFile
from tests.unit.render.plans import job_from


def compose_file(
    plans: Sequence[JobPlan], *, root: Path, folder: Path | None = None, file: str = "compose.yml"
) -> str:
    """The Compose file of these plans, in ``folder`` of the project ``root``."""
    return compose.together(
        [compose.make(plan, root, folder or root) for plan in plans], root=root, file=file
    )


def kubernetes_files(
    plans: Sequence[JobPlan], *, with_secrets: bool = False, kept: Collection[RenderedFile] = ()
) -> dict[str, str]:
    """The folder of these plans, by the names of its files."""
    return kubernetes.together([kubernetes.make(plan, with_secrets=with_secrets) for plan in plans], kept)


def objects(plan: JobPlan) -> dict[str, dict[str, Any]]:
    """What runs a source, by kind; ``Job`` is the CronJob's template."""
    made = {document["kind"]: document for document in documents(plan)}
    return {**made, "Job": job_from(made["CronJob"])}


def pod_of(document: dict[str, Any]) -> dict[str, Any] | None:
    spec = document.get("spec", {})
    if document["kind"] == "CronJob":
        spec = spec["jobTemplate"]["spec"]
    template = spec.get("template", {})
    found = template.get("spec")
    assert found is None or isinstance(found, dict)
    return found
