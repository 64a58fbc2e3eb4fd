"""From what the API server tells to what it means."""

from __future__ import annotations

from typing import Any

import pytest

from launcher.engines.kubernetes.api import ApiError
from launcher.engines.kubernetes.outcome import (
    conclusion,
    deadline_exceeded,
    deleted,
    finished,
    job_trouble,
    pod_trouble,
    view,
)
from launcher.engines.kubernetes.refusals import forbidden
from launcher.engines.protocol import Ended
from runner.contract import FailureKind, Result
from tests.unit.engine.builders import seen
from tests.unit.kubernetes.pods import container, disrupted, ended, event, pod, result, running


def end(found: dict[str, Any], told: Result | None = None, **more: Any) -> Ended:
    given: dict[str, Any] = {
        "asked": None,
        "deadline": False,
        "job_deleted": False,
        "timeout": None,
        "memory_limit": 512 << 20,
        **more,
    }
    return conclusion(view(found), told, **given)


def test_the_termination_message_is_the_result() -> None:
    found = end(ended(0, said_reason="Completed", said=result(rows={"issues": 7})))
    assert found.failure is None
    assert found.result is not None and found.result.rows == {"issues": 7}


def test_a_longer_result_of_the_log_is_taken_where_both_tell_the_same_end() -> None:
    told = Result(status="ok", exit_code=0, rows={"issues": 7, "users": 2})
    assert end(ended(0, said=result()), told).result == told


def test_a_result_of_the_log_that_tells_another_end_is_not_believed() -> None:
    told = Result(status="ok", exit_code=0, rows={"forged": 1})
    found = end(ended(1, said=result("failed", 1)), told)
    assert found.result is not None and found.result.status == "failed"


def test_a_torn_termination_message_leaves_what_the_log_told() -> None:
    told = Result(status="ok", exit_code=0)
    assert end(ended(0, said='{"status": "o'), told).result == told


def test_neither_message_nor_log_is_a_torn_result() -> None:
    assert seen(end(ended(1))).kind is FailureKind.RESULT_TORN


def test_out_of_memory_is_told_with_the_limit_and_not_tried_again() -> None:
    found = end(ended(137, said_reason="OOMKilled"))
    assert (seen(found).kind, seen(found).transient) == (FailureKind.OUT_OF_MEMORY, False)
    assert "512 MiB" in seen(found).message


def test_out_of_memory_while_the_cluster_takes_the_pod_away_is_still_out_of_memory() -> None:
    found = end(ended(137, said_reason="OOMKilled", conditions=disrupted("TerminationByKubelet")))
    assert seen(found).kind is FailureKind.OUT_OF_MEMORY


@pytest.mark.parametrize(
    "status",
    [
        {"reason": "Evicted", "message": "The node was low on resource: memory. "},
        {"reason": "Preempting", "message": "Preempted in order to admit critical pod"},
        {"reason": "NodeShutdown", "message": "Pod was terminated in response to imminent node shutdown."},
        {"conditions": disrupted("PreemptionByScheduler", "preempted by x")},
        {"conditions": disrupted("EvictionByEvictionAPI", "Eviction API: evicting")},
        {"conditions": disrupted("DeletionByTaintManager", "Taint manager: deleting due to NoExecute taint")},
    ],
)
def test_a_pod_that_the_cluster_took_away_is_evicted_and_tried_again(status: dict[str, Any]) -> None:
    found = end(ended(143, said=result("failed", 143), **status))
    assert (seen(found).kind, seen(found).transient) == (FailureKind.EVICTED, True)


def test_a_scratch_volume_over_its_size_is_a_full_disk_and_not_tried_again() -> None:
    text = 'Usage of EmptyDir volume "state" exceeds the limit "10Gi". '
    found = end(pod(phase="Failed", reason="Evicted", message=text))
    assert (seen(found).kind, seen(found).transient) == (FailureKind.DISK_FULL, False)
    assert "kubernetes.scratch" in seen(found).hint


@pytest.mark.parametrize("job_deleted", [False, True])
def test_a_pod_that_someone_deleted_is_tried_again_unless_its_job_is_deleted_too(job_deleted: bool) -> None:
    found = end(ended(143, said=result("failed", 143), deleted=True), job_deleted=job_deleted)
    assert (seen(found).kind, seen(found).transient) == (FailureKind.KILLED, not job_deleted)
    assert "someone deleted the pod p-1" in seen(found).message


