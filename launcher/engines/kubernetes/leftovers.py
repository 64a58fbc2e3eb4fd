"""Runs that went on in the cluster without their launcher: how they ended, and what they logged."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from launcher.engines.ending import ContainerExit, conclude
from launcher.engines.kubernetes.api import Api, ApiError, Unreachable
from launcher.engines.kubernetes.logs import Follower
from launcher.engines.kubernetes.manifests import JOB_KEY
from launcher.engines.kubernetes.names import LABEL_ACTION, collection, item, path_of, selector
from launcher.engines.kubernetes.outcome import conclusion, deadline_exceeded, deleted, finished, view
from launcher.engines.log import LogFile, Sorter
from launcher.engines.protocol import Collected, Ended
from launcher.host.docker_engine import moment
from launcher.plan.job import LABEL_RUN, LABEL_SOURCE
from launcher.untrusted import answers
from runner.contract import Event, Failure, FailureKind, Result

Objects = Iterable[dict[str, Any]]


def collect(api: Api, jobs: Objects, logs: Mapping[str, Path]) -> list[Collected]:
    """The ends of the runs that are keys of ``logs``, as far as their Jobs are over.

    Each one's log is read anew into its file; its Job stays. Raises ApiError, Unreachable.
    """
    found = []
    for job in jobs:
        run_id = str(job["metadata"]["labels"].get(LABEL_RUN, ""))
        if run_id not in logs or not finished(job):
            continue
        pods = pods_of(api, job)
        told = _saved_log(api, pods[-1], logs[run_id]) if pods else None
        found.append(Collected(run_id, _ended(job, pods, told), _seconds(job)))
    return found


def own_jobs(jobs: Objects) -> list[dict[str, Any]]:
    """The Jobs that are over and that no launcher made: a CronJob's, or made by hand from one."""
    return [
        job
        for job in jobs
        if LABEL_RUN not in (labels := job["metadata"]["labels"])
        and labels.get(LABEL_ACTION) == "sync"
        and finished(job)
    ]


def own_runs(jobs: Objects, pods: Objects) -> list[Collected]:
    """How ``own_jobs`` ended, by their pods' termination messages. The Job's name is the run's id."""
    made: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for pod in sorted(pods, key=created):
        name = str(pod["metadata"].get("labels", {}).get("job-name", ""))
        made.setdefault((pod["metadata"]["namespace"], name), []).append(pod)
    found = []
    for job in jobs:
        labels, status = job["metadata"]["labels"], job.get("status", {})
        name = str(job["metadata"]["name"])
        own = made.get((job["metadata"]["namespace"], name), [])
        found.append(
            Collected(
                name,
                _with_earlier(_ended(job, own, None), own[:-1]),
                _seconds(job),
                source=str(labels.get(LABEL_SOURCE, "")),
                started=str(status.get("startTime") or job["metadata"]["creationTimestamp"]),
                attempts=max(1, int(status.get("failed") or 0) + int(status.get("succeeded") or 0)),
            )
        )
    return found


def _with_earlier(ended: Ended, pods: Iterable[Mapping[str, Any]]) -> Ended:
    """``ended`` with the notes and the resumed loads of the Job's earlier pods added to its result."""
    if ended.result is None:
        return ended
    notes, resumed = list(ended.result.notes), list(ended.result.resumed_load_ids)
    for pod in pods:
        seen = view(pod).terminated
        result = None if seen is None else answers.result(seen.message.encode("utf-8", "replace"))
        if result is not None:
            notes += result.notes
            resumed += result.resumed_load_ids
    result = replace(
        ended.result, notes=tuple(dict.fromkeys(notes)), resumed_load_ids=tuple(dict.fromkeys(resumed))
    )
    return replace(ended, result=result)


def pods_of(api: Api, job: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A Job's pods that are still there, the oldest first. Raises ApiError, Unreachable."""
    query = selector({"job-name": job["metadata"]["name"]})
    return sorted(api.get(collection("Pod", job["metadata"]["namespace"]), query)["items"], key=created)


def created(found: Mapping[str, Any]) -> str:
    """When an object was created: a text that sorts by time."""
    return str(found["metadata"]["creationTimestamp"])


def print_log(api: Api, pod: Mapping[str, Any], line: Callable[[str], None], *, follow: bool) -> None:
    """A pod's log with the traceback and without the other events. Raises ApiError, Unreachable."""
    token = _token(api, pod)

    def sort(stream: int, text: bytes) -> None:
        event = answers.event(text, token) if token.encode() in text else None
        if event is None:
            line(text.decode("utf-8", "replace"))
        elif event.get("event") == Event.TRACEBACK.value:
            for each in event["text"].splitlines():
                line(each)

    Follower(api, path_of("Pod", pod), sort).read(follow=follow)


def _saved_log(api: Api, pod: Mapping[str, Any], file: Path) -> Result | None:
    """Writes the pod's whole log to ``file``, in place of what is there. Returns the result that it told."""
    file.unlink(missing_ok=True)
    log = LogFile(file)
    sorter = Sorter(_token(api, pod), log, lambda data: None, lambda text: None)
    with contextlib.suppress(ApiError, Unreachable):
        Follower(api, path_of("Pod", pod), sorter.line).read(follow=False)
    log.close()
    return sorter.result


def _token(api: Api, pod: Mapping[str, Any]) -> str:
    """The token that this run's events hold, from the job that its pod was given."""
    for volume in pod["spec"].get("volumes", []):
        name = volume.get("configMap", {}).get("name")
        if volume.get("name") == "job" and name:
            with contextlib.suppress(ApiError, ValueError, KeyError):
                data = api.get(item("ConfigMap", pod["metadata"]["namespace"], name))["data"]
                return str(json.loads(data[JOB_KEY])["token"])
    return "-"


def _ended(job: Mapping[str, Any], pods: Sequence[Mapping[str, Any]], told: Result | None) -> Ended:
    timeout = job["spec"].get("activeDeadlineSeconds")
    late = deadline_exceeded(job)
    if not pods and late:
        return conclude(ContainerExit(None, asked=FailureKind.TIMEOUT, timeout=float(timeout or 0)), None)
    if not pods:
        message = "it ended in the cluster while no dltpod watched, and its pod is gone"
        hint = "sync again: it goes on from what was loaded"
        return Ended(None, failure=Failure(FailureKind.RESULT_TORN, message, hint))
    from kubernetes.utils import parse_quantity

    container = pods[-1]["spec"]["containers"][0]
    return conclusion(
        view(pods[-1]),
        told,
        asked=None,
        deadline=late,
        job_deleted=deleted(job),
        timeout=None if timeout is None else float(timeout),
        memory_limit=int(parse_quantity(container["resources"]["limits"].get("memory", "0"))),
    )


def _seconds(job: Mapping[str, Any]) -> float:
    """How long a Job took, by the cluster's clock. A failed one has no completionTime."""
    status = job.get("status", {})
    changes = (condition.get("lastTransitionTime") for condition in status.get("conditions") or ())
    start = moment(status.get("startTime"))
    end = next(filter(None, map(moment, (status.get("completionTime"), *changes))), None)
    return max(0.0, (end - start).total_seconds()) if start and end else 0.0
