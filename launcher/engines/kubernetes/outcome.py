"""What the API server's pods, Jobs and events mean for a run. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from launcher.engines.ending import ContainerExit, conclude
from launcher.engines.kubernetes.names import CONTAINER
from launcher.engines.protocol import Ended
from launcher.untrusted import answers, clean
from runner.contract import Failure, FailureKind, Result

_PULLING = ("ErrImagePull", "ImagePullBackOff", "RegistryUnavailable", "ImageInspectError")
_NEVER_PULLED = ("InvalidImageName", "ErrImageNeverPull")
_BROKEN = ("CreateContainerConfigError", "CreateContainerError", "RunContainerError")
_TAKEN_AWAY = ("Evicted", "Preempting", "NodeLost", "NodeShutdown", "Shutdown", "Terminated")
_REFUSED_FOR_GOOD = re.compile(
    r"not found|manifest unknown|unknown manifest|unauthorized|authentication required|denied|forbidden|"
    r"no match for platform|no basic auth",
    re.IGNORECASE,
)
_BACKS_OFF = re.compile(r'Back-off pulling image "[^"]*"')
_PULL_STEPS = re.compile(
    r"rpc error: code = \w+ desc = |(failed to (pull and unpack image|pull image|resolve reference)"
    r'|error pulling image|Back-off pulling image) "[^"]+": (ErrImagePull: )?',
    re.IGNORECASE,
)
_LONGEST = 240
_GOES_ON = "the next attempt goes on from what was loaded"
_SETS = {
    "memory": "set container.memory, or kubernetes.requests",
    "cpu": "set container.cpus, or kubernetes.requests",
    "ephemeral-storage": "set kubernetes.scratch, or kubernetes.requests",
}
"""What to change in sources.yml, by the resource of which a pod asks too much or too little."""
_NODE_CRASHED = 255
"""containerd's exit code for a container that it didn't see end. The runner never exits so."""


@dataclass(frozen=True)
class Trouble(Failure):
    """Why a run makes no progress: its failure, if that lasts."""

    fatal: bool = False
    """Waiting would not help."""
    vague: bool = False
    """It says less than what was told before it."""
    passing: bool = False
    """Usually over in a moment: reported only if it lasts."""


@dataclass(frozen=True)
class Terminated:
    """How a pod's container ended: ``state.terminated`` of its status."""

    code: int | None
    reason: str = ""
    message: str = ""
    """The termination message: the runner's result, unless the container could not be started."""


@dataclass(frozen=True)
class View:
    """One pod's status, as far as a run depends on it."""

    name: str
    node: str = ""
    running: bool = False
    terminated: Terminated | None = None
    over: bool = False
    """The pod will do nothing more."""
    disrupted: str = ""
    """Why the cluster took the pod away, in its own words; empty where it didn't."""
    uncounted: bool = False
    """The pod has the condition DisruptionTarget: its Job counts no failure and creates another pod."""
    deleted: bool = False
    node_lost: bool = False
    """The container runs as far as anyone knows, and its node doesn't answer."""
    trouble: Trouble | None = None


def view(pod: Mapping[str, Any]) -> View:
    """The view of a pod as the API server tells of it."""
    metadata, status = pod.get("metadata", {}), pod.get("status", {})
    states = [s for s in status.get("containerStatuses") or () if s.get("name") == CONTAINER]
    state: Mapping[str, Any] = states[0].get("state", {}) if states else {}
    ended = state.get("terminated")
    conditions = {c["type"]: c for c in status.get("conditions") or ()}
    over = status.get("phase") in ("Succeeded", "Failed")
    running = "running" in state and not over
    ready = conditions.get("Ready", {})
    return View(
        name=str(metadata.get("name", "")),
        node=str(pod.get("spec", {}).get("nodeName", "")),
        running=running,
        terminated=None
        if ended is None
        else Terminated(ended.get("exitCode"), str(ended.get("reason", "")), str(ended.get("message", ""))),
        over=over or ended is not None,
        disrupted=_disruption(status, conditions),
        uncounted=conditions.get("DisruptionTarget", {}).get("status") == "True",
        deleted="deletionTimestamp" in metadata,
        # There is no readiness probe. The kubelet gives a reason when it says that a pod is not ready;
        # the controller that does so in place of a lost node's kubelet gives none.
        node_lost=running and ready.get("status") == "False" and not ready.get("reason"),
        trouble=None if running or over or ended is not None else _waiting(state, conditions),
    )


