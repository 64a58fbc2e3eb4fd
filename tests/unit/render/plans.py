"""Plans made by hand, with a secret in each, for what is rendered of them."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from launcher.config.models import Kubernetes
from launcher.host.user import JobUser
from launcher.images.tags import Image
from launcher.plan.values import ContainerSpec, JobPlan, Mount, Tmpfs
from launcher.secrets.slices import Slice
from runner.contract import Destination, JobSpec
from tests.unit.engine.builders import ENVIRONMENT

SECRET = "hunter2-is-no-secret"
ROOT = Path("/srv/acme")


def plan(source: str = "jira_issues", **changes: Any) -> JobPlan:
    """A plan as ``launcher.plan.job.plan_job`` makes them, with fields of the plan replaced."""
    job = JobSpec(
        run_id="20260102T030405-abc123",
        token="f" * 32,
        project="acme",
        source=source,
        module="jira",
        function="jira",
        destination=Destination(type="postgres", shown="postgres"),
        pipeline_name=source,
        dataset_name=f"raw_{source}",
        kwargs={"projects": ["A", "B"], "since": "env:SINCE"},
        env={"TZ": "UTC", "SSL_CERT_FILE": "/etc/dltpod/ca.crt"},
    )
    state = ROOT / ".dltpod" / "state" / source
    container = ContainerSpec(
        name=f"dltpod-acme-{source}",
        image="ghcr.io/acme/dltpod:123e45678901234567890123-deploy",
        command=("/opt/venv/bin/python", "-S", "-m", "runner"),
        user=JobUser(uid=1000, gid=1000, owns_files=True),
        environment={"TZ": "UTC", "SSL_CERT_FILE": "/etc/dltpod/ca.crt"},
        mounts=(
            Mount(state, "/state", read_only=False),
            Mount(ROOT / "custom_sources", "/opt/custom_sources"),
        ),
        tmpfs=(Tmpfs("/tmp", size=1 << 30, mode=0o1777), Tmpfs("/run/secrets/dlt", size=8 << 20)),
        labels={"dltpod.project": "acme", "dltpod.source": source},
        working_dir="/opt/dltpod",
    )
    made = JobPlan(
        job=job,
        slice=Slice(
            files={
                "secrets.toml": f'[sources.jira]\ntoken = "{SECRET}"\n',
                "config.toml": "",
                "values.json": '{"SINCE": "2026-01-01"}',
            }
        ),
        container=container,
        state_dir=state,
        log_file=ROOT / ".dltpod" / "logs" / source / "run.log",
        image=Image(container.image, ENVIRONMENT),
    )
    return dataclasses.replace(made, **changes)


def job_from(cron_job: dict[str, Any], name: str | None = None) -> dict[str, Any]:
    """The Job that ``kubectl create job --from`` a CronJob makes."""
    metadata = {key: value for key, value in cron_job["metadata"].items() if key != "annotations"}
    template = cron_job["spec"]["jobTemplate"]
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {**metadata, **template["metadata"], "name": name or metadata["name"]},
        "spec": template["spec"],
    }


def with_container(made: JobPlan, **changes: Any) -> JobPlan:
    """The plan with fields of its container replaced."""
    return dataclasses.replace(made, container=dataclasses.replace(made.container, **changes))


def with_job(made: JobPlan, **changes: Any) -> JobPlan:
    """The plan with fields of its JobSpec replaced."""
    return dataclasses.replace(made, job=dataclasses.replace(made.job, **changes))


def with_kubernetes(made: JobPlan, **block: Any) -> JobPlan:
    """The plan with a ``kubernetes:`` block."""
    return dataclasses.replace(made, kubernetes=Kubernetes.model_validate(block))


def a_file_destination(made: JobPlan) -> JobPlan:
    """The plan loading into a DuckDB file."""
    destination = Destination(
        type="duckdb", file="/data/warehouse.duckdb", lock="/data/warehouse.duckdb.lock", shown="data"
    )
    data = Mount(ROOT / "data", "/data", read_only=False)
    made = with_job(made, destination=destination)
    return with_container(made, mounts=(*made.container.mounts, data))
