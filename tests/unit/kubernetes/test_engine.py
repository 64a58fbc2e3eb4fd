"""What a run makes in the cluster, in which order, and what it leaves: a fake API that remembers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import pytest

from launcher.engines.kubernetes.api import Api, ApiError
from launcher.engines.kubernetes.engine import KubernetesEngine
from launcher.engines.protocol import Ended, StopRequest
from launcher.errors import AlreadyRunning
from launcher.host.launchers import unknown
from launcher.runs.listeners import Listener
from runner.contract import FailureKind
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
        self.objects[at] = {**body, "metadata": {**body["metadata"], "uid": "1", "creationTimestamp": "now"}}
        self.created.append(path.rpartition("/")[2])
        return self.objects[at]

    def delete(self, path: str, *, propagation: str = "Background", grace: int | None = None) -> bool:
        return self.objects.pop(path, None) is not None

    def holds(self, **job: Any) -> None:
        """A Job with the name of the source's run."""
        path = "/apis/batch/v1/namespaces/ns/jobs/dltpod-acme-shop"
        self.objects[path] = {"metadata": {"name": "dltpod-acme-shop", "creationTimestamp": "then"}, **job}
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
    assert run(server).kind is FailureKind.FORBIDDEN
    assert server.objects == {}


def test_a_run_that_may_make_no_volume_claim_says_so_and_leaves_nothing() -> None:
    server = Server("/persistentvolumeclaims")
    ended = run(server)
    assert ended.kind is FailureKind.FORBIDDEN
    assert "may not create persistentvolumeclaims" in ended.message
    assert server.objects == {}


def test_a_finished_job_of_an_earlier_run_is_replaced() -> None:
    server = Server("/secrets")
    server.holds(status=COMPLETE, labels={**LABELS, "dltpod.run": "earlier"})
    run(server)
    assert server.created == ["jobs"]


def test_what_the_cluster_can_not_do_is_told_without_the_name_that_stands_before_it_anyway() -> None:
    ended = run(Server(), egress=("api.example.com:443",))
    assert ended.kind is FailureKind.CONFIGURATION
    assert ended.message.startswith("egress 'api.example.com:443' names a host")


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