@pytest.mark.parametrize(("code", "reason"), [(255, "Unknown"), (137, "ContainerStatusUnknown")])
def test_a_node_that_crashed_under_the_run_is_named_and_the_run_tried_again(code: int, reason: str) -> None:
    found = end(ended(code, said_reason=reason))
    assert (seen(found).kind, seen(found).transient) == (FailureKind.ENGINE_GONE, True)
    assert "the node or its container runtime went down" in seen(found).message


@pytest.mark.parametrize(
    ("job", "gone"),
    [({}, True), ({"metadata": {}}, False), ({"metadata": {"deletionTimestamp": "2026-01-01"}}, True)],
)
def test_a_job_is_deleted_when_it_is_gone_or_on_its_way(job: dict[str, Any], gone: bool) -> None:
    assert deleted(job) is gone


def test_a_pod_deleted_after_it_was_done_is_done() -> None:
    assert end(ended(0, said=result(), deleted=True)).failure is None


def test_a_pod_that_this_launcher_stopped_is_cancelled() -> None:
    found = end(ended(143, said=result("failed", 143), deleted=True), asked=FailureKind.CANCELLED)
    assert seen(found).kind is FailureKind.CANCELLED


def test_a_job_that_the_cluster_ended_for_its_deadline_timed_out() -> None:
    found = end(ended(143, said=result("failed", 143), deleted=True), deadline=True, timeout=90.0)
    assert (seen(found).kind, "1 min 30 s" in seen(found).message) == (FailureKind.TIMEOUT, True)


def test_a_container_that_could_not_start_says_why_in_the_engines_words() -> None:
    text = 'exec: "/opt/venv/bin/python": stat /opt/venv/bin/python: no such file or directory'
    found = end(ended(128, said_reason="StartError", said=text))
    assert seen(found).kind is FailureKind.ENVIRONMENT
    assert "no such file" in seen(found).message


@pytest.mark.parametrize(
    ("reason", "message", "fatal"),
    [
        (
            "ErrImagePull",
            "rpc error: code = NotFound desc = failed to pull: ghcr.io/acme/x:1: not found",
            True,
        ),
        ("ErrImagePull", "manifest unknown", True),
        (
            "ImagePullBackOff",
            "pull access denied, repository does not exist or may require authorization",
            True,
        ),
        ("ErrImagePull", "401 Unauthorized", True),
        ("ErrImagePull", "no match for platform in manifest", True),
        ("ErrImagePull", "dial tcp 10.0.0.1:443: i/o timeout", False),
        ("ImagePullBackOff", 'Back-off pulling image "x"', False),
        ("InvalidImageName", "couldn't parse image reference", True),
        ("ErrImageNeverPull", "", True),
    ],
)
def test_an_image_is_given_up_at_once_only_where_waiting_would_not_help(
    reason: str, message: str, fatal: bool
) -> None:
    seen = view(pod(phase="Pending", **container(waiting={"reason": reason, "message": message})))
    assert seen.trouble is not None
    assert (seen.trouble.kind, seen.trouble.fatal) == (FailureKind.IMAGE_GONE, fatal)


def test_a_pod_without_a_node_says_what_the_scheduler_says() -> None:
    text = "0/3 nodes are available: 3 Insufficient memory."
    condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": text}
    seen = view(pod(phase="Pending", conditions=[condition]))
    assert seen.trouble is not None
    assert (seen.trouble.kind, "3 Insufficient memory" in seen.trouble.message) == (
        FailureKind.UNSCHEDULABLE,
        True,
    )


def test_a_node_is_lost_when_a_running_pod_is_called_unready_without_a_reason() -> None:
    assert view(running(conditions=[{"type": "Ready", "status": "False"}])).node_lost
    starting = {"type": "Ready", "status": "False", "reason": "ContainersNotReady"}
    assert not view(running(conditions=[starting])).node_lost
    assert not view(running(conditions=[{"type": "Ready", "status": "True"}])).node_lost