def job_trouble(events: Sequence[Mapping[str, Any]]) -> Trouble | None:
    """Why a Job has no pod, from its own events; None where they don't say."""
    for event in reversed(events):
        if event.get("reason") == "FailedCreate":
            return _refused_pod(clean.words(str(event.get("message", ""))))
    return None


def pod_trouble(events: Sequence[Mapping[str, Any]]) -> Trouble | None:
    """Why a pod that has a node does not start, from its events; None where they don't say."""
    for event in reversed(events):
        text = clean.words(str(event.get("message", "")))
        if "failed to sync" in text:
            continue  # the kubelet hasn't heard of the Secret yet; it asks again by itself
        if event.get("reason") in ("FailedMount", "FailedAttachVolume"):
            missing = re.search(r'(secret|configmap) "([^"]+)" not found', text)
            if missing:
                return Trouble(
                    FailureKind.SECRETS_MISSING,
                    f"the {missing[1].capitalize()} {missing[2]} is not in the namespace",
                    "whatever keeps it (External Secrets, say) has not made it: `kubectl get secrets` shows",
                )
            return Trouble(FailureKind.ENVIRONMENT, f"a volume can't be mounted: {text[:200]}")
    return None


def deadline_exceeded(job: Mapping[str, Any]) -> bool:
    """Whether the cluster ended the Job for its ``activeDeadlineSeconds``."""
    return any(
        c.get("type") in ("Failed", "FailureTarget") and c.get("reason") == "DeadlineExceeded"
        for c in job.get("status", {}).get("conditions") or ()
    )


def deleted(job: Mapping[str, Any]) -> bool:
    """Whether a Job is gone or being deleted. Without metadata it is gone."""
    metadata = job.get("metadata")
    return metadata is None or "deletionTimestamp" in metadata


def finished(job: Mapping[str, Any]) -> bool:
    """Whether a Job is over, well or not."""
    return any(
        c.get("type") in ("Complete", "Failed") and c.get("status") == "True"
        for c in job.get("status", {}).get("conditions") or ()
    )


def conclusion(
    seen: View,
    told: Result | None,
    *,
    asked: FailureKind | None,
    deadline: bool,
    job_deleted: bool,
    timeout: float | None,
    memory_limit: int,
) -> Ended:
    """How a run ended: ``told`` is the result that its log told, ``asked`` why this launcher stopped it.

    The termination message is the authority. It holds four kilobytes, so where the log told the
    same end at greater length, that is taken.
    """
    ended = seen.terminated or Terminated(None)
    broken = ended.reason in ("StartError", "ContainerCannotRun")
    result = None if broken else answers.result(ended.message.encode("utf-8", "replace"))
    if result is None or (told and (told.status, told.exit_code) == (result.status, result.exit_code)):
        result = told or result
    if result is not None and result.status == "ok":
        return Ended(result, ended.code)
    if asked is None and deadline:
        asked = FailureKind.TIMEOUT
    if asked is None and ended.reason != "OOMKilled":
        if seen.disrupted:
            return Ended(result, ended.code, _evicted(seen.disrupted))
        if seen.deleted or seen.terminated is None:
            failure = Failure(
                FailureKind.KILLED,
                f"killed from outside: someone deleted the pod {seen.name}",
                f"{_GOES_ON}; to end a run, stop it or delete its Job",
                transient=not job_deleted,
            )
            return Ended(result, ended.code, failure)
        if result is None and (ended.code == _NODE_CRASHED or ended.reason == "ContainerStatusUnknown"):
            message = f"the node or its container runtime went down while the pod {seen.name} ran"
            failure = Failure(FailureKind.ENGINE_GONE, message, _GOES_ON, transient=True)
            return Ended(None, ended.code, failure)
    return conclude(
        ContainerExit(
            code=ended.code,
            oom=ended.reason == "OOMKilled",
            error=ended.message if broken else "",
            asked=asked,
            timeout=timeout,
            memory_limit=memory_limit,
        ),
        result,
    )


def _disruption(status: Mapping[str, Any], conditions: Mapping[str, Mapping[str, Any]]) -> str:
    target = conditions.get("DisruptionTarget", {})
    if target.get("status") == "True":
        return clean.words(f"{target.get('reason', '')}: {target.get('message', '')}")
    if status.get("reason") in _TAKEN_AWAY:
        return clean.words(f"{status['reason']}: {status.get('message', '')}")
    return ""


