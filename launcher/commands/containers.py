"""What ``shell`` and ``show`` share: the plan of one source, made without running it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from launcher.config.models import Project, Source
    from launcher.engines.docker.engine import DockerEngine
    from launcher.plan.values import JobPlan


def plan_inspection(
    project: Project, source: Source, *, build: bool = True
) -> tuple[DockerEngine, JobPlan] | None:
    """The Docker engine and the source's plan; its image is built where it isn't there.

    Without ``build`` None where it isn't. Raises ConfigurationError, BuildError, EngineError.
    """
    from launcher.engines.docker.engine import DockerEngine
    from launcher.host.launchers import unknown
    from launcher.images.tags import inspect
    from launcher.plan.options import SyncOptions
    from launcher.runs import host
    from launcher.runs.planning import gather, plan_source

    engine = DockerEngine(environ=os.environ, alive=unknown)
    gathered = gather(project, SyncOptions(dry_run=not build), engine, os.environ)
    plan = plan_source(gathered, source, lambda text: click.echo(text, err=True))
    if not build and inspect(engine.client, plan.container.image) is None:
        return None
    host.prepare(plan, project.data)
    return engine, plan
