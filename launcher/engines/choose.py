"""The engine that a command asks for, by its name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from launcher.errors import ConfigurationError

if TYPE_CHECKING:
    from launcher.config.models import Project
    from launcher.engines.protocol import Engine
    from launcher.host.launchers import Alive

ENGINES = ("docker", "kubernetes")


def make_engine(
    name: str,
    project: Project,
    *,
    alive: Alive,
    environ: Mapping[str, str] | None = None,
    several: bool = False,
) -> Engine:
    """The engine of that name. It connects on first use.

    ``alive`` tells whether another launcher lives (``launcher.host.launchers``), ``several`` that more than
    one job is to run. Raises ConfigurationError for a name that is none.
    """
    if name == "docker":
        from launcher.engines.docker.engine import DockerEngine

        return DockerEngine(environ=environ, alive=alive, several=several)
    if name == "kubernetes":
        from launcher.engines.kubernetes.engine import KubernetesEngine

        return KubernetesEngine(project, environ=environ, alive=alive)
    raise ConfigurationError(f"there is no engine '{name}'", f"it is one of {', '.join(ENGINES)}")
