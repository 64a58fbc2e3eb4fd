"""What goes wrong in a cluster, each case for real: its name, its hint, and nothing left behind."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
import yaml

from launcher.engines.kubernetes.engine import KubernetesEngine
from launcher.engines.kubernetes.names import item
from launcher.errors import EngineError
from launcher.host.launchers import unknown
from launcher.runs.history import FAILED, OK
from launcher.runs.signals import Stopper
from runner.contract import ExitCode, FailureKind
from tests.kubernetes.cluster import Cluster
from tests.waiting import wait_for

QUICK = {"start_timeout": "8s"}


def test_out_of_memory_is_told_with_the_limit(cluster: Cluster) -> None:
    record = cluster.run(cluster.source("hog", "hog"))
    assert (record.status, record.failure_kind) == (FAILED, FailureKind.OUT_OF_MEMORY)
    assert "the limit is 300 MiB" in record.message
    assert record.attempts == 1


def test_out_of_memory_in_a_child_is_a_failure_with_a_reason(cluster: Cluster) -> None:
    record = cluster.run(cluster.source("hog", "hog", kwargs={"child": True}))
    assert record.status == FAILED
    assert record.failure_kind in (FailureKind.OUT_OF_MEMORY, FailureKind.EXTRACT)


def test_a_run_that_takes_too_long_ends_by_itself_and_leaves_its_log(cluster: Cluster) -> None:
    record = cluster.run(cluster.source("slow", "slow", container={"timeout": "6s"}))
    assert record.exit_code == ExitCode.FAILED
    assert "still here 3" in cluster.heard.lines
    assert (record.failure_kind, record.message) == (
        FailureKind.TIMEOUT,
        "stopped: it took longer than its timeout of 6 s",
    )


def test_a_full_scratch_volume_is_a_full_disk_at_once(cluster: Cluster) -> None:
    name = cluster.source("filler", "filler", kwargs={"megabytes": 60}, kubernetes={"scratch": "20m"})
    record = cluster.run(name)
    assert (record.failure_kind, record.attempts) == (FailureKind.DISK_FULL, 1), record.message
    assert "kubernetes.scratch" in record.hint


def test_a_source_that_fails_is_told_in_its_own_words_and_not_tried_again(cluster: Cluster) -> None:
    record = cluster.run(cluster.source("broken", "broken"))
    assert (record.failure_kind, record.attempts) == (FailureKind.EXTRACT, 1)
    assert "there is no such account" in record.message


def test_an_image_that_no_registry_has_is_told_with_the_line_that_pushes_it(cluster: Cluster) -> None:
    name = cluster.source("numbers", "numbers", kubernetes=QUICK)
    record = cluster.run(name, image="registry.invalid/acme/dltpod:none")
    assert record.failure_kind is FailureKind.IMAGE_GONE
    assert "can't pull the image" in record.message
    assert "dltpod build" in record.hint


def test_a_pod_that_no_node_takes_is_given_up_after_its_start_timeout(cluster: Cluster) -> None:
    name = cluster.source("numbers", "numbers", kubernetes={**QUICK, "node_selector": {"pool": "none"}})
    record = cluster.run(name)
    assert record.failure_kind is FailureKind.UNSCHEDULABLE
    assert "no node takes the pod" in record.message and "(waited" in record.message
    assert [note for note in cluster.heard.notes if "no node takes the pod" in note]


def test_a_service_account_that_is_not_there_is_told_at_once(cluster: Cluster) -> None:
    name = cluster.source("numbers", "numbers", kubernetes={"service_account": "nobody"})
    record = cluster.run(name)
    assert record.failure_kind is FailureKind.CONFIGURATION
    assert "ServiceAccount is not in the namespace" in record.message


def test_a_secret_that_something_else_should_keep_and_does_not_is_told(cluster: Cluster) -> None:
    name = cluster.source("numbers", "numbers", kubernetes={**QUICK, "secret": "from-vault"})
    record = cluster.run(name)
    assert record.failure_kind is FailureKind.SECRETS_MISSING
    assert "the Secret from-vault is not in the namespace" in record.message


def test_a_secret_that_something_else_keeps_is_used_as_it_stands(cluster: Cluster) -> None:
    body = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "from-vault"},
        "data": {"secrets.toml": base64.b64encode(cluster.postgres.toml.encode()).decode()},
    }
    path = f"/api/v1/namespaces/{cluster.namespace}/secrets"
    cluster.api.create(path, body)
    try:
        record = cluster.run(cluster.source("numbers", "numbers", kubernetes={"secret": "from-vault"}))
    finally:
        assert cluster.api.delete(f"{path}/from-vault")
    assert record.status == OK, record.message


def test_a_quota_that_is_used_up_is_told_and_leaves_nothing(cluster: Cluster) -> None:
    path = f"/api/v1/namespaces/{cluster.namespace}/resourcequotas"
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "small"},
        "spec": {"hard": {"requests.memory": "100Mi"}},
    }
    cluster.api.create(path, quota)
    try:
        wait_for(
            lambda: cluster.api.get(f"{path}/small").get("status", {}).get("hard"), text="the quota counts"
        )
        name = cluster.source("numbers", "numbers", kubernetes=QUICK, container={"retries": 0})
        record = cluster.run(name)
    finally:
        cluster.api.delete(f"{path}/small")
    assert record.failure_kind is FailureKind.QUOTA
    assert "quota is used up" in record.message


def test_an_account_that_may_not_create_jobs_is_told_the_role_that_would_do(
    cluster: Cluster, tmp_path: Path
) -> None:
    name = cluster.source("numbers", "numbers")
    rules = [{"apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["list"]}]
    record = cluster.run(name, environ=account(cluster, tmp_path, rules))
    assert record.failure_kind is FailureKind.FORBIDDEN
    assert (
        record.message
        == f"your account may not create jobs in namespace '{cluster.namespace}' of the cluster"
    )
    assert "create role dltpod" in record.hint and "rolebinding" in record.hint


def test_an_account_that_may_not_even_look_is_told_before_anything_starts(
    cluster: Cluster, tmp_path: Path
) -> None:
    name = cluster.source("numbers", "numbers")
    with pytest.raises(EngineError, match=f"may not list jobs in namespace '{cluster.namespace}'") as caught:
        cluster.run(name, environ=account(cluster, tmp_path, []))
    assert "create role dltpod" in caught.value.hint


def test_an_account_that_may_not_read_logs_still_gets_the_result(cluster: Cluster, tmp_path: Path) -> None:
    rules = [
        {"apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["*"]},
        {"apiGroups": [""], "resources": ["pods", "secrets", "configmaps"], "verbs": ["*"]},
    ]
    record = cluster.run(cluster.source("numbers", "numbers"), environ=account(cluster, tmp_path, rules))
    assert (record.status, dict(record.rows)) == (OK, {"numbers": 10})
    assert [note for note in cluster.heard.notes if "may not get pods/log" in note]


def test_a_namespace_that_is_not_there_is_told(cluster: Cluster) -> None:
    name = cluster.source("numbers", "numbers", kubernetes={"namespace": "not-there"})
    record = cluster.run(name)
    assert record.failure_kind is FailureKind.CONFIGURATION
    assert "there is no namespace 'not-there'" in record.message
    assert "kubectl create namespace not-there" in record.hint


def test_the_pod_deleted_by_hand_is_named_for_what_it_was(cluster: Cluster) -> None:
    running = cluster.in_background(cluster.source("slow", "slow", container={"retries": 0}))
    pod = cluster.pod()["metadata"]["name"]
    cluster.api.delete(item("Pod", cluster.namespace, pod))
    record = running.result()
    assert record.failure_kind is FailureKind.KILLED
    assert f"someone deleted the pod {pod}" in record.message
    assert record.transient


def test_the_job_deleted_by_hand_is_a_failure_and_not_a_hang(cluster: Cluster) -> None:
    running = cluster.in_background(cluster.source("slow", "slow"))
    job = cluster.pod()["metadata"]["labels"]["job-name"]
    cluster.api.delete(item("Job", cluster.namespace, job))
    record = running.result()
    assert (record.failure_kind, record.attempts) == (FailureKind.KILLED, 1)


def test_a_source_that_runs_is_refused_a_second_run(cluster: Cluster) -> None:
    name = cluster.source("slow", "slow", kwargs={"seconds": 8.0})
    running = cluster.in_background(name)
    cluster.pod()
    first = cluster.engine().running(cluster.name)
    second = cluster.run(name)
    assert second.failure_kind is FailureKind.ALREADY_RUNNING
    assert f"run {first[0].run_id}" in second.message
    assert running.result().status == OK


def test_ctrl_c_stops_the_pod_gently_and_the_runner_says_so(cluster: Cluster) -> None:
    stopper = Stopper()
    running = cluster.in_background(cluster.source("slow", "slow"), stopper=stopper)
    cluster.pod()
    stopper.ask()
    record = running.result(40)
    assert (record.failure_kind, record.exit_code) == (FailureKind.CANCELLED, 143)


def test_a_second_ctrl_c_ends_the_pod_at_once(cluster: Cluster) -> None:
    name = cluster.source("deaf", "deaf")
    stopper = Stopper()
    running = cluster.in_background(name, stopper=stopper)
    cluster.pod()
    stopper.ask()
    stopper.ask()
    # Its grace alone would be 20 s.
    wait_for(lambda: not cluster.objects("Pod"), 15, "the pod is gone")
    assert running.result().failure_kind is FailureKind.CANCELLED


def test_another_launcher_sees_a_run_and_stops_it(cluster: Cluster) -> None:
    name = cluster.source("slow", "slow")
    running = cluster.in_background(name)
    cluster.pod()
    other = cluster.engine()
    [seen] = other.running(cluster.name)
    assert (seen.source, seen.state) == (name, "running")
    stopped = other.stop(cluster.name, name, grace=15.0)
    assert stopped is not None and stopped.run_id == seen.run_id
    assert running.result().failure_kind in (FailureKind.KILLED, FailureKind.CANCELLED)
    assert other.running(cluster.name) == []


def test_the_result_comes_whole_though_the_termination_message_is_too_short_for_it(cluster: Cluster) -> None:
    record = cluster.run(cluster.source("many", "many_tables", kwargs={"tables": 120}))
    assert record.status == OK, record.message
    assert len(record.rows) == 120


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({"HOME": "/nonexistent"}, "there is no kubeconfig"),
        ({"KUBECONFIG": "/nonexistent/config"}, "which does not exist"),
        ({"DLTPOD_KUBE_CONTEXT": "produktion"}, "names the context 'produktion'"),
    ],
)
def test_without_a_way_to_the_cluster_the_reason_is_told(
    cluster: Cluster, environ: dict[str, str], words: str
) -> None:
    given = {**cluster.environ, **environ}
    if "HOME" in environ:
        del given["KUBECONFIG"]
    with pytest.raises(EngineError, match=words) as caught:
        KubernetesEngine(environ=given, alive=unknown).facts()
    assert caught.value.hint


def test_an_expired_token_is_told(cluster: Cluster, tmp_path: Path) -> None:
    environ = kubeconfig(cluster, tmp_path, {"token": "eyJhbGciOiJSUzI1NiJ9.e30.expired"})
    with pytest.raises(EngineError, match="does not know these credentials any more") as caught:
        KubernetesEngine(environ=environ, alive=unknown).running("x")
    assert "log in again" in caught.value.hint


def test_a_server_that_does_not_answer_is_told(cluster: Cluster, tmp_path: Path) -> None:
    environ = kubeconfig(cluster, tmp_path, {"token": "x"}, server="https://127.0.0.1:1")
    with pytest.raises(EngineError, match=r"API server https://127\.0\.0\.1:1 does not answer"):
        KubernetesEngine(environ=environ, alive=unknown).facts()


def account(cluster: Cluster, folder: Path, rules: list[dict[str, Any]]) -> dict[str, str]:
    """The environment of one who may do no more than ``rules`` say."""
    name = cluster.name
    base, rbac = f"/api/v1/namespaces/{cluster.namespace}", "/apis/rbac.authorization.k8s.io/v1"
    meta = {"name": name}
    cluster.api.create(f"{base}/serviceaccounts", {"metadata": meta})
    cluster.api.create(f"{rbac}/namespaces/{cluster.namespace}/roles", {"metadata": meta, "rules": rules})
    cluster.api.create(
        f"{rbac}/namespaces/{cluster.namespace}/rolebindings",
        {
            "metadata": meta,
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name},
            "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": cluster.namespace}],
        },
    )
    token = cluster.api.create(
        f"{base}/serviceaccounts/{name}/token",
        {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {"expirationSeconds": 3600},
        },
    )
    return kubeconfig(cluster, folder, {"token": token["status"]["token"]})


def kubeconfig(
    cluster: Cluster, folder: Path, user: dict[str, str], *, server: str | None = None
) -> dict[str, str]:
    """The environment of a user with a kubeconfig of its own for the same cluster."""
    document = yaml.safe_load(Path(cluster.environ["KUBECONFIG"]).read_text())
    document["users"] = [{"name": "test", "user": user}]
    for context in document["contexts"]:
        context["context"]["user"] = "test"
    if server is not None:
        for entry in document["clusters"]:
            entry["cluster"]["server"] = server
    file = folder / "kubeconfig"
    file.write_text(yaml.safe_dump(document))
    return {**cluster.environ, "KUBECONFIG": str(file)}
