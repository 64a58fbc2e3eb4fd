"""Supervises one Job from its creation to its end."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from launcher.config.units import parse_duration
from launcher.engines.kubernetes.api import Api, ApiError, Unreachable
from launcher.engines.kubernetes.logs import Follower
from launcher.engines.kubernetes.names import collection, item
from launcher.engines.kubernetes.outcome import (
    Trouble,
    View,
    conclusion,
    deadline_exceeded,
    deleted,
    job_trouble,
    pod_trouble,
    view,
)
from launcher.engines.kubernetes.refusals import forbidden
from launcher.engines.kubernetes.watch import PodWatch, Seen
from launcher.engines.log import LogFile, Sorter, drain
from launcher.engines.protocol import Ended, JobListener, StopRequest
from launcher.plan.job import LABEL_RUN
from launcher.plan.values import JobPlan
from runner.contract import Event, Failure, FailureKind, timed_out

TICK_SECONDS = 0.2
_LOOK_SECONDS = 2.0
"""Between two checks why a pod doesn't start."""
_PASSING_SECONDS = 15.0
"""How long a trouble with ``passing`` is not reported."""
_AFTER_STOP_SECONDS = 30.0
"""How long the end of a stopped pod is waited for, over its own grace."""


@dataclass(frozen=True)
class Patience:
    """How long what may pass by itself is waited for, in seconds."""

    server: float = 120.0
    """The API server gives no answer."""
    node: float = 300.0
    """The node that the pod runs on gives no sign: so long Kubernetes itself waits."""


