"""What runs jobs. Only ``docker*.py`` imports docker, only ``kubernetes*.py`` imports kubernetes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from launcher.errors import ConfigurationError

if TYPE_CHECKING:
    from launcher.config.models import Project
    from launcher.engines.protocol import Engine

ENGINES = ("docker", "kubernetes")


def make_engine(
    name: str,
    project: Project,
    *,
    alive: Callable[[str], bool | None] | None = None,
    environ: Mapping[str, str] | None = None,
) -> Engine:
    """The engine of that name. It connects on first use.

    ``alive`` tells whether another launcher lives; by default the project's own launchers are
    looked at. Raises ConfigurationError for a name that is none.
    """
    from launcher.presence import Presence

    looked_at = alive or Presence(project.private).alive
    if name == "docker":
        from launcher.engines.docker import DockerEngine

        return DockerEngine(environ=environ, alive=looked_at)
    if name == "kubernetes":
        from launcher.engines.kubernetes import KubernetesEngine

        return KubernetesEngine(project, environ=environ)
    raise ConfigurationError(f"there is no engine '{name}'", f"it is one of {', '.join(ENGINES)}")