def _evicted(text: str) -> Failure:
    """The failure of a run whose pod the cluster took away; ``text`` is the cluster's reason."""
    if re.search(r'EmptyDir volume "[^"]+" exceeds|exceeds the total limit of containers', text):
        return Failure(
            FailureKind.DISK_FULL,
            f"the pod's scratch is full: {text[:200]}",
            "raise kubernetes.scratch, or put the state on a volume: kubernetes.state: {size: 20Gi}",
        )
    message = f"the cluster took the pod away ({text[:200].rstrip(': .')})"
    return Failure(FailureKind.EVICTED, message, _GOES_ON, transient=True)


def _waiting(state: Mapping[str, Any], conditions: Mapping[str, Mapping[str, Any]]) -> Trouble | None:
    waiting = state.get("waiting") or {}
    reason, text = str(waiting.get("reason", "")), clean.words(str(waiting.get("message", "")))
    if reason in _PULLING or reason in _NEVER_PULLED:
        return Trouble(
            FailureKind.IMAGE_GONE,
            f"the cluster can't pull the image: {_pull_reason(text) or reason}",
            "`dltpod build --deploy --push NAME` puts it into `registry:`; a private one needs "
            "kubernetes.image_pull_secrets",
            fatal=reason in _NEVER_PULLED or bool(_REFUSED_FOR_GOOD.search(text)),
            vague=_BACKS_OFF.fullmatch(text) is not None,
        )
    if reason in _BROKEN:
        return Trouble(
            FailureKind.ENVIRONMENT,
            f"the container can't be made ({reason}): {text[:240]}",
            "`kubectl describe pod` tells more",
            fatal=reason != "CreateContainerConfigError",
        )
    scheduled = conditions.get("PodScheduled", {})
    if scheduled.get("status") == "False" and scheduled.get("reason") == "Unschedulable":
        text = clean.words(str(scheduled.get("message", "")))
        missing = re.search(r'persistentvolumeclaim "([^"]+)" not found', text)
        if missing:
            # A run makes its claim after its Job, and the scheduler looks again by itself.
            return Trouble(
                FailureKind.UNSCHEDULABLE,
                f"the volume claim {missing[1]} is not in the namespace",
                "someone deleted it: the next run makes it again",
                passing=True,
            )
        return Trouble(
            FailureKind.UNSCHEDULABLE,
            f"no node takes the pod: {text[:240].rstrip('.')}",
            "see container.memory and cpus, and node_selector, tolerations, start_timeout of kubernetes:",
        )
    return None


def _pull_reason(text: str) -> str:
    """The kubelet's message without its steps, each of which repeats the image. The reason stands last."""
    short = _PULL_STEPS.sub("", text)
    return short if len(short) <= _LONGEST else f"…{short[-_LONGEST:]}"


def _refused_pod(text: str) -> Trouble:
    """Why a Job's pod was refused, from the event's message."""
    short = re.sub(r"^Error creating: ", "", text)[:240]
    if "exceeded quota" in text:
        return Trouble(
            FailureKind.QUOTA,
            f"the namespace's quota is used up: {short}",
            "wait for other runs (start_timeout), ask for less memory, or have the quota raised",
            transient=True,
        )
    if "failed quota" in text:
        return Trouble(
            FailureKind.QUOTA,
            f"the namespace's quota asks for limits that this source doesn't set: {short}",
            "set container.cpus and container.memory",
            fatal=True,
        )
    outside = re.search(r"(?:maximum|minimum) ([\w-]+) usage per (?:Container|Pod) is", text)
    if outside:
        return Trouble(
            FailureKind.QUOTA,
            f"the namespace's LimitRange refuses the pod: {short}",
            _SETS.get(outside[1], "have the LimitRange changed"),
            fatal=True,
        )
    if "violates PodSecurity" in text:
        return Trouble(
            FailureKind.FORBIDDEN, f"the namespace's Pod Security refuses the pod: {short}", fatal=True
        )
    if "serviceaccount" in text and "not found" in text:
        return Trouble(
            FailureKind.CONFIGURATION,
            f"the ServiceAccount is not in the namespace: {short}",
            "make it, or correct kubernetes.service_account",
            fatal=True,
        )
    return Trouble(
        FailureKind.FORBIDDEN, f"the cluster refuses the pod: {short}", "`kubectl describe job` tells more"
    )
