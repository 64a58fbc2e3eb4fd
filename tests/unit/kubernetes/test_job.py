"""Supervision on a newer server than any test cluster at hand: a fake API that tells a story."""

from __future__ import annotations

import dataclasses
import queue
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import pytest

from launcher.engines.kubernetes.api import Api, ApiError, Unreachable
from launcher.engines.kubernetes.job import Job, Patience
from launcher.engines.protocol import Ended, StopRequest
from launcher.runs.listeners import Listener
from runner.contract import FailureKind
from tests.unit.engine.builders import seen
from tests.unit.kubernetes.pods import container, disrupted, ended, line, pod, result, running
from tests.unit.render.plans import plan, with_kubernetes
from tests.waiting import wait_for


class Server:
    """Answers as an API server does; the test says what the watch tells next."""

    server = "https://fake"

    def __init__(self) -> None:
        self.told: queue.Queue[bytes | Exception] = queue.Queue()
        self.job: dict[str, Any] = {"metadata": {}, "status": {}}
        self.deleted: list[str] = []
        self.on_delete: Callable[[], None] = lambda: None

    def get(self, path: str, query: Mapping[str, str] | None = None) -> dict[str, Any]:
        if path.endswith("/pods"):
            return {"metadata": {"resourceVersion": "1"}, "items": []}
        return {"items": []} if path.endswith("/events") else self.job

    def delete(self, path: str, *, propagation: str = "Background", grace: int | None = None) -> bool:
        self.deleted.append(path.rpartition("/")[2])
        self.on_delete()
        return True

    def lines(self, path: str, query: Mapping[str, str], *, silence: float) -> Iterator[bytes]:
        if path.endswith("/log"):
            raise ApiError(404, "NotFound", "no log")
        while True:
            try:
                found = self.told.get(timeout=0.05)
            except queue.Empty:
                continue
            if isinstance(found, Exception):
                raise found
            yield found

    def tell(self, kind: str, found: dict[str, Any]) -> None:
        self.told.put(line(kind, found))


class Notes(Listener):
    def __init__(self) -> None:
        self.texts: list[str] = []

    def event(self, source: str, data: Mapping[str, Any]) -> None:
        self.texts.append(str(data.get("text", "")))


class Run:
    """A job under supervision in a thread."""

    def __init__(self, folder: Path, *, replaces: bool = True, **block: Any) -> None:
        self.server, self.notes, self.stop = Server(), Notes(), StopRequest()
        made = dataclasses.replace(plan(), log_file=folder / "run.log")
        made = with_kubernetes(made, **block)
        patience = Patience(server=60.0, node=0.5)
        self.job = Job(
            cast(Api, self.server),
            "ns",
            "job",
            made,
            self.notes,
            self.stop,
            replaces=replaces,
            patience=patience,
        )
        self._ended: list[Ended] = []
        self._thread = threading.Thread(target=lambda: self._ended.append(self.job.run()), daemon=True)
        self._thread.start()

    def end(self, seconds: float = 60.0) -> Ended:
        self._thread.join(seconds)
        assert self._ended, "the job has not ended"
        return self._ended[0]

    def wait_for_note(self, text: str) -> None:
        wait_for(lambda: any(text in note for note in self.notes.texts), text=f"a note: {text}")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def test_a_pod_that_the_cluster_replaces_is_followed_to_the_end_of_the_next(folder: Path) -> None:
    run = Run(folder)
    run.server.tell("ADDED", running())
    run.server.tell("MODIFIED", ended(143, version="2", conditions=disrupted("EvictionByEvictionAPI")))
    run.wait_for_note("starts another")
    run.server.tell("DELETED", ended(143, version="3", conditions=disrupted("EvictionByEvictionAPI")))
    run.server.tell("ADDED", running(uid="2", name="p-2"))
    run.server.tell("MODIFIED", ended(0, uid="2", name="p-2", version="2", said=result(rows={"t": 1})))
    found = run.end()
    assert found.failure is None
    assert found.result is not None and found.result.rows == {"t": 1}


def test_where_the_server_replaces_no_pod_an_eviction_is_the_end_and_worth_a_retry(folder: Path) -> None:
    run = Run(folder, replaces=False)
    run.server.tell("ADDED", running())
    run.server.tell("MODIFIED", ended(143, version="2", conditions=disrupted("EvictionByEvictionAPI")))
    assert (seen(run.end()).kind, seen(run.end()).transient) == (FailureKind.EVICTED, True)


