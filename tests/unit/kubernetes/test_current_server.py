"""What a Kubernetes 1.36 answers, whole objects as its API gives them, read by what reads them in a run."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import pytest

from launcher.config.units import parse_size
from launcher.engines.kubernetes.api import Api
from launcher.engines.kubernetes.engine import KubernetesEngine
from launcher.engines.kubernetes.outcome import job_trouble
from launcher.host.launchers import unknown
from launcher.render.kubernetes import documents, state_documents
from runner.contract import ExitCode, FailureKind
from tests.unit.engine.builders import seen
from tests.unit.kubernetes.pods import disrupted, event, result
from tests.unit.kubernetes.test_engine import LABELS, Server
from tests.unit.kubernetes.test_job import Run
from tests.unit.render.made import objects
from tests.unit.render.plans import plan, with_container
from tests.unit.render.test_kubernetes import fleet

MOMENT = "2026-11-26T15:00:31Z"
CONDITIONS = [
    {
        "type": kind,
        "status": status,
        "lastProbeTime": None,
        "lastTransitionTime": MOMENT,
        "observedGeneration": 1,
    }
    for kind, status in (
        ("PodReadyToStartContainers", "False"),
        ("Initialized", "True"),
        ("Ready", "False"),
        ("ContainersReady", "False"),
        ("PodScheduled", "True"),
    )
]
DEFAULTS: dict[str, Any] = {
    "CronJob": {
        "spec": {
            "jobTemplate": {
                "metadata": {"creationTimestamp": None},
                "spec": {
                    "template": {
                        "metadata": {"creationTimestamp": None},
                        "spec": {
                            "dnsPolicy": "ClusterFirst",
                            "schedulerName": "default-scheduler",
                            "serviceAccount": "x",
                        },
                    }
                },
            }
        },
        "status": {},
    },
    "NetworkPolicy": {"spec": {}},
    "ServiceAccount": {},
    "ConfigMap": {},
    "PersistentVolumeClaim": {"spec": {"volumeMode": "Filesystem"}, "status": {"phase": "Pending"}},
}
"""What the server adds to each kind, as `kubectl get -o yaml` shows it."""


def recorded(
    code: int | None, *, conditions: tuple[dict[str, Any], ...] = (), said: str = "", **status: Any
) -> Any:
    """A pod of a Job, read back; ``code`` is None while its container runs."""
    state: dict[str, Any] = {"running": {"startedAt": MOMENT}}
    if code is not None:
        ended = {"exitCode": code, "reason": "Error" if code else "Completed", "finishedAt": MOMENT}
        state = {
            "terminated": {**ended, "containerID": "containerd://0a", "startedAt": MOMENT, "message": said}
        }
    phase = "Running" if code is None else "Failed" if code else "Succeeded"
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": "dltpod-acme-shop-29400000-x7k2p",
            "namespace": "ns",
            "uid": "1",
            "generation": 1,
            "resourceVersion": str(code),
            "creationTimestamp": "2026-11-26T15:00:01Z",
            "labels": {**LABELS, "batch.kubernetes.io/job-name": "shop-1", "job-name": "shop-1"},
            "managedFields": [{"manager": "kubelet", "operation": "Update", "subresource": "status"}],
        },
        "spec": {
            "nodeName": "n1",
            "containers": [{"name": "runner", "resources": {"limits": {"memory": "512Mi"}}}],
        },
        "status": {
            "phase": phase,
            "observedGeneration": 1,
            "qosClass": "Burstable",
            "conditions": [*CONDITIONS, *conditions],
            "containerStatuses": [
                {"name": "runner", "ready": False, "restartCount": 0, "state": state, "lastState": {}}
            ],
            **status,
        },
    }


def job(kind: str, reason: str, message: str = "", **status: Any) -> dict[str, Any]:
    """A Job that a CronJob's controller made, over for a reason."""
    found = {"status": "True", "reason": reason, "message": message, "lastTransitionTime": MOMENT}
    announced = {"Failed": "FailureTarget", "Complete": "SuccessCriteriaMet"}[kind]
    return {
        "metadata": {
            "name": "shop-1",
            "namespace": "ns",
            "creationTimestamp": "2026-11-26T15:00:00Z",
            "labels": LABELS,
        },
        "spec": {"activeDeadlineSeconds": 90},
        "status": {
            "startTime": "2026-11-26T15:00:01Z",
            "terminating": 0,
            "uncountedTerminatedPods": {},
            "conditions": [{"type": announced, **found}, {"type": kind, **found}],
            **status,
        },
    }