@pytest.mark.parametrize(
    ("message", "kind", "fatal"),
    [
        (
            'pods "x" is forbidden: exceeded quota: q, requested: pods=1, used: pods=5',
            FailureKind.QUOTA,
            False,
        ),
        ('pods "x" is forbidden: failed quota: q: must specify limits.cpu', FailureKind.QUOTA, True),
        ('pods "x" is forbidden: violates PodSecurity "restricted:latest"', FailureKind.FORBIDDEN, True),
        ('serviceaccount "loader" not found', FailureKind.CONFIGURATION, True),
        ('admission webhook "policy" denied the request', FailureKind.FORBIDDEN, False),
    ],
)
def test_a_job_that_may_make_no_pod_says_why(message: str, kind: FailureKind, fatal: bool) -> None:
    events = [event("SuccessfulCreate", "Created pod"), event("FailedCreate", f"Error creating: {message}")]
    found = job_trouble(events)
    assert found is not None
    assert (found.kind, found.fatal) == (kind, fatal)


def test_a_secret_that_is_missing_is_named() -> None:
    text = 'MountVolume.SetUp failed for volume "secrets" : secret "from-vault" not found'
    found = pod_trouble([event("Scheduled", "assigned"), event("FailedMount", text)])
    assert found is not None
    assert found.message == "the Secret from-vault is not in the namespace"


def test_a_secret_that_the_kubelet_has_not_heard_of_yet_is_no_trouble() -> None:
    text = 'MountVolume.SetUp failed for volume "secrets" : failed to sync secret cache: timed out'
    assert pod_trouble([event("FailedMount", text)]) is None


def test_events_that_tell_of_no_trouble_are_none() -> None:
    assert pod_trouble([event("Pulled", "image is there")]) is None
    assert job_trouble([event("SuccessfulCreate", "Created pod")]) is None


@pytest.mark.parametrize("kind", ["Failed", "FailureTarget"])
def test_a_deadline_is_told_by_either_condition_of_old_and_new_servers(kind: str) -> None:
    job = {"status": {"conditions": [{"type": kind, "status": "True", "reason": "DeadlineExceeded"}]}}
    assert deadline_exceeded(job)


def test_a_job_whose_end_is_only_announced_is_not_over() -> None:
    assert not finished({"status": {"conditions": [{"type": "SuccessCriteriaMet", "status": "True"}]}})
    assert not finished({"status": {}})
    assert finished({"status": {"conditions": [{"type": "Complete", "status": "True"}]}})


IMAGE = "registry.example.com:5000/" + "a-long-path/" * 8 + "dltpod:" + "0" * 24 + "-deploy"


@pytest.mark.parametrize(
    ("cause", "said"),
    [
        (f"{IMAGE}: not found", f"the cluster can't pull the image: {IMAGE}: not found"),
        (
            f'failed to do request: Head "{IMAGE}": dial tcp 10.0.0.1:5000: connect: connection refused',
            "dial tcp 10.0.0.1:5000: connect: connection refused",
        ),
        (
            "failed to authorize: failed to fetch anonymous token: 401 Unauthorized",
            ": failed to authorize: failed",
        ),
    ],
)
@pytest.mark.parametrize("backs_off", ["", f'Back-off pulling image "{IMAGE}": ErrImagePull: '])
def test_why_an_image_is_not_pulled_is_told_to_its_end(cause: str, said: str, backs_off: str) -> None:
    steps = f'failed to pull and unpack image "{IMAGE}": failed to resolve reference "{IMAGE}": '
    message = f"{backs_off}rpc error: code = NotFound desc = {steps}{cause}"
    waiting = {"reason": "ErrImagePull", "message": message}
    found = view(pod(phase="Pending", **container(waiting=waiting))).trouble
    assert found is not None
    assert said in found.message
    assert len(found.message) < 300
    assert "failed to pull and unpack" not in found.message


def test_a_back_off_says_less_than_the_error_before_it() -> None:
    waiting = {"reason": "ImagePullBackOff", "message": f'Back-off pulling image "{IMAGE}"'}
    found = view(pod(phase="Pending", **container(waiting=waiting))).trouble
    assert found is not None and found.vague


def test_a_field_that_the_server_does_not_know_is_told_in_its_words() -> None:
    text = (
        'Job in version "v1" cannot be handled as a Job: strict decoding error: '
        'unknown field "spec.template.spec.tolerations[0].op"'
    )
    found = forbidden(ApiError(400, "BadRequest", text), "ns")
    assert (found.kind, found.fatal) == (FailureKind.CONFIGURATION, True)
    assert 'unknown field "spec.template.spec.tolerations[0].op"' in found.message
