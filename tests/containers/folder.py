"""A project folder for tests: sources, syncs, and a look at what came of them."""

from __future__ import annotations

import ipaddress
import json
import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from launcher import config
from launcher.config.models import Project
from launcher.engines.docker.engine import DockerEngine
from launcher.engines.images import docker_images
from launcher.host.launchers import unknown
from launcher.images.tags import Image
from launcher.plan.job import container_name
from launcher.plan.options import SyncOptions
from launcher.runs.history import History, RunRecord
from launcher.runs.listeners import Listener
from launcher.runs.signals import Stopper
from launcher.runs.sync import Outcome, sync
from launcher.secrets.gather import drivers_for, read_environment

if TYPE_CHECKING:
    import docker
    from docker.models.containers import Container

REPOSITORY = Path(__file__).parents[2]
NO_NETWORK = {"container": {"network": "none"}}
"""Defaults of a project: a run starts no second container, which closes addresses of the network."""


class Folder:
    """A project's folder. ``name`` is the project's, unlike any other's on this engine."""

    def __init__(self, root: Path, name: str, client: docker.DockerClient) -> None:
        self.root, self.name, self.client = root, name, client
        self.defaults: dict[str, Any] = {}
        """Of ``sources.yml``: what each entry has that says nothing else."""
        self._entries: dict[str, dict[str, Any]] = {}
        (root / "custom_sources").mkdir(exist_ok=True)

    # What it is made of

    def code(self, module: str, text: str) -> None:
        """A module in ``custom_sources/``."""
        (self.root / "custom_sources" / f"{module}.py").write_text(textwrap.dedent(text))

    def write(self, path: str, text: str) -> Path:
        """A file below the root."""
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(textwrap.dedent(text))
        return file

    def source(
        self,
        name: str,
        module: str,
        function: str,
        kwargs: Mapping[str, Any] | None = None,
        *,
        container: Mapping[str, Any] | None = None,
        native: Mapping[str, Any] | None = None,
        **entry: Any,
    ) -> None:
        """An entry of ``sources.yml``, added or replaced."""
        self._entries[name] = {
            "name": name,
            "type": "dlt_native",
            "dlt_native": {
                "source_module": module,
                "source_function": function,
                "function_kwargs": dict(kwargs or {}),
                **(native or {}),
            },
            **({"container": dict(container)} if container else {}),
            **entry,
        }
        self._write()

    def _write(self) -> None:
        # JSON is YAML.
        content = {"version": 1, "project": self.name, "sources": list(self._entries.values())}
        if self.defaults:
            content["defaults"] = self.defaults
        (self.root / "sources.yml").write_text(json.dumps(content))

    def take_over(self, other: Folder) -> None:
        """Everything of another folder with all that its syncs left, as if they had been this project's."""
        subprocess.run(["cp", "-a", f"{other.root}/.", str(self.root)], check=True)
        self._entries = dict(other._entries)
        self._write()

    def load(self) -> Project:
        return config.load(self.root / "sources.yml")

    # What is done with it

    def sync(
        self, *names: str, listener: Listener | None = None, stopper: Stopper | None = None, **options: Any
    ) -> Outcome:
        """Sync sources (all without a name) in this process."""
        project = self.load()
        sources = config.select(project, names=names, all=not names)
        return sync(project, sources, SyncOptions(**options), *filter(None, [listener]), stopper=stopper)

    def image(self, name: str) -> Image:
        """The image of a source, made without running it."""
        project = self.load()
        platform = DockerEngine(alive=unknown).facts().platform
        make = docker_images(self.client, project, os.environ, platform, SyncOptions())
        (source,) = config.select(project, names=(name,))
        drivers = drivers_for(project, source, read_environment(project, os.environ))
        return make(source, drivers, lambda line: None)

    def run(self, name: str, listener: Listener | None = None, **options: Any) -> RunRecord:
        """Sync one source; its record."""
        return self.sync(name, listener=listener, **options).records[0]

    def must(self, name: str, **options: Any) -> RunRecord:
        """Sync one source, which has to go well."""
        record = self.run(name, **options)
        assert record.status == "ok", f"{record.failure_kind}: {record.message}\n{self.log(record)}"
        return record

    def start(self, *arguments: str, **environ: str) -> subprocess.Popen[str]:
        """``dltpod`` in a process of its own, with this folder as its project."""
        return subprocess.Popen(
            [sys.executable, "-m", "dltpod", *arguments],
            cwd=self.root,
            env={**os.environ, "PYTHONPATH": str(REPOSITORY), **environ},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    # What came of it

    @property
    def history(self) -> History:
        return History(self.root / ".dltpod")

    def log(self, record: RunRecord) -> str:
        """What stands in a run's log file."""
        file = Path(record.log_file)
        return file.read_text(errors="replace") if record.log_file and file.exists() else ""

    def logged(self, name: str, text: str) -> bool:
        """Whether a run of a source has a text in its log, so far."""
        files = (self.root / ".dltpod" / "logs" / name).glob("*.log")
        return any(text in file.read_text(errors="replace") for file in files)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """What the DuckDB warehouse answers."""
        import duckdb

        with duckdb.connect(str(self.root / "data" / "warehouse.duckdb"), read_only=True) as connection:
            found: list[tuple[Any, ...]] = connection.execute(query).fetchall()
            return found

    def container(self, name: str) -> Container:
        """The container that runs a source now."""
        found: Container = self.client.containers.get(container_name(self.name, name))
        return found

    def containers(self) -> Sequence[Container]:
        """Every container of this project that the engine has."""
        found: list[Container] = self.client.containers.list(
            all=True, filters={"label": f"dltpod.project={self.name}"}, ignore_removed=True
        )
        return found


def image_tags(client: docker.DockerClient, **filters: str) -> set[str]:
    """The engine's tags, from the listing itself: other tests make and remove images all the while."""
    found = client.api.images(filters=filters)
    return {tag for row in found for tag in row["RepoTags"] or () if tag != "<none>:<none>"}


def bridge_address(client: docker.DockerClient) -> str:
    """This host's address on the engine's default bridge, at which all containers and builds reach it."""
    subnet = client.networks.get("bridge").attrs["IPAM"]["Config"][0]["Subnet"]
    return str(next(ipaddress.ip_network(subnet).hosts()))


class AtPhase(Listener):
    """Does something once, so many seconds after a run has come to a phase."""

    def __init__(self, phase: str, act: Callable[[], Any], after: float = 0.0) -> None:
        self._phase, self._act, self._after = phase, act, after
        self.done = False

    def event(self, source: str, data: Mapping[str, Any]) -> None:
        if not self.done and data.get("event") == "phase" and data.get("phase") == self._phase:
            self.done = True
            time.sleep(self._after)
            self._act()
