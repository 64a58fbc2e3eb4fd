"""A project on the cluster, as a user has one, and what the tests ask of it."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from launcher import config
from launcher.config.models import Project, Source
from launcher.engines.kubernetes.api import Api
from launcher.engines.kubernetes.engine import KubernetesEngine
from launcher.engines.kubernetes.job import Patience
from launcher.engines.kubernetes.names import collection, item, selector
from launcher.host.launchers import Launchers
from launcher.images import deploy
from launcher.images.images import DockerImages
from launcher.images.tags import Image, ImageOptions
from launcher.plan.job import LABEL_PROJECT
from launcher.plan.options import SyncOptions
from launcher.plan.values import JobPlan, Say
from launcher.runs.history import RunRecord
from launcher.runs.listeners import Listener
from launcher.runs.signals import Stopper
from launcher.runs.sync import sync
from launcher.secrets.gather import Drivers
from tests.kubernetes.postgres import Postgres
from tests.unit.engine.builders import ENVIRONMENT
from tests.waiting import wait_for

if TYPE_CHECKING:
    import docker

SOURCES = Path(__file__).parent / "custom_sources"
EXTRAS = ["duckdb"]
"""One image for all tests, those of a file destination too."""
TOKEN = "a-token-that-no-log-may-show"


class Cluster:
    """One project in one namespace. ``sources`` are added one by one; ``sync`` runs them for real."""

    def __init__(self, api: Api, namespace: str, image: str, postgres: Postgres, root: Path) -> None:
        self.api, self.namespace, self.image, self.postgres = api, namespace, image, postgres
        self.root = root / f"t{os.urandom(3).hex()}"
        self.root.mkdir()
        self.name = self.root.name
        self.heard = Heard()
        self._entries: list[dict[str, Any]] = []
        shutil.copytree(SOURCES, self.root / "custom_sources")
        (self.root / ".dlt").mkdir()
        (self.root / ".dlt" / "secrets.toml").write_text(
            f'{postgres.toml}\n[sources.probe]\ntoken = "{TOKEN}"\n'
        )

    def source(
        self,
        name: str,
        function: str,
        *,
        kwargs: Mapping[str, Any] | None = None,
        container: Mapping[str, Any] | None = None,
        kubernetes: Mapping[str, Any] | None = None,
        **more: Any,
    ) -> str:
        """Add an entry to sources.yml and return its name."""
        self._entries.append(
            {
                "name": name,
                "type": "dlt_native",
                "dlt_native": {
                    "source_module": "probe",
                    "source_function": function,
                    "function_kwargs": dict(kwargs or {}),
                    "dataset_name": self.dataset(name),
                },
                "container": {"memory": "300m", "extras": EXTRAS, **(container or {})},
                "kubernetes": dict(kubernetes or {}),
                **more,
            }
        )
        document = {
            "version": 1,
            "project": self.name,
            "defaults": {"destination": "postgres", "kubernetes": {"namespace": self.namespace}},
            "sources": self._entries,
        }
        (self.root / "sources.yml").write_text(yaml.safe_dump(document, sort_keys=False))
        return name

    def dataset(self, name: str) -> str:
        """The Postgres schema that a source loads into."""
        return f"{self.name}_{name}"

    def table(self, name: str, table: str) -> str:
        return f"{self.dataset(name)}.{table}"

    @property
    def project(self) -> Project:
        return config.load(self.root / "sources.yml")

    @property
    def environ(self) -> dict[str, str]:
        return dict(os.environ)

    def engine(self, patience: Patience | None = None) -> KubernetesEngine:
        """An engine of its own, as another launcher would have."""
        alive = Launchers(self.project.private).alive
        return KubernetesEngine(self.project, environ=self.environ, alive=alive, patience=patience)

    def sync(
        self,
        *names: str,
        patience: Patience | None = None,
        stopper: Stopper | None = None,
        image: str | None = None,
        environ: Mapping[str, str] | None = None,
        **options: Any,
    ) -> list[RunRecord]:
        """Run the sources to their end, as ``dltpod sync --engine kubernetes`` does."""
        project = self.project
        sources = config.select(project, names=names)
        found = environ or self.environ

        def image_for(source: Source, drivers: Drivers, say: Say) -> Image:
            return Image(image or self.image, ENVIRONMENT)

        outcome = sync(
            project,
            sources,
            SyncOptions(engine="kubernetes", **options),
            self.heard,
            environ=found,
            engine=KubernetesEngine(
                project, environ=found, alive=Launchers(project.private).alive, patience=patience
            ),
            image_for=image_for,
            stopper=stopper,
        )
        return list(outcome.records)

    def run(self, name: str, **options: Any) -> RunRecord:
        """Run one source to its end."""
        [record] = self.sync(name, **options)
        return record

    def run_on_docker(self, name: str) -> RunRecord:
        """Run one source in a container on this machine."""
        project = self.project
        sources = config.select(project, names=[name])
        [record] = sync(project, sources, SyncOptions(), self.heard, environ=self.environ).records
        return record

    def remove_claims(self) -> None:
        """Volume claims hold what a source has loaded: nothing but a person removes them."""
        for claim in self.objects("PersistentVolumeClaim"):
            self.api.delete(item("PersistentVolumeClaim", self.namespace, claim["metadata"]["name"]))

    def objects(self, kind: str) -> list[dict[str, Any]]:
        """The project's objects of a kind that are in the namespace."""
        listing = self.api.get(collection(kind, self.namespace), selector({LABEL_PROJECT: self.name}))
        return list(listing.get("items", []))

    def assert_nothing_left(self) -> None:
        """No Job, pod, Secret or ConfigMap of the project is left; a volume claim may stay."""
        kinds = ("Job", "Pod", "Secret", "ConfigMap", "NetworkPolicy")
        wait_for(lambda: not any(self.objects(kind) for kind in kinds), text="the namespace is empty")

    def pod(self) -> Any:
        """The one pod of the project, as soon as its container runs."""

        def running() -> dict[str, Any] | None:
            for pod in self.objects("Pod"):
                states = pod.get("status", {}).get("containerStatuses") or [{}]
                if "running" in states[0].get("state", {}):
                    return pod
            return None

        return wait_for(running, text="a pod runs")

    def in_background(self, name: str, **options: Any) -> Background:
        """Run one source while the test does something to it."""
        return Background(lambda: self.run(name, **options))