@dataclass(eq=False)
class Job:
    """A Job that exists. ``run`` supervises it to its end and leaves its removal to others."""

    api: Api
    namespace: str
    name: str
    plan: JobPlan
    listener: JobListener
    stop: StopRequest
    replaces: bool
    """Whether the cluster replaces a pod that it took away (see ``KNOWS_FAILURE_POLICY``)."""
    patience: Patience
    left_running: bool = field(default=False, init=False)
    """Whether the pod may still run: its node or the API server is out of reach."""

    def __post_init__(self) -> None:
        self._path = item("Job", self.namespace, self.name)
        source, listener = self.plan.job.source, self.listener
        self._log = LogFile(self.plan.log_file)
        self._sorter = Sorter(
            self.plan.job.token, self._log, partial(listener.event, source), partial(listener.log, source)
        )
        self._view = View("")
        self._uid = ""
        self._done: set[str] = set()
        self._reader: threading.Thread | None = None
        self._follower: Follower | None = None
        self._over = threading.Event()
        self._asked: FailureKind | None = None
        self._stop_at = 0.0
        self._killed = False
        self._waiting_since = time.monotonic()
        self._look_at = 0.0
        self._trouble: Trouble | None = None
        self._lost_since: float | None = None
        self._unanswered = False

    def run(self) -> Ended:
        """Watch it to its end. Never raises EngineError: what goes wrong is how the job ended."""
        labels = {LABEL_RUN: self.plan.job.run_id}
        try:
            with PodWatch(self.api, self.namespace, labels) as watch:
                while True:
                    seen = watch.next(TICK_SECONDS)
                    ended = self._take(seen) if seen is not None else None
                    ended = ended or self._tick(time.monotonic(), watch)
                    if ended is not None:
                        return ended
        finally:
            self._over.set()
            self._log.close()

    def _take(self, seen: Seen) -> Ended | None:
        if seen.trouble is not None:
            return self._out_of_reach(seen.trouble)
        if self._unanswered:
            self._unanswered = False
            self._note("the API server answers again")
        if seen.pod is None:
            return None
        uid = str(seen.pod["metadata"]["uid"])
        if uid in self._done:
            return None
        if uid != self._uid:
            # A replacement never starts before the one before it is over.
            self._uid, self._view = uid, View("")
        before, self._view = self._view, view(seen.pod)
        if seen.gone and self._view.terminated is None and before.terminated:
            self._view = before
        if (self._view.running or self._view.terminated) and self._reader is None:
            pod = item("Pod", self.namespace, self._view.name)
            self._follower = Follower(self.api, pod, self._sorter.line)
            self._reader = threading.Thread(
                target=self._follow, args=(self._follower,), daemon=True, name=f"log {self._view.name}"
            )
            self._reader.start()
        if self._view.running and not before.running:
            self._trouble = None
        if seen.gone or self._view.over:
            return self._pod_over(gone=seen.gone)
        return None

    def _pod_over(self, *, gone: bool) -> Ended | None:
        if self._reader is not None and (follower := self._follower) is not None:
            drain(self._reader, lambda: follower.lines, self.stop.hard.is_set, self._log)
        job: Mapping[str, Any] = {}
        if self._asked is None:
            # It stays empty where the Job is gone or the server doesn't say.
            with contextlib.suppress(ApiError, Unreachable):
                job = self.api.get(self._path)
        deadline = deadline_exceeded(job)
        if self._view.uncounted and self.replaces and self._asked is None and not deadline:
            self._note(f"the cluster took the pod away and starts another ({self._view.disrupted})")
            self._done.add(self._uid)
            self._view, self._reader, self._waiting_since = View(""), None, time.monotonic()
            return None
        if gone and self._view.terminated is None and self._trouble is not None and self._asked is None:
            # A pod that never ran and was taken away: what kept it from running is the reason.
            return Ended(None, failure=self._trouble)
        return self._conclude(deadline=deadline, job_deleted=deleted(job))

    def _conclude(self, *, deadline: bool = False, job_deleted: bool = True) -> Ended:
        return conclusion(
            self._view,
            self._sorter.result,
            asked=self._asked,
            deadline=deadline,
            job_deleted=job_deleted,
            timeout=self.plan.timeout,
            memory_limit=self.plan.container.memory,
        )

    def _tick(self, now: float, watch: PodWatch) -> Ended | None:
        """Obeys stop requests and time limits. The end, where it has come; ``now`` is monotonic."""
        if now - watch.answered > self.patience.server:
            return self._left(
                f"the API server {self.api.server} gave no answer for {self.patience.server:.0f} s",
                "the job goes on in the cluster: `dltpod ps --engine kubernetes` finds it again",
            )
        if self.stop.gentle.is_set() and self._asked is None and self._delete_job():
            self._asked, self._stop_at = self.stop.reason, now
        if self.stop.hard.is_set() and not self._killed and self._view.name:
            with contextlib.suppress(ApiError, Unreachable):
                # One second, not none: with none the API forgets the pod while it may still run.
                self.api.delete(item("Pod", self.namespace, self._view.name), grace=1)
                self._killed = True
        if self._asked is not None:
            self.left_running = now - self._stop_at > self.plan.container.stop_grace + _AFTER_STOP_SECONDS
            never_seen = not self._view.name and now - self._stop_at > _LOOK_SECONDS
            return self._conclude() if never_seen or self.left_running else None
        if not (self._view.running or self._view.over):
            return self._waiting(now)
        return self._node(now)

    def _waiting(self, now: float) -> Ended | None:
        """The pod doesn't run yet: say why, and give up when that helps or it has taken too long."""
        if now < self._look_at:
            return None
        self._look_at = now + _LOOK_SECONDS
        found = self._why_waiting()
        if found is not None and not (found.passing and now - self._waiting_since < _PASSING_SECONDS):
            if self._trouble is None or found.kind is not self._trouble.kind:
                self._note(found.message)
                self._trouble = found
            elif not found.vague:
                self._trouble = found
            if found.fatal:
                return Ended(None, failure=found)
        waited = now - self._waiting_since
        if waited < parse_duration(self.plan.kubernetes.start_timeout):
            return None
        slow = Trouble(
            FailureKind.UNSCHEDULABLE,
            "the pod did not start",
            f"`kubectl -n {self.namespace} describe job {self.name}` tells more",
            transient=True,
        )
        trouble = self._trouble or slow
        message = f"{trouble.message} (waited {waited:.0f} s)"
        return Ended(None, failure=replace(trouble, message=message))

    def _why_waiting(self) -> Trouble | None:
        if self._view.trouble is not None:
            return self._view.trouble
        try:
            if not self._view.name:
                if deadline_exceeded(self.api.get(self._path)):
                    late = timed_out(self.plan.timeout or 0.0)
                    return Trouble(late.kind, late.message, late.hint, fatal=True)
                return job_trouble(self._events("Job", self.name))
            return pod_trouble(self._events("Pod", self._view.name)) if self._view.node else None
        except ApiError as error:
            if error.status == 404:
                deleted = f"killed from outside: someone deleted the Job {self.name}"
                return Trouble(FailureKind.KILLED, deleted, "sync again", fatal=True)
        except Unreachable:
            pass
        return None

    def _events(self, kind: str, name: str) -> list[Mapping[str, Any]]:
        query = {"fieldSelector": f"involvedObject.kind={kind},involvedObject.name={name}"}
        try:
            found = self.api.get(collection("Event", self.namespace), query).get("items", [])
        except ApiError:
            return []  # without the right to read events the status has to do
        return sorted(found, key=lambda e: str(e.get("lastTimestamp") or e.get("eventTime") or ""))

    def _node(self, now: float) -> Ended | None:
        if not self._view.node_lost:
            if self._lost_since is not None:
                self._note("the node answers again")
            self._lost_since = None
            return None
        if self._lost_since is None:
            self._lost_since = now
            self._note(f"node {self._view.node} does not answer; waiting for it")
        if now - self._lost_since < self.patience.node:
            return None
        return self._left(
            f"node {self._view.node} has not answered for {now - self._lost_since:.0f} s",
            "the source stays locked until the node is back or removed (`kubectl delete node`)",
        )

    def _left(self, message: str, hint: str) -> Ended:
        self.left_running = True
        return Ended(None, failure=Failure(FailureKind.ENGINE_GONE, message, hint, transient=True))

    def _out_of_reach(self, error: Exception) -> Ended | None:
        if isinstance(error, ApiError) and error.status in (401, 403):
            return Ended(None, failure=forbidden(error, self.namespace))
        if not self._unanswered:
            self._unanswered = True
            self._note(f"the API server does not answer; waiting for it ({error})")
        return None

    def _follow(self, follower: Follower) -> None:
        """Read the log to its end; a connection that breaks is made anew."""
        while not self._over.is_set():
            last = self._view.over
            try:
                follower.read(follow=not last)
            except ApiError as error:
                if error.status == 403:
                    self._note(f"no log: {forbidden(error, self.namespace).message}")
                if error.status in (403, 404):
                    return
            except Unreachable:
                pass
            else:
                if last:
                    return
            finally:
                self._log.flush()
            self._over.wait(TICK_SECONDS)

    def _delete_job(self) -> bool:
        """Ask for the end. In the foreground: the name stays taken until the pod is really gone."""
        try:
            self.api.delete(self._path, propagation="Foreground")
        except Unreachable:
            return False
        except ApiError as error:
            self._note(forbidden(error, self.namespace).message)
        return True

    def _note(self, text: str) -> None:
        self.listener.event(self.plan.job.source, {"event": Event.NOTE.value, "text": text})
