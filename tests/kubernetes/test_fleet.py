"""Many sources, states on volumes, checks, and what the renderings come to on a server."""

from __future__ import annotations

from typing import Any

from launcher import config
from launcher.engines.kubernetes.facts import KNOWS_FAILURE_POLICY, version_of
from launcher.engines.kubernetes.names import collection, item
from launcher.plan.options import SyncOptions
from launcher.render.kubernetes import documents
from launcher.render.plans import plans
from launcher.runs.history import OK, History
from launcher.runs.interrupted import record_own_runs
from runner.contract import EVENT_MARK, FailureKind
from tests.kubernetes.cluster import Cluster
from tests.unit.render.plans import job_from
from tests.waiting import wait_for


def test_twenty_sources_at_eight_at_once_all_load_their_rows(cluster: Cluster) -> None:
    names = [
        cluster.source(
            f"numbers_{number}", "numbers", kwargs={"last": 10 + number}, container={"memory": "256m"}
        )
        for number in range(20)
    ]
    records = cluster.sync(*names, jobs=8)
    assert [(r.source, r.status, r.message) for r in records] == [(name, OK, "") for name in names]
    assert [cluster.postgres.count(cluster.table(name, "numbers")) for name in names] == [
        10 + number for number in range(20)
    ]


def test_the_rows_are_those_that_the_docker_engine_loads(cluster: Cluster) -> None:
    on_cluster = cluster.source("on_cluster", "numbers", kwargs={"last": 50})
    on_docker = cluster.source("on_docker", "numbers", kwargs={"last": 50})
    assert cluster.run(on_cluster).status == OK
    record = cluster.run_on_docker(on_docker)
    assert record.status == OK, record.message
    query = "select id, square from {} order by id"
    assert cluster.postgres.rows(query.format(cluster.table(on_cluster, "numbers"))) == cluster.postgres.rows(
        query.format(cluster.table(on_docker, "numbers"))
    )


def test_a_state_on_a_volume_stays_there_between_runs(cluster: Cluster) -> None:
    name = cluster.source("numbers", "numbers", kubernetes={"state": {"size": "100Mi"}})
    assert cluster.run(name).status == OK
    second = cluster.run(name, set={"last": 12})
    assert (second.status, dict(second.rows)) == (OK, {"numbers": 2})
    [claim] = cluster.objects("PersistentVolumeClaim")
    assert claim["status"]["phase"] == "Bound"
    cluster.remove_claims()


def test_a_file_destination_lives_on_the_volume(cluster: Cluster) -> None:
    name = cluster.source("numbers", "numbers", destination="duckdb", kubernetes={"state": {"size": "100Mi"}})
    first = cluster.run(name, image=cluster.image)
    assert first.status == OK, first.message
    second = cluster.run(name, image=cluster.image, set={"last": 12})
    assert (second.status, dict(second.rows), second.first_run) == (OK, {"numbers": 2}, False)
    cluster.remove_claims()


def test_a_file_destination_without_a_volume_is_refused(cluster: Cluster) -> None:
    record = cluster.run(cluster.source("numbers", "numbers", destination="duckdb"), image=cluster.image)
    assert record.failure_kind is FailureKind.CONFIGURATION
    assert "a pod's files vanish with it" in record.message


def test_a_deep_check_resolves_everything_in_a_pod_and_extracts_nothing(cluster: Cluster) -> None:
    name = cluster.source("walls", "walls")
    record = cluster.run(name, action="check")
    assert record.status == OK, record.message
    assert [verdict["what"] for verdict in record.verdicts if not verdict["ok"]] == []
    assert record.verdicts
    assert (
        cluster.postgres.rows(f"select 1 from pg_namespace where nspname = '{cluster.dataset(name)}'") == []
    )


def test_the_rendered_objects_run_a_source_on_the_server(cluster: Cluster) -> None:
    name = cluster.source("numbers", "numbers")
    for document in rendered(cluster, name):
        create(cluster, document)
    wait_for(lambda: job(cluster, name).get("status", {}).get("succeeded"), text="the Job succeeds")
    assert cluster.postgres.count(cluster.table(name, "numbers")) == 10
    [taken] = record_own_runs(cluster.engine(), cluster.project, History(cluster.project.private))
    assert (taken.source, taken.status, dict(taken.rows)) == (name, OK, {"numbers": 10})
    remove_rendered(cluster, name)


