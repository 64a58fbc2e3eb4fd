"""Images as the engine knows them: names, labels, and what these say; the options of all that makes them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from launcher.environment.values import Environment
from launcher.errors import BuildError
from launcher.host.docker_engine import Missing, engine_errors
from launcher.untrusted import answers

if TYPE_CHECKING:
    from docker import DockerClient

    from launcher.config.models import Project
    from launcher.environment.verified_sources import Repository

LABEL_MANAGED = "dltpod.managed"
LABEL_KIND = "dltpod.kind"
"""``base``, ``default``, ``environment``, ``source`` or ``deploy``."""
LABEL_ENVIRONMENT = "dltpod.environment"
LABEL_PACKAGES = "dltpod.packages"
LABEL_DLT = "dltpod.dlt"
LABEL_PYTHON = "dltpod.python"
DEFAULT_REPOSITORY = "dltpod/default"
ENVIRONMENT_REPOSITORY = "dltpod/environment"
SOURCE_REPOSITORY = "dltpod/source"


@dataclass(frozen=True)
class Image:
    """An image that is there, ready to run."""

    reference: str
    environment: Environment
    """What it was made for."""
    packages: Mapping[str, str] = field(default_factory=dict)
    """Distribution to version, from the image's labels."""
    built: bool = False
    gateway: str = ""
    """The image of the egress gateway, where the source asks for one."""


@dataclass(frozen=True)
class ImageOptions:
    """What all that makes images needs to know: on which engine, for whom, and what was asked for."""

    client: DockerClient
    project: Project
    environ: Mapping[str, str] = field(repr=False)
    """The host's environment: its PATH finds the builder, its index, proxy and certificate settings reach
    the build."""
    say: Callable[[str], None] = lambda line: None
    """Hears short lines of progress."""
    upgrade: bool = False
    """Take a newer base, and resolve anew."""
    locked: bool = False
    """Refuse a lock that no longer fits."""
    verbose: bool = False
    """Say all that the builder prints."""
    pull: bool = True
    """Without it a base image that is not there is asked for its digest alone."""
    stopped: Callable[[], bool] = lambda: False
    """Whether no further step of a build may begin."""

    @property
    def verified(self) -> Repository:
        """The project's repository of verified sources."""
        from launcher.environment.verified_sources import repository

        return repository(self.project, self.environ, self.say, refresh=self.upgrade)


def source_tag(environment: Environment) -> str:
    """``dltpod/source:<environment's digest>-<runner's digest>``."""
    from launcher.images.contexts import runner_digest

    return f"{SOURCE_REPOSITORY}:{environment.digest}-{runner_digest()}"


def environment_tag(environment: Environment) -> str:
    """``dltpod/environment:<environment's digest>``."""
    return f"{ENVIRONMENT_REPOSITORY}:{environment.digest}"


def inspect(client: DockerClient, reference: str) -> Mapping[str, Any] | None:
    """What the engine knows of an image; None where it has none. Raises EngineError."""
    try:
        with engine_errors():
            found: Mapping[str, Any] = client.api.inspect_image(reference)  # type: ignore[no-untyped-call]
    except Missing:
        return None
    return found


def labels_of(found: Mapping[str, Any]) -> Mapping[str, str]:
    """The labels of an image that ``inspect`` found."""
    return (found.get("Config") or {}).get("Labels") or {}


def packages_of(found: Mapping[str, Any] | None) -> dict[str, str]:
    """The versions of an image's packages by name, as its label tells them; none without it."""
    try:
        return answers.packages(labels_of(found or {}).get(LABEL_PACKAGES, "{}"))
    except answers.Unfit:
        return {}


def built_of(client: DockerClient, reference: str, environment: Environment) -> Image:
    """The image that was built just now. Raises BuildError, EngineError."""
    found = inspect(client, reference)
    if found is None:
        raise BuildError(
            f"the engine built {reference} and does not have it", "docker info; is its disk full?"
        )
    return Image(reference, environment, packages_of(found), built=True)


def platform_of(client: DockerClient) -> str:
    """The engine's own platform: ``linux/amd64``. Raises EngineError."""
    with engine_errors():
        version = client.version()
    return f"{version['Os']}/{version['Arch']}"
