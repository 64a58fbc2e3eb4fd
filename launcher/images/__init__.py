"""Images: present, pulled from the registry, or built. The seam that everything else uses."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from launcher import environment as environments
from launcher.engines import answers
from launcher.environment import Environment
from launcher.owner import acting

if TYPE_CHECKING:
    from docker import DockerClient

    from launcher.config.models import Project, Source
    from launcher.environment.verified import Repository
    from launcher.images.bases import Base

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
PACKAGES_FILE = "/opt/dltpod/packages.json"


@dataclass(frozen=True)
class Image:
    """An image that is there, ready to run."""

    reference: str
    digest: str
    """The environment's digest."""
    packages: Mapping[str, str] = field(default_factory=dict)
    """Distribution to version, from the image's labels."""
    built: bool = False
    seconds: float = 0.0
    gateway: str = ""
    """The image of the egress gateway, where the source asks for one."""


class Images(Protocol):
    def ensure(self, environment: Environment) -> Image:
        """The image for an environment: the one that is there, else pulled, else built.

        Raises BuildError, EngineError, ConfigurationError.
        """


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


class DockerImages:
    """Images of one project on a Docker Engine."""

    def __init__(self, options: ImageOptions) -> None:
        self.options = options
        self._bases: dict[str, Base] = {}
        self._repository: Repository | None = None

    def describe(
        self,
        source: Source,
        *,
        platform: str = "linux/amd64",
    ) -> Environment:
        """The source's environment on this engine. Raises what ``environment.describe`` and ``base`` do."""
        from launcher.environment.describing import destination_of

        kind, extras = destination_of(self.options.project, source, self.options.environ)
        base = self.base(source.container.python)
        return environments.describe(
            self.options.project,
            source,
            base_image=base.reference,
            base_identity=base.identity,
            platform=platform,
            destination_type=kind,
            destination_extras=extras,
            verified=self.verified,
            locked=self.options.locked,
        )

    def share(self, other: DockerImages) -> None:
        """Take over what ``other`` has found out already: base images, and the verified sources."""
        self._bases = other._bases
        self._repository = other.verified

    def base(self, python: str) -> Base:
        """The base image for a Python version, looked for once. Raises BuildError, EngineError."""
        from launcher.images import bases

        if python not in self._bases:
            options = self.options
            by_digest = options.project.registry or not options.pull
            self._bases[python] = bases.find(
                options.client,
                options.project.base_image,
                python,
                options.say,
                newer=options.upgrade,
                record=cache_folder(options.environ) / "bases" if by_digest else None,
            )
        return self._bases[python]

    @property
    def verified(self) -> Repository:
        """The project's repository of verified sources; nothing is fetched before it is asked for a name."""
        from launcher.environment.verified import Repository

        if self._repository is None:
            self._repository = Repository(
                self.options.project.verified_sources,
                root=self.options.project.root,
                environ=self.options.environ,
                say=self.options.say,
                refresh=self.options.upgrade,
            )
        return self._repository

    def ensure(self, environment: Environment) -> Image:
        """The image for an environment: the one that is there, else pulled, else built.

        An image that is there costs one question to the engine, and no network.
        Raises BuildError, EngineError, ConfigurationError.
        """
        for note in environment.notes:
            self.options.say(note)
        reference = source_tag(environment)
        found = self._inspect(reference)
        if found is not None and not self.options.upgrade:
            image = image_of(reference, environment, found)
        else:
            image = self._make(reference, environment)
        note_use(reference, self.options.environ)
        return image

    def _make(self, reference: str, environment: Environment) -> Image:
        from launcher.images.building import Builder
        from launcher.images.registry import try_pull

        started = time.monotonic()
        with build_lock(environment.digest, self.options.environ, self.options.say):
            found = self._inspect(reference)
            if found is not None and not self.options.upgrade:
                return image_of(reference, environment, found)
            if self.options.project.registry and not self.options.upgrade:
                if try_pull(self.options.client, self.options.project.registry, reference, self.options.say):
                    found = self._inspect(reference)
                if found is not None:
                    return image_of(reference, environment, found, seconds=time.monotonic() - started)
            builder = Builder(self.options, self.verified)
            builder.source(environment, reference)
        found = self._inspect(reference)
        if found is None:
            from launcher.errors import BuildError

            raise BuildError(
                f"the engine built {reference} and does not have it", "docker info; is its disk full?"
            )
        return image_of(reference, environment, found, built=True, seconds=time.monotonic() - started)

    def _inspect(self, reference: str) -> Mapping[str, Any] | None:
        return inspect(self.options.client, reference)


