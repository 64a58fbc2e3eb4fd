"""A project to build images for. Each test's environments are its own, and go with it."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import docker
import docker.errors
import pytest

from launcher.config.models import Container, DltNative, Project, Source, VerifiedSources
from launcher.environment.values import Environment
from launcher.errors import BuildError
from launcher.images import contexts
from launcher.images.base import find
from launcher.images.images import DockerImages
from launcher.images.lock import Locks
from launcher.images.tags import ImageOptions
from tests.containers.folder import image_tags
from tests.containers.images import server

PACKAGE = """\
[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"
[project]
name = "{name}"
version = "1.0"
dependencies = []
"""


@dataclass
class Workshop:
    """One project on the real engine, whose sources the test makes up."""

    root: Path
    client: docker.DockerClient
    environ: dict[str, str]
    registry: str | None = None
    base_image: str = "python:{python}-slim"
    verified: VerifiedSources = field(default_factory=VerifiedSources)
    said: list[str] = field(default_factory=list)
    mark: str = field(default_factory=lambda: f"m{secrets.token_hex(5)}")
    """The name of a package that no other test has: what makes this test's environments its own."""
    reference: str = ""
    """An image that the test made."""

    def package(self, **files: str) -> str:
        """A local package that is the test's own; the requirement that names it."""
        folder = self.root / "packages" / self.mark
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "pyproject.toml").write_text(PACKAGE.format(name=self.mark))
        (folder / f"{self.mark}.py").write_text("VALUE = 1\n")
        for name, text in files.items():
            (folder / name.replace("_", ".", 1)).write_text(text)
        return f"./packages/{self.mark}"

    def wheel(self, code: str = "VALUE = 1\n") -> str:
        """The same as a wheel, for tests in which no package need be built."""
        file = self.root / f"{self.mark}-1.0-py3-none-any.whl"
        file.write_bytes(server.wheel(self.mark, **{self.mark: code}))
        return f"./{file.name}"

    def source(
        self, name: str = "one", *, module: str = "demo", destination: str = "duckdb", **container: Any
    ) -> Source:
        file = self.root / "custom_sources" / f"{module}.py"
        if module == "demo" and not file.exists():
            file.write_text("import dlt\n\n\n@dlt.resource\ndef rows():\n    yield {'a': 1}\n")
        return Source(
            name=name,
            destination=destination,
            dlt_native=DltNative(source_module=module, source_function="rows"),
            container=Container(**container),
        )

    def project(self, *sources: Source) -> Project:
        return Project(
            root=self.root,
            file=self.root / "sources.yml",
            name="acme",
            sources=sources,
            registry=self.registry,
            base_image=self.base_image,
            verified_sources=self.verified,
            lines={item.name: number * 10 for number, item in enumerate(sources, 1)},
        )

    def images(
        self,
        *sources: Source,
        environ: dict[str, str] | None = None,
        upgrade: bool = False,
        locked: bool = False,
        pull: bool = True,
    ) -> DockerImages:
        return DockerImages(
            ImageOptions(
                self.client,
                self.project(*sources),
                environ or self.environ,
                self.said.append,
                upgrade=upgrade,
                locked=locked,
                pull=pull,
            )
        )

    def locks(self, *sources: Source, environ: dict[str, str] | None = None) -> Locks:
        return Locks(self.project(*sources), environ or self.environ, lambda: self.client)

    def describe(self, one: Source, *others: Source) -> Environment:
        return self.images(one, *others).describe(one)

    def run(self, image: str, code: str) -> str:
        """What Python code prints in an image, walled in as a run is as far as that matters here."""
        command = ["/opt/venv/bin/python", "-c", code]
        output: bytes = self.client.containers.run(
            image,
            command,
            remove=True,
            read_only=True,
            cap_drop=["ALL"],
            network_mode="none",
            tmpfs={"/tmp": ""},
        )
        return output.decode().strip()

    def forget(self) -> None:
        """Remove the images of this test's own environments: those that hold its package."""
        for row in self.client.api.images(filters={"label": "dltpod.managed=1"}):
            if self.mark in row["Labels"].get("dltpod.packages", ""):
                own = row["Labels"].get("dltpod.environment", "-")
                tags = {tag for tag in row["RepoTags"] or () if tag != "<none>:<none>"}
                for tag in tags.union(self.tags(f"dltpod/environment:{own}")):
                    with contextlib.suppress(docker.errors.ImageNotFound):
                        self.client.images.remove(tag, force=True)

    def tags(self, text: str) -> list[str]:
        """The engine's tags that hold a text."""
        return sorted(tag for tag in image_tags(self.client) if text in tag)


@pytest.fixture(scope="session")
def base_image(client: docker.DockerClient) -> None:
    """There is a base image; else it is made, as `make test` does."""
    try:
        find(client, "python:{python}-slim", "3.13", lambda line: None)
    except BuildError:
        script = Path(__file__).parents[3] / "scripts/base-image"
        subprocess.run([str(script), "3.13"], check=True)


@pytest.fixture(autouse=True)
def one_runner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The runner as it is now: whoever edits it meanwhile gives a test's images no other tag."""
    copy = tmp_path / "as-it-is/runner"
    shutil.copytree(contexts.runner_folder(), copy, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(contexts, "runner_folder", lambda: copy)


@contextlib.contextmanager
def workshops(client: docker.DockerClient, folder: Path) -> Iterator[Callable[[], Workshop]]:
    """Makes projects below a folder; their images go in the end."""
    made: list[Workshop] = []

    def make() -> Workshop:
        root = folder / f"project{len(made)}"
        (root / "custom_sources").mkdir(parents=True)
        (root / "sources.yml").write_text("version: 1\n")
        environ = {**os.environ, "XDG_CACHE_HOME": str(folder / "cache")}
        environ.pop("PIP_FIND_LINKS", None)
        made.append(Workshop(root, client, environ))
        return made[-1]

    yield make
    for workshop in made:
        workshop.forget()


@pytest.fixture
def make_workshop(
    client: docker.DockerClient, base_image: None, tmp_path: Path
) -> Iterator[Callable[[], Workshop]]:
    """Makes projects; their images go with the test."""
    with workshops(client, tmp_path) as make:
        yield make


@pytest.fixture(scope="module")
def make_shared_workshop(
    client: docker.DockerClient, base_image: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[], Workshop]]:
    """Makes projects for several tests of a module, which only look at what was built."""
    with workshops(client, tmp_path_factory.mktemp("shared")) as make:
        yield make


@pytest.fixture
def workshop(make_workshop: Callable[[], Workshop]) -> Workshop:
    return make_workshop()
