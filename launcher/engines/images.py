"""The image of a source for a sync, on the engine that runs it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from launcher.config.models import Container, DltNative, Source
from launcher.images.images import DockerImages
from launcher.images.tags import Image, ImageOptions, source_tag
from launcher.plan.egress import PACKAGES

if TYPE_CHECKING:
    import docker

    from launcher.config.models import Project
    from launcher.plan.options import SyncOptions
    from launcher.plan.values import Say
    from launcher.secrets.gather import Drivers

ImageFor = Callable[[Source, "Drivers", "Say"], Image]
"""Makes sure of a source's image, with drivers for what it reaches; in a dry run only says which it would be.

Raises BuildError, EngineError, ConfigurationError.
"""


def docker_images(
    client: docker.DockerClient,
    project: Project,
    environ: Mapping[str, str],
    platform: str,
    options: SyncOptions,
    stopped: Callable[[], bool] = lambda: False,
) -> ImageFor:
    """Images on a Docker engine: there already, pulled or built. Safe to call from several threads.

    ``stopped``: see ``ImageOptions``.
    """
    dry_run = options.dry_run
    asked = ImageOptions(
        client,
        project,
        environ,
        upgrade=options.upgrade,
        locked=options.locked,
        pull=not dry_run,
        stopped=stopped,
    )
    images = DockerImages(asked)
    # Without the project's locks: they are of its sources.
    gateways = images.with_options(upgrade=False, locked=False)

    def image_for(source: Source, drivers: Drivers, say: Say) -> Image:
        own = images.with_options(say=say)
        environment = own.describe(source, reached=drivers, platform=platform)
        gateway = ""
        if source.container.egress:
            gateway = _gateway(gateways.with_options(say=say), platform, dry_run=dry_run)
        if dry_run:
            return Image(source_tag(environment), environment, gateway=gateway)
        return replace(own.ensure(environment), gateway=gateway)

    return image_for


def _gateway(images: DockerImages, platform: str, *, dry_run: bool) -> str:
    """The egress gateway's image: an environment like any other, of Debian packages alone."""
    from launcher.secrets.gather import Drivers
    from runner.contract import Destination

    entry = Source(
        name="egress_gateway",
        destination="dummy",
        dlt_native=DltNative(source_module="dlt", source_function="resource"),
        container=Container(system_packages=PACKAGES),
    )
    environment = images.describe(entry, reached=Drivers(Destination("dummy")), platform=platform)
    return source_tag(environment) if dry_run else images.ensure(environment).reference


def deployed_images(
    client: docker.DockerClient,
    project: Project,
    environ: Mapping[str, str],
    platform: str,
    options: SyncOptions,
) -> ImageFor:
    """The deploy images that a cluster pulls, by their names in ``registry:``. Nothing is built here.

    Without a registry the name is the local one, for nodes that were handed the image.
    """
    images = DockerImages(ImageOptions(client, project, environ, locked=options.locked))
    code = ""
    known: dict[str, Image] = {}

    def image_for(source: Source, drivers: Drivers, say: Say) -> Image:
        from launcher.images import deploy, registry
        from launcher.images.tags import inspect, packages_of

        nonlocal code
        environment = images.with_options(say=say).describe(source, reached=drivers, platform=platform)
        code = code or deploy.code_digest(project)
        digest = environment.digest
        if digest not in known:
            tag = deploy.tag(environment, code)
            name = tag if project.registry is None else registry.remote(project.registry, tag)
            known[digest] = Image(name, environment, packages_of(inspect(client, tag)))
        return replace(known[digest], environment=environment)

    return image_for
