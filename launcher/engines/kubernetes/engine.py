"""The Kubernetes engine: a run is a Job, and the Job's name is the lock.

Only ``api`` imports the client. What is created for a run is owned by its Job, so that
nothing outlives it, whoever is killed and when.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from launcher.config.models import Project
from launcher.config.units import parse_duration
from launcher.engines.kubernetes import leftovers, manifests
from launcher.engines.kubernetes.api import Api, ApiError, Unreachable, connect
from launcher.engines.kubernetes.facts import (
    KNOWS_FAILURE_POLICY,
    already_running,
    described,
    facts_of,
    run_of,
    version_of,
)
from launcher.engines.kubernetes.job import Job, Patience
from launcher.engines.kubernetes.names import (
    LABEL_ACTION,
    Names,
    collection,
    item,
    names_of_run,
    path_of,
    selector,
)
from launcher.engines.kubernetes.network import egress_rules, network_policy
from launcher.engines.kubernetes.outcome import finished
from launcher.engines.kubernetes.refusals import forbidden
from launcher.engines.protocol import Collected, Ended, JobListener, Running, StopRequest
from launcher.errors import AlreadyRunning, ConfigurationError, EngineError
from launcher.host.launchers import Alive
from launcher.plan.job import LABEL_LAUNCHER, LABEL_PROJECT, LABEL_RUN, LABEL_SOURCE
from launcher.plan.values import EngineFacts, JobPlan
from runner.contract import Failure, FailureKind

if TYPE_CHECKING:
    from launcher.engines.images import ImageFor
    from launcher.plan.options import SyncOptions

ORPHAN_SECONDS = 86_400.0
"""How long a finished Job stays where its launcher was killed and can't remove it."""
_CREATE_TRIES = 5
_GONE_SECONDS = 30.0
_FINISH_SECONDS = 10.0


