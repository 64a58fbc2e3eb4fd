"""What a run makes in the cluster, in which order, and what it leaves: a fake API that remembers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import pytest

from launcher import config
from launcher.engines.kubernetes.api import Api, ApiError
from launcher.engines.kubernetes.engine import KubernetesEngine
from launcher.engines.protocol import Ended, StopRequest
from launcher.errors import AlreadyRunning
from launcher.host.launchers import unknown
from launcher.runs.history import OK, History
from launcher.runs.interrupted import record_own_runs
from launcher.runs.listeners import Listener
from runner.contract import FailureKind
from tests.unit.engine.builders import seen
from tests.unit.kubernetes.pods import ended, result
from tests.unit.render.plans import plan, with_container, with_kubernetes

LABELS = {"dltpod.project": "acme", "dltpod.source": "shop", "dltpod.action": "sync"}
COMPLETE = {"conditions": [{"type": "Complete", "status": "True"}]}


class Server:
    """Holds objects by path. ``refuses`` are the collections in which nothing may be created."""

    server, namespace = "https://fake", "ns"

    def __init__(self, *refuses: str) -> None:
        self.objects: dict[str, dict[str, Any]] = {}
        self.created: list[str] = []
        self.refuses = refuses

    def get(self, path: str, query: Mapping[str, str] | None = None) -> dict[str, Any]:
        if path == "/version":
            return {"major": "1", "minor": "33", "gitVersion": "v1.33.0"}
        if path.endswith(("/jobs", "/pods", "/nodes")):
            return {"items": [body for at, body in self.objects.items() if at.startswith(f"{path}/")]}
        if path not in self.objects:
            raise ApiError(404, "NotFound", "not there")
        return self.objects[path]

    def create(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        if path.endswith(self.refuses):
            resource = path.rpartition("/")[2]
            raise ApiError(403, "Forbidden", f'cannot create resource "{resource}" in the namespace "ns"')
        at = f"{path}/{body['metadata']['name']}"
        if at in self.objects:
            raise ApiError(409, "AlreadyExists", "it is there")
        self.objects[at] = {
            **body,
            "metadata": {**body["metadata"], "namespace": "ns", "uid": "1", "creationTimestamp": "now"},
        }
        self.created.append(path.rpartition("/")[2])
        return self.objects[at]

    def delete(self, path: str, *, propagation: str = "Background", grace: int | None = None) -> bool:
        return self.objects.pop(path, None) is not None

    def holds(self, **job: Any) -> None:
        """A Job with the name of the source's run."""
        path = "/apis/batch/v1/namespaces/ns/jobs/dltpod-acme-shop"
        self.objects[path] = {
            "metadata": {"name": "dltpod-acme-shop", "namespace": "ns", "creationTimestamp": "then"},
            **job,
        }
        self.objects[path]["metadata"]["labels"] = job.get("labels", LABELS)


def run(server: Server, **container: Any) -> Ended:
    engine = KubernetesEngine(environ={}, alive=unknown)
    engine._connected = cast(Api, server)
    made = with_container(with_kubernetes(plan("shop"), state={"size": "1Gi"}), **container)
    return engine.run(made, Listener(), StopRequest())


def test_a_run_that_is_refused_makes_no_volume_claim() -> None:
    server = Server()
    server.holds(status={"active": 1})
    with pytest.raises(AlreadyRunning):
        run(server)
    assert server.created == []


def test_a_run_that_may_make_no_secret_leaves_nothing() -> None:
    server = Server("/secrets")
    assert seen(run(server)).kind is FailureKind.FORBIDDEN
    assert server.objects == {}


def test_a_run_that_may_make_no_volume_claim_says_so_and_leaves_nothing() -> None:
    server = Server("/persistentvolumeclaims")
    refused = run(server)
    assert seen(refused).kind is FailureKind.FORBIDDEN
    assert "may not create persistentvolumeclaims" in seen(refused).message
    assert server.objects == {}


def test_a_finished_job_of_an_earlier_run_is_replaced() -> None:
    server = Server("/secrets")
    server.holds(status=COMPLETE, labels={**LABELS, "dltpod.run": "earlier"})
    run(server)
    assert server.created == ["jobs"]


