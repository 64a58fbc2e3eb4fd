"""``dltpod build``: the images of many sources, several at once, equal environments once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from launcher.environment import locks
from launcher.environment.values import Environment
from launcher.environment.verified_sources import repository
from launcher.errors import DltpodError
from launcher.host import processes
from launcher.images.images import DockerImages, distinct
from launcher.images.lock import Locks
from launcher.images.tags import Image, ImageOptions, platform_of

if TYPE_CHECKING:
    from docker import DockerClient

    from launcher.config.models import Project, Source

Heard = Callable[[str, str], None]
"""Takes the name of an environment (its sources') and a line of progress; called from several threads."""


@dataclass(frozen=True)
class BuildOptions:
    """What ``dltpod build`` was asked for."""

    jobs: int = 2
    upgrade: bool = False
    """Take a newer base, resolve anew, and write locks anew where there are some."""
    locked: bool = False
    deploy: bool = False
    """Bake custom_sources in."""
    push: bool = False
    platform: str | None = None
    """Of the engine, where it is not given."""
    verbose: bool = False


@dataclass(frozen=True)
class Built:
    """What came of one environment."""

    sources: tuple[str, ...]
    image: Image | None = None
    pushed: str = ""
    """The image's name in the registry, with its digest."""
    error: DltpodError | None = None
    seconds: float = 0.0


def build(
    project: Project,
    sources: Sequence[Source],
    options: BuildOptions,
    *,
    client: DockerClient,
    environ: Mapping[str, str],
    heard: Heard = lambda name, line: None,
) -> tuple[Built, ...]:
    """Make sure of the images of ``sources``. A fault of one is told in its ``Built``, and stops no other.

    A Ctrl-C ends all builds and leaves no half-made image. Raises EngineError where no engine answers.
    """
    platform = options.platform or platform_of(client)
    stopped = threading.Event()
    common = ImageOptions(
        client,
        project,
        environ,
        say=lambda line: heard("build", line),
        upgrade=options.upgrade,
        locked=options.locked,
        verbose=options.verbose,
        stopped=stopped.is_set,
    )
    repository(project, environ, common.say, refresh=options.upgrade)  # before locks ask for it
    images = DockerImages(common)
    described: list[Environment] = []
    failed: list[Built] = []
    for source in sources:
        try:
            if options.upgrade and locks.path_of(project, source).is_file():
                own_locks = Locks(project, environ, lambda: client)
                (made,) = own_locks.lock([source], upgrade=True)
                if made.error is not None:
                    raise made.error
            described.append(images.describe(source, platform=platform))
        except DltpodError as error:
            failed.append(Built((source.name,), error=error))

    def one(environment: Environment) -> Built:
        started = time.monotonic()
        name = ", ".join(environment.sources)
        try:
            own = images.with_options(say=lambda line: heard(name, line))
            image = own.ensure(environment)
            pushed = ""
            if options.deploy:
                from launcher.images import deploy

                image = deploy.ensure(own, environment)
            if options.push and not stopped.is_set():
                from launcher.images.registry import push

                pushed = push(client, project.registry, image.reference, lambda line: heard(name, line))
            seconds = time.monotonic() - started
            return Built(environment.sources, image, pushed, seconds=seconds)
        except DltpodError as error:
            return Built(environment.sources, error=error, seconds=time.monotonic() - started)

    with ThreadPoolExecutor(max_workers=max(1, options.jobs), thread_name_prefix="build") as pool:
        work = [pool.submit(one, environment) for environment in distinct(described)]
        try:
            done = [item.result() for item in work]
        except BaseException:
            stopped.set()
            for item in work:
                item.cancel()
            processes.cancel_all()
            raise
    return (*failed, *done)