class KubernetesEngine:
    """Runs jobs in the cluster that kubectl would talk to. It connects on first use.

    ``alive`` tells whether another launcher lives (``launcher.host.launchers``).
    """

    name = "kubernetes"

    def __init__(
        self,
        project: Project | None = None,
        *,
        environ: Mapping[str, str] | None = None,
        alive: Alive,
        patience: Patience | None = None,
    ) -> None:
        self._environ = os.environ if environ is None else environ
        self._alive = alive
        self._patience = patience or Patience()
        blocks = [source.kubernetes for source in project.sources] if project is not None else []
        self._namespaces = {block.namespace for block in blocks} or {None}
        self._connected: Api | None = None
        self._facts: EngineFacts | None = None

    @property
    def api(self) -> Api:
        """The cluster's API. Raises EngineError where no configuration leads to one."""
        if self._connected is None:
            self._connected = connect(self._environ)
        return self._connected

    def facts(self) -> EngineFacts:
        with self._api_errors():
            if self._facts is None:
                self._facts = facts_of(self.api.get("/version"), self._platforms())
        return self._facts

    def run(self, plan: JobPlan, listener: JobListener, stop: StopRequest) -> Ended:
        if stop.gentle.is_set():
            return Ended(None, failure=Failure(stop.reason, "stopped before it began"))
        replaces = version_of(self.facts()) >= KNOWS_FAILURE_POLICY
        namespace = plan.kubernetes.namespace or self.api.namespace
        try:
            names = names_of_run(plan)
            manifests.check_plan(plan)
            keep = plan.kubernetes.keep
            stays = ORPHAN_SECONDS if keep is None else parse_duration(keep)
            body = manifests.job(plan, names, retries=0, keep=stays, policy=replaces)
            rules = egress_rules(plan)
        except ConfigurationError as error:
            # A run's message stands after its source's name anyway.
            message = error.message.removeprefix(f"{plan.job.source}: ")
            return Ended(None, failure=Failure(FailureKind.CONFIGURATION, message, error.hint))
        theirs = False  # whether the objects are another's, or their pod is out of reach
        try:
            self._create(plan, names, namespace, body, rules)
            listener.planned(plan.job.source, plan)
            job = Job(
                self.api,
                namespace,
                names.job,
                plan,
                listener,
                stop,
                replaces=replaces,
                patience=self._patience,
            )
            ended = job.run()
            theirs = job.left_running
            return ended
        except AlreadyRunning:
            theirs = True
            raise
        except ApiError as error:
            return Ended(None, failure=forbidden(error, namespace))
        except Unreachable as error:
            raise self._no_answer(error) from None
        finally:
            if not theirs:
                # What can't be removed now goes with its Job, after ttlSecondsAfterFinished.
                with contextlib.suppress(ApiError, Unreachable):
                    self._remove(plan, names, namespace)

    def image_for(
        self,
        project: Project,
        environ: Mapping[str, str],
        options: SyncOptions,
        stopped: Callable[[], bool],
    ) -> ImageFor:
        from launcher.engines.images import deployed_images
        from launcher.host.docker_engine import connect as connect_docker

        return deployed_images(connect_docker(environ), project, environ, self.facts().platform, options)

    def running(self, project: str) -> Sequence[Running]:
        with self._api_errors():
            jobs = [job for job in self._objects("Job", project) if not finished(job)]
            running = {
                pod["metadata"].get("labels", {}).get("job-name")
                for pod in (self._objects("Pod", project) if jobs else ())
                if pod.get("status", {}).get("phase") == "Running"
            }
            rows = (described(job, pending=job["metadata"]["name"] not in running) for job in jobs)
            return sorted(rows, key=lambda row: (row.source, row.started))

    def stop(self, project: str, source: str, *, grace: float) -> Running | None:
        stopped: Running | None = None
        with self._api_errors():
            for job in self._objects("Job", project, source):
                if finished(job):
                    continue
                stopped = described(job)
                self.api.delete(path_of("Job", job), propagation="Foreground")
                for pod in leftovers.pods_of(self.api, job):
                    self.api.delete(path_of("Pod", pod), grace=max(1, int(grace)))
                self._wait_until_gone(path_of("Job", job), grace + _GONE_SECONDS)
        return stopped

    def close(self) -> None:
        if self._connected is not None:
            self._connected.close()
            self._connected = None

    def sweep(self, project: str) -> Sequence[Running]:
        swept = []
        with self._api_errors():
            for job in self._objects("Job", project):
                launcher = job["metadata"].get("annotations", {}).get(LABEL_LAUNCHER)
                # A CronJob's Jobs are the CronJob's; a Job that runs on without its launcher is no leftover.
                if launcher is None or not finished(job) or self._alive(launcher) is not False:
                    continue
                swept.append(described(job))
                self.api.delete(path_of("Job", job))
        return swept

    def collect(self, project: str, logs: Mapping[str, Path]) -> Sequence[Collected]:
        with self._api_errors():
            return leftovers.collect(self.api, self._objects("Job", project), logs)

    def own_runs(self, project: str) -> Sequence[Collected]:
        with self._api_errors():
            jobs = leftovers.own_jobs(self._objects("Job", project))
            return leftovers.own_runs(jobs, self._objects("Pod", project) if jobs else ())

    def logs(
        self, project: str, source: str, run_id: str | None, line: Callable[[str], None], *, follow: bool
    ) -> bool:
        with self._api_errors():
            jobs = [job for job in self._objects("Job", project, source) if run_id in (None, run_of(job))]
            pods = leftovers.pods_of(self.api, max(jobs, key=leftovers.created)) if jobs else []
            if pods:
                leftovers.print_log(self.api, pods[-1], line, follow=follow)
            return bool(pods)

    def _create(
        self,
        plan: JobPlan,
        names: Names,
        namespace: str,
        body: dict[str, Any],
        rules: list[dict[str, Any]],
    ) -> None:
        """The Job first, for its name is the lock and it owns the rest. Raises AlreadyRunning, ApiError.

        Its pod can't start before the ConfigMap is there, which comes last. What fails here fails the
        run, whose end removes the Job.
        """
        annotations = body["metadata"].setdefault("annotations", {})
        annotations[LABEL_LAUNCHER] = plan.container.labels.get(LABEL_LAUNCHER, "")
        job = self._take_lock(plan, namespace, body)
        owner = [{"apiVersion": "batch/v1", "kind": "Job", "name": names.job, "uid": job["metadata"]["uid"]}]
        owned = []
        if rules != [{}]:
            run = {LABEL_RUN: plan.job.run_id}
            owned.append(network_policy({"name": names.config_map, "labels": names.labels}, run, rules))
        if plan.kubernetes.secret is None:
            owned.append(manifests.secret(plan, names))
        claim = manifests.claim(plan, names)
        for document in owned:
            self._create_owned(document, namespace, owner)
        if claim is not None:
            # The source's, not the run's. It stays, so it is made where the run gets as far as this.
            self._create_once(namespace, claim)
        self._create_owned(manifests.config_map(plan, names), namespace, owner)

    def _create_owned(self, document: dict[str, Any], namespace: str, owner: list[dict[str, Any]]) -> None:
        document["metadata"]["ownerReferences"] = owner
        # What an earlier attempt of this run left goes with that attempt's Job, so it won't do.
        self.api.delete(item(document["kind"], namespace, document["metadata"]["name"]))
        self._create_once(namespace, document)

    def _take_lock(self, plan: JobPlan, namespace: str, body: dict[str, Any]) -> dict[str, Any]:
        source, action = plan.job.source, plan.job.action
        path = item("Job", namespace, body["metadata"]["name"])
        if action == "sync":
            for job in self._objects("Job", plan.job.project, source, namespace):
                held = job["metadata"]["labels"]
                mine = held.get(LABEL_RUN) == plan.job.run_id
                if held.get(LABEL_ACTION) == action and not mine and not finished(job):
                    raise already_running(source, job)
        for _ in range(_CREATE_TRIES):
            try:
                return self._retried(lambda: self.api.create(collection("Job", namespace), body))
            except ApiError as error:
                if error.status != 409:
                    raise
            holder = self._holder(path)
            if holder is None:
                continue
            labels = holder["metadata"].get("labels") or {}
            if labels.get(LABEL_RUN) == plan.job.run_id:
                return holder  # ours: the answer to our first request was lost
            if labels.get(LABEL_PROJECT) != plan.job.project or labels.get(LABEL_SOURCE) != source:
                name = body["metadata"]["name"]
                raise EngineError(
                    f"a Job named {name} is in namespace '{namespace}', and not of this source",
                    "set another `project:` in sources.yml, or another kubernetes.namespace",
                )
            if not finished(holder):
                raise already_running(source, holder)
            self.api.delete(path)
            self._wait_until_gone(path, _GONE_SECONDS)
        raise AlreadyRunning(f"{source} is being started by another dltpod")

    def _holder(self, path: str) -> dict[str, Any] | None:
        """The Job at ``path``, which holds its source; None where there is none."""
        try:
            return self.api.get(path)
        except ApiError as error:
            if error.status != 404:
                raise
            return None

    def _create_once(self, namespace: str, body: Mapping[str, Any]) -> None:
        try:
            self._retried(lambda: self.api.create(collection(body["kind"], namespace), body))
        except ApiError as error:
            if error.status != 409:
                raise

    def _retried(self, call: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """Repeats the call while the server gives no answer. An object has a name, so it is created once."""
        until = time.monotonic() + self._patience.server / 4
        while True:
            try:
                return call()
            except Unreachable:
                if time.monotonic() > until:
                    raise
                time.sleep(1.0)

    def _remove(self, plan: JobPlan, names: Names, namespace: str) -> None:
        path = item("Job", namespace, names.job)
        holder = self._holder(path)
        mine = holder is not None and holder["metadata"]["labels"].get(LABEL_RUN) == plan.job.run_id
        if plan.kubernetes.secret is None:
            self.api.delete(item("Secret", namespace, names.secret))
        if mine and plan.kubernetes.keep is not None and self._finishes(path):
            return
        self.api.delete(item("ConfigMap", namespace, names.config_map))
        if mine:
            self.api.delete(path, propagation="Foreground")
            self._wait_until_gone(path, plan.container.stop_grace + _GONE_SECONDS)

    def _finishes(self, path: str) -> bool:
        """Waits until the Job is over, and tells whether it is. Its controller notices a moment later."""
        until = time.monotonic() + _FINISH_SECONDS
        while True:
            job = self._holder(path)
            if job is None or finished(job):
                return job is not None
            if job["metadata"].get("deletionTimestamp") or time.monotonic() > until:
                return False
            time.sleep(0.2)

    def _wait_until_gone(self, path: str, seconds: float) -> None:
        until = time.monotonic() + seconds
        while self._holder(path) is not None and time.monotonic() < until:
            time.sleep(0.2)

    def _objects(
        self, kind: str, project: str, source: str | None = None, namespace: str | None = None
    ) -> list[dict[str, Any]]:
        """The project's objects of that kind, those of CronJobs too, in all namespaces that it names."""
        query = selector({LABEL_PROJECT: project} | ({} if source is None else {LABEL_SOURCE: source}))
        wanted = {namespace} if namespace is not None else {n or self.api.namespace for n in self._namespaces}
        listings = [self.api.get(collection(kind, name), query) for name in sorted(wanted)]
        return [found for listing in listings for found in listing.get("items", [])]

    def _platforms(self) -> set[str]:
        """The platforms of the nodes, such as linux/amd64; none where this account may not list them."""
        try:
            nodes = self.api.get("/api/v1/nodes").get("items", [])
        except ApiError:
            return set()
        infos = [node.get("status", {}).get("nodeInfo", {}) for node in nodes]
        return {f"{info.get('operatingSystem')}/{info.get('architecture')}" for info in infos}

    @contextlib.contextmanager
    def _api_errors(self) -> Iterator[None]:
        """Turns what the API raises into EngineError."""
        try:
            yield
        except ApiError as error:
            trouble = forbidden(error, self.api.namespace)
            raise EngineError(trouble.message, trouble.hint) from None
        except Unreachable as error:
            raise self._no_answer(error) from None

    def _no_answer(self, error: Unreachable) -> EngineError:
        return EngineError(
            f"the API server {self.api.server} does not answer: {error}",
            "`kubectl cluster-info` tells whether it is the server or the way there",
        )
