"""What ``shell`` and ``show`` share: the plan of one source, made without running it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from launcher.commands.common import choose

if TYPE_CHECKING:
    from launcher.config.models import Project
    from launcher.engines.docker.engine import DockerEngine
    from launcher.plan.values import JobPlan


def plan_visit(project: Project, name: str) -> tuple[DockerEngine, JobPlan]:
    """The Docker engine and the source's plan; its image is built where it isn't there.

    Raises ConfigurationError, BuildError, EngineError.
    """
    from launcher.engines.docker.engine import DockerEngine
    from launcher.host.launchers import unknown
    from launcher.plan.options import SyncOptions
    from launcher.runs import host
    from launcher.runs.sync import gather, plan_source

    (source,) = choose(project, (name,))
    engine = DockerEngine(environ=os.environ, alive=unknown)
    gathered = gather(project, SyncOptions(), engine, os.environ)
    plan = plan_source(gathered, source, lambda text: click.echo(text, err=True))
    host.prepare(plan, project.data)
    return engine, plan
