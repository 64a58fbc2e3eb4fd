"""The Docker engine."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from launcher.engines.docker.gateway import LABEL_ROLE
from launcher.engines.docker.job import Job
from launcher.engines.docker.leftovers import describe, is_leftover, own_containers
from launcher.engines.docker.memory import Memory
from launcher.engines.docker.namespace import NetworkRefused
from launcher.engines.docker.network import Network, Networks
from launcher.engines.docker.spec import create_arguments
from launcher.engines.protocol import Ended, JobListener, Running, StopRequest
from launcher.errors import AlreadyRunning, ConfigurationError, EngineError
from launcher.host.docker_engine import connect, create, engine_errors, find_endpoint
from launcher.host.launchers import Alive
from launcher.plan.values import EngineFacts, JobPlan
from launcher.untrusted import clean
from runner.contract import Failure, FailureKind

if TYPE_CHECKING:
    import docker
    from docker.errors import APIError

    from launcher.config.models import Project
    from launcher.engines.images import ImageFor
    from launcher.plan.options import SyncOptions

OLDEST_API = (1, 41)
"""Docker Engine 20.10: host-gateway, one-shot statistics, private cgroup namespaces."""
INSPECTION = "-inspect-"
"""In the names of containers of ``show`` and ``shell``, which are no runs."""
_CONFLICT_SECONDS = 15.0
"""How long a name may be taken by a container that the engine doesn't show yet: it takes the name first,
and then makes the container's layer, which is slow on a busy disk."""
_CONFLICT_PAUSE = 0.1


class DockerEngine:
    """Runs jobs on the engine that the docker CLI would use.

    ``alive`` tells whether another launcher lives (``launcher.host.launchers``), ``several`` that there
    is more than one job to run. Raises EngineError from the first call on where no engine answers.
    """

    name = "docker"

    def __init__(
        self, *, environ: Mapping[str, str] | None = None, alive: Alive, several: bool = False
    ) -> None:
        self._environ = os.environ if environ is None else environ
        self._client: docker.DockerClient | None = None
        self._networks: Networks | None = None
        self._alive = alive
        self._several = several
        self._facts: EngineFacts | None = None

    @property
    def client(self) -> docker.DockerClient:
        """The SDK's client, connected on first use."""
        if self._client is None:
            self._client = connect(self._environ)
            self._networks = Networks(self._client.api, reuse=self._several)
        return self._client

    def facts(self) -> EngineFacts:
        """What the engine is and can do. Raises EngineError for one that is too old."""
        if self._facts is None:
            with engine_errors():
                api = self.client.api
                version = tuple(int(part) for part in api.api_version.split("."))
                info = api.info()
            if version < OLDEST_API:
                raise EngineError(
                    f"Docker Engine {info.get('ServerVersion')} is too old", "dltpod needs 20.10 or newer"
                )
            self._facts = _facts(info, remote=find_endpoint(self._environ).remote)
        return self._facts

    def run(self, plan: JobPlan, listener: JobListener, stop: StopRequest) -> Ended:
        from docker.errors import APIError

        if stop.gentle.is_set():
            return Ended(None, failure=Failure(stop.reason, "stopped before it began"))
        if self.facts().remote:
            raise ConfigurationError(
                f"{self.facts().name} is on another machine: it can't see this project's folders",
                "run dltpod on that machine, or use --engine kubernetes",
            )
        with engine_errors():
            try:
                return self._run(plan, listener, stop)
            except NetworkRefused as error:
                return Ended(None, failure=Failure(FailureKind.ENVIRONMENT, error.message, error.hint))
            except APIError as error:
                return Ended(None, failure=_refused(error))

    def _run(self, plan: JobPlan, listener: JobListener, stop: StopRequest) -> Ended:
        api, podman = self.client.api, self.facts().podman
        assert self._networks is not None
        with self._networks.of(plan.container, plan.job.run_id, podman=podman) as network:
            created = self._create(plan, network)
            if isinstance(created, Failure):
                return Ended(None, failure=created)
            try:
                listener.planned(plan.job.source, plan)
                job = Job(api, created, plan, network, listener, stop)
                network.open(job.note)
                ended = job.run()
            finally:
                network.leave()
                # An engine that is gone keeps it; the next start sweeps it away by its label.
                with contextlib.suppress(Exception):
                    self._remove(created)
        return network.explain_refusal(ended)

    def _create(self, plan: JobPlan, network: Network) -> str | Failure:
        """The container's id, or why there can be none. Its name is the lock: raises AlreadyRunning."""
        from docker.errors import APIError, ImageNotFound

        spec = plan.container
        give_up = time.monotonic() + _CONFLICT_SECONDS
        while time.monotonic() < give_up:
            try:
                body = create_arguments(spec, network=network.mode, podman=self.facts().podman)
                return create(self.client.api, body, spec.name)
            except ImageNotFound:
                return Failure(
                    FailureKind.IMAGE_GONE,
                    f"image {spec.image} is gone from the engine",
                    f"`dltpod build {plan.job.source}` makes it again",
                )
            except APIError as error:
                # Podman calls a name that is taken an error of its own.
                if error.status_code == 409 or "name is already in use" in str(error.explanation):
                    self._clear_holder(plan)
                    time.sleep(_CONFLICT_PAUSE)
                    continue
                return _refused(error)
        raise AlreadyRunning(f"{plan.job.source} is being started by another dltpod")

    def _clear_holder(self, plan: JobPlan) -> None:
        """Remove what holds the name if it is a leftover. Raises AlreadyRunning if it isn't."""
        from docker.errors import NotFound

        source = plan.job.source
        try:
            details = self.client.api.inspect_container(plan.container.name)
        except NotFound:
            return
        holder = describe(details)
        if not holder.run_id:
            raise ConfigurationError(
                f"a container named {plan.container.name} is there, and dltpod didn't make it",
                f"`docker rm {plan.container.name}`, if nobody needs it",
            )
        if not is_leftover(details, self._alive):
            raise AlreadyRunning(
                f"{source} is already running: run {holder.run_id}, since {holder.started}",
                f"`dltpod logs {source} --follow` shows it, `dltpod stop {source}` stops it, --wait waits",
            )
        self._remove(str(details["Id"]))

    def _remove(self, container: str) -> None:
        from docker.errors import APIError, NotFound

        for _ in range(50):
            try:
                self.client.api.remove_container(container, force=True, v=True)
                return
            except NotFound:
                return
            except APIError as error:
                # Another launcher removes it at the same time.
                if error.status_code != 409:
                    raise
                time.sleep(0.1)

    def image_for(
        self,
        project: Project,
        environ: Mapping[str, str],
        options: SyncOptions,
        stopped: Callable[[], bool],
    ) -> ImageFor:
        from launcher.engines.images import docker_images

        return docker_images(self.client, project, environ, self.facts().platform, options, stopped)

    def running(self, project: str) -> Sequence[Running]:
        with engine_errors():
            found = []
            for details in own_containers(self.client.api, project):
                row = describe(details)
                memory = None
                if row.state == "running":
                    memory = Memory(self.client.api, str(details["Id"])).sample()
                left = is_leftover(details, self._alive)
                found.append(replace(row, memory=memory, role=_role(details), left=left))
            return sorted(found, key=lambda row: (row.source, row.container))

    def stop(self, project: str, source: str, *, grace: float) -> Running | None:
        from docker.errors import APIError, NotFound

        with engine_errors():
            stopped: Running | None = None
            for details in own_containers(self.client.api, project, source):
                if not details["State"].get("Running") or _role(details) != "run":
                    continue
                stopped = describe(details)
                try:
                    if stopped.state == "paused":
                        # It could not hear of it.
                        self.client.api.unpause(details["Id"])
                    self.client.api.stop(details["Id"], timeout=int(grace))
                except NotFound:
                    continue
                except APIError as error:
                    if error.status_code not in (304, 409):
                        raise
            return stopped

    def close(self) -> None:
        if self._networks is not None:
            self._networks.close()
        if self._client is not None:
            self._client.close()
        self._client = self._networks = None

    def sweep(self, project: str) -> Sequence[Running]:
        with engine_errors():
            swept = []
            for details in own_containers(self.client.api, project):
                if is_leftover(details, self._alive):
                    swept.append(describe(details))
                    self._remove(str(details["Id"]))
            return swept


