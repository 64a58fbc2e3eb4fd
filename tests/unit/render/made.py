"""What is rendered of one plan, by kind."""

from __future__ import annotations

from typing import Any

from launcher.plan.values import JobPlan
from launcher.render.kubernetes import documents
from tests.unit.render.plans import job_from


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