def test_the_server_adds_defaults_to_what_is_rendered_and_changes_nothing(cluster: Cluster) -> None:
    name = cluster.source(
        "numbers",
        "numbers",
        container={"cpus": 2.0, "timeout": "10m", "egress": ["203.0.113.0/24:443"]},
        kubernetes={
            "state": {"size": "512m"},
            "node_selector": {"kubernetes.io/os": "linux"},
            "labels": {"team": "crm"},
            "requests": {"cpu": 0.5, "memory": "64m", "scratch": "1g"},
            "tolerations": [{"key": "spot", "operator": "Exists", "effect": "NoSchedule"}],
            "affinity": {"podAffinity": {}},
            "priority_class": "batch",
            "runtime_class": "gvisor",
            "ca_bundle": {"config_map": "company-ca"},
            "pod_overrides": {"dnsConfig": {"options": [{"name": "ndots", "value": "1"}]}},
        },
    )
    closed = cluster.source("closed", "numbers", container={"network": "none"})
    for document in [*rendered(cluster, name), *rendered(cluster, closed)]:
        if document["kind"] == "Secret":
            continue  # the server keeps its values encoded
        query = {"fieldValidation": "Strict", "dryRun": "All"}
        stored = cluster.api._json("POST", place(cluster, document["kind"]), query, document)
        dropped = lost(document, stored, document["kind"])
        old = version_of(cluster.engine().facts()) < KNOWS_FAILURE_POLICY
        assert dropped == (["Job.spec.podFailurePolicy"] if old and document["kind"] == "Job" else [])


def lost(given: Any, stored: Any, where: str) -> list[str]:
    """The places at which the stored object hasn't what was given."""
    if isinstance(given, dict):
        if not isinstance(stored, dict):
            return [where]
        return [p for key in given for p in lost(given[key], stored.get(key), f"{where}.{key}")]
    if isinstance(given, list):
        if not isinstance(stored, list) or len(given) != len(stored):
            return [where]
        return [p for pair in zip(given, stored, strict=True) for p in lost(*pair, where)]
    return [] if given == stored else [where]


def test_a_pod_that_a_schedule_makes_waits_while_a_run_holds_the_source(cluster: Cluster) -> None:
    name = cluster.source("slow", "slow", kwargs={"seconds": 8.0})
    *others, made = rendered(cluster, name)
    for document in others:
        create(cluster, document)
    running = cluster.in_background(name)
    first = cluster.pod()["metadata"]["uid"]
    # As a CronJob's controller makes them: the same labels, another name.
    made["metadata"]["name"] += "-27000000"
    create(cluster, made)

    def waits() -> bool:
        pods = [pod for pod in cluster.objects("Pod") if pod["metadata"]["uid"] != first]
        return any(
            "anti-affinity" in condition.get("message", "") or "affinity" in condition.get("message", "")
            for pod in pods
            for condition in pod.get("status", {}).get("conditions", [])
        )

    wait_for(waits, text="the second pod waits for a node")
    assert running.result().status == OK
    assert cluster.run(name).failure_kind is FailureKind.ALREADY_RUNNING
    wait_for(lambda: not cluster.engine().running(cluster.name), text="the second Job ends")
    assert cluster.postgres.count(cluster.table(name, "slow")) == 2
    cluster.api.delete(item("Job", cluster.namespace, made["metadata"]["name"]))
    remove_rendered(cluster, name)


def test_a_finished_job_stays_as_long_as_it_is_told_to(cluster: Cluster) -> None:
    name = cluster.source("numbers", "numbers", kubernetes={"keep": "10s"})
    assert cluster.run(name).status == OK
    [kept] = cluster.objects("Job")
    assert kept["spec"]["ttlSecondsAfterFinished"] == 10
    assert cluster.objects("Secret") == []
    [pod] = cluster.objects("Pod")
    path = item("Pod", cluster.namespace, pod["metadata"]["name"]) + "/log"
    lines = [line.decode() for line in cluster.api.lines(path, {}, silence=60)]
    assert [line for line in lines if not line.startswith(EVENT_MARK)] == list(cluster.heard.lines)
    again = cluster.run(name)
    assert again.status == OK, again.message
    wait_for(lambda: not cluster.objects("Job"), text="the Job is gone when its time is over")


def rendered(cluster: Cluster, name: str) -> list[dict[str, Any]]:
    """What ``render kubernetes --with-secrets`` writes, with the Job that its CronJob would make."""
    project = cluster.project
    sources = config.select(project, names=[name])
    options, environ = SyncOptions(dry_run=True), cluster.environ
    made, _ = plans(project, sources, options, "kubernetes", environ, lambda text: None, lambda plan: plan)
    *others, cron_job = documents(made[0], with_secrets=True)
    return [*others, job_from(cron_job)]


def create(cluster: Cluster, document: dict[str, Any]) -> None:
    cluster.api.create(place(cluster, document["kind"]), document)


def place(cluster: Cluster, kind: str) -> str:
    paths = {"ServiceAccount": f"/api/v1/namespaces/{cluster.namespace}/serviceaccounts"}
    return paths.get(kind) or collection(kind, cluster.namespace)


def job(cluster: Cluster, name: str) -> dict[str, Any]:
    [found] = [j for j in cluster.objects("Job") if j["metadata"]["labels"]["dltpod.source"] == name]
    return found


def remove_rendered(cluster: Cluster, name: str) -> None:
    for document in rendered(cluster, name):
        if document["kind"] != "ServiceAccount":
            cluster.api.delete(item(document["kind"], cluster.namespace, document["metadata"]["name"]))