def test_what_the_cluster_can_not_do_is_told_without_the_name_that_stands_before_it_anyway() -> None:
    refused = run(Server(), egress=("api.example.com:443",))
    assert seen(refused).kind is FailureKind.CONFIGURATION
    assert seen(refused).message.startswith("egress 'api.example.com:443' names a host")


@pytest.mark.parametrize(
    ("status", "phase", "state"),
    [
        ({"active": 1}, "Running", "running"),
        ({"active": 1}, "Pending", "pending"),
        ({"active": 1}, None, "pending"),
        ({}, None, "created"),
    ],
)
def test_a_job_is_running_once_its_pod_is(status: dict[str, int], phase: str | None, state: str) -> None:
    server = Server()
    server.holds(status=status)
    if phase is not None:
        server.objects["/api/v1/namespaces/ns/pods/p"] = {
            "metadata": {"name": "p", "labels": {"job-name": "dltpod-acme-shop"}},
            "status": {"phase": phase},
        }
    engine = KubernetesEngine(environ={}, alive=unknown)
    engine._connected = cast(Api, server)
    assert [row.state for row in engine.running("acme")] == [state]
    assert [row.runs for row in engine.running("acme")] == [True]


def cron_jobs_run(server: Server, name: str, status: dict[str, Any], *pods: dict[str, Any]) -> None:
    """A Job as a CronJob's controller makes it, with its pods."""
    metadata = {
        "name": name,
        "namespace": "ns",
        "creationTimestamp": "2026-11-26T15:00:00Z",
        "labels": LABELS,
    }
    server.objects[f"/apis/batch/v1/namespaces/ns/jobs/{name}"] = {
        "metadata": metadata,
        "spec": {"activeDeadlineSeconds": 90},
        "status": {"startTime": "2026-11-26T15:00:01Z", **status},
    }
    for pod in pods:
        pod["metadata"]["labels"] = {**LABELS, "job-name": name}
        pod["spec"]["containers"] = [{"name": "runner", "resources": {"limits": {"memory": "512Mi"}}}]
        server.objects[f"/api/v1/namespaces/ns/pods/{pod['metadata']['name']}"] = pod


def over(kind: str, reason: str = "") -> dict[str, Any]:
    moment = "2026-11-26T15:00:31Z"
    return {
        "conditions": [{"type": kind, "status": "True", "reason": reason, "lastTransitionTime": moment}],
        **({"completionTime": moment} if kind == "Complete" else {}),
    }


def test_runs_of_a_cluster_s_own_are_taken_into_history_once(tmp_path: Path) -> None:
    server = Server()
    server.holds(status={"active": 1}, labels={**LABELS, "dltpod.run": "a-launchers"})
    cron_jobs_run(server, "shop-1", over("Complete") | {"succeeded": 1}, ended(0, said=result(rows={"t": 7})))
    earlier = ended(75, name="p-2", uid="2", said=result("failed", 75))
    last = ended(1, name="p-3", uid="3", said=result("failed", 1))
    cron_jobs_run(server, "shop-2", over("Failed", "PodFailurePolicy") | {"failed": 2}, earlier, last)
    cron_jobs_run(server, "shop-3", over("Failed", "DeadlineExceeded") | {"failed": 1})
    cron_jobs_run(server, "shop-4", {"active": 1})
    engine = KubernetesEngine(environ={}, alive=unknown)
    engine._connected = cast(Api, server)
    (tmp_path / "sources.yml").write_text(
        "{version: 1, project: acme, sources: [{name: shop, type: dlt_native,"
        " dlt_native: {source_module: shop, source_function: shop}}]}"
    )
    project = config.load(tmp_path / "sources.yml")
    history = History(project.private)
    assert {record.run_id for record in record_own_runs(engine, project, history)} == {
        "shop-1",
        "shop-2",
        "shop-3",
    }
    assert record_own_runs(engine, project, history) == ()
    kept = {record.run_id: record for record in history.runs()}
    assert (kept["shop-1"].status, dict(kept["shop-1"].rows), kept["shop-1"].seconds) == (OK, {"t": 7}, 30.0)
    assert (kept["shop-1"].started, kept["shop-1"].ended) == (
        "2026-11-26T15:00:01.000Z",
        "2026-11-26T15:00:31.000Z",
    )
    assert (kept["shop-2"].failure_kind, kept["shop-2"].attempts) == (FailureKind.EXTRACT, 2)
    assert kept["shop-3"].failure_kind is FailureKind.TIMEOUT