class Background:
    """A run in a thread of its own."""

    def __init__(self, work: Callable[[], RunRecord]) -> None:
        self._records: list[RunRecord] = []
        self._errors: list[BaseException] = []
        self._thread = threading.Thread(target=self._work, args=(work,), daemon=True)
        self._thread.start()

    def _work(self, work: Callable[[], RunRecord]) -> None:
        try:
            self._records.append(work())
        except BaseException as error:  # noqa: BLE001 - it is raised again where the test waits
            self._errors.append(error)

    def result(self, seconds: float = 180.0) -> RunRecord:
        self._thread.join(seconds)
        assert not self._thread.is_alive(), f"the run has not ended after {seconds} s"
        if self._errors:
            raise self._errors[0]
        return self._records[0]


class Heard(Listener):
    """Remembers what it is told."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.events: list[Mapping[str, Any]] = []
        self.lines: list[str] = []
        self.records: list[RunRecord] = []

    def say(self, source: str, text: str) -> None:
        self.said.append(text)

    def planned(self, source: str, plan: JobPlan) -> None:
        pass

    def event(self, source: str, data: Mapping[str, Any]) -> None:
        self.events.append(data)

    def log(self, source: str, line: str) -> None:
        self.lines.append(line)

    def ended(self, record: RunRecord) -> None:
        self.records.append(record)

    @property
    def notes(self) -> list[str]:
        return [str(data["text"]) for data in self.events if data.get("event") == "note"]


def build_image(client: docker.DockerClient, folder: Path) -> str:
    """The deploy image of a project with the tests' sources, which load into Postgres."""
    document = {
        "version": 1,
        "project": "images",
        "defaults": {"destination": "postgres"},
        "sources": [
            {
                "name": "probe",
                "type": "dlt_native",
                "dlt_native": {"source_module": "probe", "source_function": "numbers"},
                "container": {"extras": EXTRAS},
            }
        ],
    }
    shutil.copytree(SOURCES, folder / "custom_sources")
    (folder / "sources.yml").write_text(yaml.safe_dump(document))
    project = config.load(folder / "sources.yml")
    images = DockerImages(ImageOptions(client, project, os.environ))
    environment = images.describe(project.sources[0])
    return deploy.ensure(images, environment).reference
