"""Images with the project's code baked in, for engines that can mount none of this host's folders."""

from __future__ import annotations

from typing import TYPE_CHECKING

from launcher.environment import local_packages
from launcher.errors import without_credentials
from launcher.host import rights
from launcher.host.files import build_lock, note_use
from launcher.images import contexts, tags
from launcher.images.build import Builder
from launcher.images.images import DockerImages
from launcher.images.tags import Image

if TYPE_CHECKING:
    from launcher.config.models import Project
    from launcher.environment.values import Environment

REPOSITORY = "dltpod/deploy"


def code_digest(project: Project) -> str:
    """Six bytes of SHA-256, as hex, of ``custom_sources/``."""
    folder = project.custom_sources
    return local_packages.content_digest(folder, project.root)[:12] if folder.is_dir() else "0" * 12


def tag(environment: Environment, code: str) -> str:
    """``dltpod/deploy:<environment>-<runner>-<custom_sources>``: ``code_digest`` is part of the tag."""
    return f"{REPOSITORY}:{environment.digest}-{contexts.runner_digest()}-{code}"


def ensure(source_images: DockerImages, environment: Environment) -> Image:
    """The deploy image of an environment and the project's code: there, pulled or built.

    The same inputs give the same layers: times are SOURCE_DATE_EPOCH's (0 where it is not set).
    Raises BuildError, EngineError, ConfigurationError.
    """
    from launcher.images.registry import present_or_pulled

    options = source_images.options
    client, project, environ, say = options.client, options.project, options.environ, options.say
    reference = tag(environment, code_digest(project))
    found = present_or_pulled(options, reference)
    note_use(reference, environ)
    if found is not None:
        return Image(reference, environment, tags.packages_of(found))
    below = source_images.ensure(environment)
    epoch = int(environ.get("SOURCE_DATE_EPOCH") or 0)
    with build_lock(reference.rpartition(":")[2], environ, say):
        builder = Builder(options)
        builder.deploy(environment, below.reference, reference, _oci_labels(project, environment), epoch)
    return tags.built_of(client, reference, environment)


def _oci_labels(project: Project, environment: Environment) -> dict[str, str]:
    """The OCI image specification's annotations that can be known; none holds a credential."""
    labels = {
        "org.opencontainers.image.title": project.name,
        "org.opencontainers.image.version": environment.digest,
    }
    if revision := rights.git(project.root, "rev-parse", "HEAD", seconds=rights.GIT_SECONDS):
        labels["org.opencontainers.image.revision"] = revision.strip()
    if origin := rights.git(project.root, "remote", "get-url", "origin", seconds=rights.GIT_SECONDS):
        labels["org.opencontainers.image.source"] = without_credentials(origin.strip())
    return labels