def own_run(made: dict[str, Any], *pods: dict[str, Any]) -> Any:
    server = Server()
    server.objects["/apis/batch/v1/namespaces/ns/jobs/shop-1"] = made
    for number, pod in enumerate(pods):
        server.objects[f"/api/v1/namespaces/ns/pods/p-{number}"] = pod
    engine = KubernetesEngine(environ={}, alive=unknown)
    engine._connected = cast(Api, server)
    [found] = engine.own_runs("acme")
    return found.ended


EVICTED: dict[str, Any] = {
    "reason": "Evicted",
    "message": 'Usage of EmptyDir volume "state" exceeds the limit "100Mi". ',
}


def test_a_full_volume_evicts_without_the_condition_and_ends_a_launched_run_at_once(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.server.tell("ADDED", recorded(None))
    run.server.tell("MODIFIED", recorded(143, **EVICTED))
    assert (seen(run.end()).kind, seen(run.end()).transient) == (FailureKind.DISK_FULL, False)


def test_a_full_volume_is_named_in_a_run_of_the_clusters_own() -> None:
    ended = own_run(job("Failed", "BackoffLimitExceeded", failed=1), recorded(143, **EVICTED))
    assert seen(ended).kind is FailureKind.DISK_FULL


def test_a_run_of_the_clusters_own_over_its_deadline_timed_out_though_its_pod_is_gone() -> None:
    ended = own_run(job("Failed", "DeadlineExceeded", "Job was active longer than specified deadline"))
    assert seen(ended).kind is FailureKind.TIMEOUT


def test_the_last_of_replaced_pods_tells_how_a_run_of_the_clusters_own_ended() -> None:
    first = recorded(143, conditions=tuple(disrupted("EvictionByEvictionAPI")))
    last = recorded(0, said=result(rows={"t": 3}))
    last["metadata"] |= {"name": "second", "uid": "2", "creationTimestamp": "2026-11-26T15:00:09Z"}
    ended = own_run(job("Complete", "CompletionsReached", succeeded=1), first, last)
    assert (ended.failure, ended.result.rows) == (None, {"t": 3})


def test_what_earlier_pods_of_a_run_repaired_is_told_with_its_end() -> None:
    note = "finished the load that an earlier run had left: 7 rows"
    first = recorded(75, said=result("failed", 75, notes=(note,), resumed_load_ids=("1.5",)))
    last = recorded(0, said=result(rows={"t": 3}))
    last["metadata"] |= {"name": "second", "uid": "2", "creationTimestamp": "2026-11-26T15:00:09Z"}
    ended = own_run(job("Complete", "CompletionsReached", failed=1, succeeded=1), first, last)
    assert (ended.result.notes, ended.result.resumed_load_ids) == ((note,), ("1.5",))


@pytest.mark.parametrize("code", [255, 143])
def test_a_crashed_node_and_a_deleted_pod_are_worth_another_attempt(tmp_path: Path, code: int) -> None:
    run = Run(tmp_path)
    run.server.tell("ADDED", recorded(None))
    pod = recorded(code)
    if code == 143:
        pod["metadata"]["deletionTimestamp"] = MOMENT
    run.server.tell("MODIFIED", pod)
    assert seen(run.end()).transient


def action(pod: Mapping[str, Any]) -> str:
    """What the Job's controller does of a failed pod: `kubectl explain job.spec.podFailurePolicy`."""
    [status] = pod["status"]["containerStatuses"]
    for rule in objects(plan())["Job"]["spec"]["podFailurePolicy"]["rules"]:
        wanted = rule.get("onExitCodes", {"values": ()})
        if status["state"]["terminated"]["exitCode"] in wanted["values"]:
            return str(rule["action"])
        for condition in rule.get("onPodConditions", ()):
            if any(condition.items() <= found.items() for found in pod["status"]["conditions"]):
                return str(rule["action"])
    return "Count"


@pytest.mark.parametrize(
    ("pod", "done"),
    [
        (recorded(255), "Count"),
        (recorded(143), "Count"),
        (recorded(137), "Count"),
        (recorded(ExitCode.TRANSIENT), "Count"),
        (recorded(143, **EVICTED), "Count"),
        (recorded(143, conditions=tuple(disrupted("EvictionByEvictionAPI"))), "Ignore"),
        *(
            (recorded(code), "FailJob")
            for code in (ExitCode.FAILED, ExitCode.INTERNAL, ExitCode.CONFIGURATION)
        ),
    ],
)
def test_a_rendered_job_tries_again_all_but_what_the_runner_calls_final(
    pod: dict[str, Any], done: str
) -> None:
    assert action(pod) == done


@pytest.mark.parametrize(
    ("message", "hint"),
    [
        ("maximum memory usage per Container is 2Gi, but limit is 4Gi", "container.memory"),
        (
            "[maximum cpu usage per Container is 1, but limit is 2, "
            "maximum memory usage per Container is 2Gi, but limit is 4Gi]",
            "container.cpus",
        ),
        ("maximum ephemeral-storage usage per Container is 10Gi, but limit is 11328Mi", "kubernetes.scratch"),
        ("minimum cpu usage per Container is 200m, but request is 100m", "kubernetes.requests"),
    ],
)
def test_a_limit_range_refuses_for_good_and_is_told_with_what_to_set(message: str, hint: str) -> None:
    found = job_trouble(
        [event("FailedCreate", f'Error creating: pods "shop-1-x7k2p" is forbidden: {message}')]
    )
    assert found is not None
    assert (found.kind, found.fatal, found.transient) == (FailureKind.QUOTA, True, False)
    assert hint in found.hint


def test_a_quota_that_is_used_up_is_waited_for() -> None:
    text = (
        'Error creating: pods "shop-1-x7k2p" is forbidden: exceeded quota: rq, requested: '
        "limits.memory=2Gi,requests.memory=2Gi, used: limits.memory=4Gi,requests.memory=2Gi, limited: "
        "limits.memory=4Gi,requests.memory=2Gi"
    )
    found = job_trouble([event("FailedCreate", text)])
    assert found is not None
    assert (found.kind, found.fatal, found.transient) == (FailureKind.QUOTA, False, True)


def read_back(document: dict[str, Any]) -> Any:
    """The server's copy: defaults are added, empty lists and tables are left out."""

    def defaulted(value: Any, more: Any) -> Any:
        if isinstance(value, dict):
            more = more if isinstance(more, dict) else {}
            made = {key: defaulted(item, more.get(key)) for key, item in value.items()}
            return {**{key: item for key, item in more.items() if key not in value}, **made}
        return [defaulted(item, None) for item in value] if isinstance(value, list) else value

    def kept(value: Any, inside: str = "") -> Any:
        if isinstance(value, dict):
            made = {key: kept(item, key) for key, item in value.items()}
            return {key: item for key, item in made.items() if item not in ([], {}) or inside == "volumes"}
        return [kept(item, inside) for item in value] if isinstance(value, list) else value

    return kept(defaulted(copy.deepcopy(document), DEFAULTS[document["kind"]]))


def lost(mine: Any, theirs: Any, place: str = "") -> Iterator[str]:
    """Where what was applied reads otherwise in the server's copy: what `kubectl diff` shows."""
    if isinstance(mine, dict) and isinstance(theirs, dict):
        for key, value in mine.items():
            if key not in theirs:
                yield f"{place}.{key}"
            else:
                yield from lost(value, theirs[key], f"{place}.{key}")
    elif isinstance(mine, list) and isinstance(theirs, list) and len(mine) == len(theirs):
        for number, (one, other) in enumerate(zip(mine, theirs, strict=True)):
            yield from lost(one, other, f"{place}[{number}]")
    elif mine != theirs:
        yield place


def test_what_is_applied_reads_back_without_a_difference_but_defaults() -> None:
    closed = with_container(plan("closed"), network="none", cpus=2.0)
    made = [each for one in (*fleet(), closed) for each in (*documents(one), *state_documents(one))]
    assert [place for each in made for place in lost(each, read_back(each), each["kind"])] == []


def test_quantities_are_written_as_the_server_writes_them() -> None:
    def quantities(value: Any) -> Iterator[str]:
        for key, item in (
            value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        ):
            if key in ("memory", "storage", "sizeLimit", "ephemeral-storage"):
                yield item
            yield from quantities(item)

    found = {
        text
        for one in fleet()
        for each in (*documents(one), *state_documents(one))
        for text in quantities(each)
    }
    units = ("Ki", "Mi", "Gi")
    for text in found:
        number, unit = int(text[:-2]), text[-2:]
        assert parse_size(text) and unit in units
        assert number % 1024 or unit == units[-1], f"{text} is written with a larger unit"