def test_a_full_scratch_volume_ends_the_run_at_once_for_the_job_makes_no_other_pod(folder: Path) -> None:
    run = Run(folder)
    run.server.tell("ADDED", running())
    message = 'Usage of EmptyDir volume "state" exceeds the limit "100Mi". '
    run.server.tell("MODIFIED", ended(143, version="2", reason="Evicted", message=message))
    assert (seen(run.end()).kind, seen(run.end()).transient) == (FailureKind.DISK_FULL, False)


def test_a_pod_deleted_by_hand_is_worth_a_retry(folder: Path) -> None:
    run = Run(folder)
    run.server.tell("ADDED", running())
    run.server.tell("MODIFIED", ended(143, version="2", deleted=True))
    assert (seen(run.end()).kind, seen(run.end()).transient) == (FailureKind.KILLED, True)


def test_an_image_that_is_not_there_ends_the_run_at_once(folder: Path) -> None:
    run = Run(folder)
    waiting = {"reason": "ErrImagePull", "message": "ghcr.io/acme/x: not found"}
    run.server.tell(
        "ADDED", pod(phase="Pending", containerStatuses=[{"name": "runner", "state": {"waiting": waiting}}])
    )
    assert seen(run.end()).kind is FailureKind.IMAGE_GONE


def test_a_pod_that_never_comes_is_given_up_after_the_start_timeout(folder: Path) -> None:
    run = Run(folder, start_timeout="1s")
    found = run.end()
    assert (seen(found).kind, seen(found).transient) == (FailureKind.UNSCHEDULABLE, True)
    assert "did not start" in seen(found).message


def test_a_stop_deletes_the_job_and_waits_for_its_pod(folder: Path) -> None:
    run = Run(folder)
    run.server.tell("ADDED", running())
    run.server.on_delete = lambda: run.server.tell(
        "DELETED", ended(143, version="2", said=result("failed", 143), deleted=True)
    )
    run.stop.ask()
    assert seen(run.end()).kind is FailureKind.CANCELLED
    assert run.server.deleted == ["job"]


def test_a_node_that_stays_away_is_the_end_and_leaves_the_pod_to_the_cluster(folder: Path) -> None:
    run = Run(folder)
    run.server.tell("ADDED", running(conditions=[{"type": "Ready", "status": "False"}]))
    found = run.end()
    assert seen(found).kind is FailureKind.ENGINE_GONE
    assert "node n1 has not answered" in seen(found).message
    assert run.job.left_running and run.server.deleted == []


def test_a_watch_that_breaks_or_is_too_old_is_begun_anew(folder: Path) -> None:
    run = Run(folder)
    run.server.told.put(Unreachable("connection reset"))
    run.wait_for_note("does not answer")
    run.server.tell("ERROR", {"code": 410, "reason": "Expired", "message": "too old resource version"})
    run.server.tell("ADDED", running())
    run.server.tell("MODIFIED", ended(0, version="2", said=result()))
    assert run.end().failure is None


def test_credentials_that_expire_in_mid_run_are_told(folder: Path) -> None:
    run = Run(folder)
    run.server.told.put(ApiError(401, "Unauthorized", "Unauthorized"))
    found = run.end()
    assert seen(found).kind is FailureKind.FORBIDDEN
    assert "log in again" in seen(found).hint


def test_a_claim_that_is_about_to_be_there_is_not_worth_a_word(folder: Path) -> None:
    run = Run(folder)
    message = '0/1 nodes are available: 1 persistentvolumeclaim "c" not found.'
    unscheduled = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}
    run.server.tell("ADDED", pod(phase="Pending", conditions=[unscheduled]))
    time.sleep(0.5)
    run.server.tell("MODIFIED", running(version="2"))
    run.server.tell("MODIFIED", ended(0, version="3", said=result()))
    assert run.end().failure is None
    assert not any("claim" in note for note in run.notes.texts)


def test_the_reason_of_a_failed_pull_outlives_the_back_off_that_follows(folder: Path) -> None:
    run = Run(folder, start_timeout="4s")
    waiting = {"reason": "ErrImagePull", "message": "dial tcp 10.0.0.1:5000: connect: connection refused"}
    run.server.tell("ADDED", pod(phase="Pending", **container(waiting=waiting)))
    run.wait_for_note("connection refused")
    waiting = {"reason": "ImagePullBackOff", "message": 'Back-off pulling image "x"'}
    run.server.tell("MODIFIED", pod(phase="Pending", version="2", **container(waiting=waiting)))
    assert "connection refused (waited" in seen(run.end()).message