def source_tag(environment: Environment) -> str:
    """``dltpod/source:<environment's digest>-<runner's digest>``."""
    from launcher.images.contexts import runner_digest

    return f"{SOURCE_REPOSITORY}:{environment.digest}-{runner_digest()}"


def environment_tag(environment: Environment) -> str:
    return f"{ENVIRONMENT_REPOSITORY}:{environment.digest}"


def inspect(client: DockerClient, reference: str) -> Mapping[str, Any] | None:
    """What the engine knows of an image; None where it has none. Raises EngineError."""
    from docker.errors import APIError, ImageNotFound
    from requests.exceptions import RequestException

    from launcher.errors import EngineError

    try:
        found: Mapping[str, Any] = client.api.inspect_image(reference)  # type: ignore[no-untyped-call]
    except ImageNotFound:
        return None
    except (APIError, RequestException) as error:
        raise EngineError(
            f"the Docker Engine does not answer ({type(error).__name__})", "start it, or set DOCKER_HOST"
        ) from None
    return found


def labels_of(found: Mapping[str, Any]) -> Mapping[str, str]:
    return (found.get("Config") or {}).get("Labels") or {}


def packages_of(found: Mapping[str, Any] | None) -> dict[str, str]:
    """The versions of an image's packages by name, as its label tells them; none without it."""
    try:
        return answers.packages(labels_of(found or {}).get(LABEL_PACKAGES, "{}"))
    except answers.Unfit:
        return {}


def image_of(
    reference: str,
    environment: Environment,
    found: Mapping[str, Any] | None,
    *,
    built: bool = False,
    seconds: float = 0.0,
) -> Image:
    """An environment's image by what the engine knows of it, ``found``; None where the engine has it not."""
    return Image(reference, environment.digest, packages_of(found), built=built, seconds=seconds)


def cache_folder(environ: Mapping[str, str]) -> Path:
    """``~/.cache/dltpod``, by the XDG Base Directory Specification; the owner's where root works as one."""
    if (owner := acting()) is not None:
        with contextlib.suppress(OSError):
            owner.home.mkdir(mode=0o700, exist_ok=True)  # it may be .dltpod
        return owner.home / ".cache" / "dltpod"
    base = environ.get("XDG_CACHE_HOME") or ""
    root = Path(base) if base.startswith("/") else Path(environ.get("HOME") or Path.home()) / ".cache"
    return root / "dltpod"


def note_use(reference: str, environ: Mapping[str, str]) -> None:
    """Notes that an image was used just now, for ``dltpod gc``; where it can't, it doesn't."""
    with contextlib.suppress(OSError):
        folder = cache_folder(environ) / "used"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / reference.rpartition(":")[2]).touch()


def last_use(reference: str, environ: Mapping[str, str]) -> float | None:
    """When an image was last used on this host, in seconds since the epoch; its registry does not matter."""
    try:
        return (cache_folder(environ) / "used" / reference.rpartition(":")[2]).stat().st_mtime
    except OSError:
        return None


@contextlib.contextmanager
def build_lock(digest: str, environ: Mapping[str, str], say: Callable[[str], None]) -> Iterator[None]:
    """One launcher builds an environment, others wait. The lock goes with its holder, however that ends."""
    import fcntl

    folder = cache_folder(environ) / "builds"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{digest}.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another dltpod is building the same environment: waiting for it")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def distinct(described: Sequence[Environment]) -> tuple[Environment, ...]:
    """Equal environments as one, with all their sources' names."""
    from dataclasses import replace

    found: dict[str, Environment] = {}
    for item in described:
        known = found.get(item.digest)
        found[item.digest] = (
            item
            if known is None
            else replace(known, sources=(*known.sources, *item.sources), notes=(*known.notes, *item.notes))
        )
    return tuple(found.values())