def _role(details: Mapping[str, Any]) -> str:
    """What a container of ours is for: see ``Running.role``."""
    labels = details["Config"].get("Labels") or {}
    if LABEL_ROLE in labels:
        return "gateway"
    return "inspect" if INSPECTION in str(details.get("Name", "")) else "run"


def _facts(info: Mapping[str, Any], *, remote: bool) -> EngineFacts:
    limits = {"MemoryLimit": "memory", "CpuCfsQuota": "processor", "PidsLimit": "process"}
    podman = "BuildahVersion" in info
    options = [str(option) for option in info.get("SecurityOptions") or ()]
    machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(str(info.get("Architecture")), "")
    return EngineFacts(
        name=f"{'Podman' if podman else 'Docker Engine'} {info.get('ServerVersion', '')}".strip(),
        rootless=any("name=rootless" in option for option in options),
        remote=remote,
        podman=podman,
        cgroup=str(info.get("CgroupVersion") or "1"),
        platform=f"{info.get('OSType', 'linux')}/{machine or info.get('Architecture')}",
        problems=tuple(
            f"this engine can't enforce the {word} limit" for key, word in limits.items() if not info.get(key)
        ),
    )


def _refused(error: APIError) -> Failure:
    """Why the engine created or started no container."""
    short = clean.words(str(error.explanation or error), 300)
    low = short.lower()
    kind, hint = FailureKind.ENVIRONMENT, "`dltpod doctor` checks the engine"
    if "no such image" in low:
        kind, hint = FailureKind.IMAGE_GONE, "`dltpod build` makes it again"
    elif "no space left" in low:
        kind = FailureKind.DISK_FULL
        hint = "`dltpod gc` frees what no source uses; `docker system df` shows more"
    elif "bind source path does not exist" in low or "mounts denied" in low:
        hint = "the engine doesn't see this folder: share it with the engine's virtual machine, if it has one"
    elif "network" in low and "not found" in low:
        hint = "make the network (`docker network create`) or correct container.network"
    return Failure(kind, f"the engine refuses the container: {short}", hint)
