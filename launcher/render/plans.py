"""The plans that renderings are made of, one source after the other."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar

from launcher.errors import DltpodError, EngineError
from launcher.host import user as users
from launcher.host.user import JobUser
from launcher.plan.values import Host, JobPlan, Say
from runner.contract import JobSpec

if TYPE_CHECKING:
    from launcher.config.models import Project, Source
    from launcher.plan.options import SyncOptions


Made = TypeVar("Made")


def plans(
    project: Project,
    sources: Sequence[Source],
    options: SyncOptions,
    kind: str,
    environ: Mapping[str, str],
    say: Say,
    make: Callable[[JobPlan], Made],
) -> tuple[list[Made], list[DltpodError]]:
    """What ``make`` gives for each source's plan, for ``compose`` on this host or ``kubernetes`` on others.

    And why other sources can't be rendered. Only that is kept, so that thousands of sources need little
    memory. The Docker engine is asked which images those would be; nothing is built. Raises EngineError, and
    ConfigurationError for what is wrong with all sources.
    """
    from launcher.engines.docker.engine import DockerEngine
    from launcher.engines.images import deployed_images
    from launcher.host.launchers import unknown
    from launcher.runs.planning import gather, plan_source

    engine = DockerEngine(environ=environ, alive=unknown)
    gathered = gather(project, options, engine, environ)
    if kind == "kubernetes":
        gathered = dataclasses.replace(
            gathered,
            user=JobUser(users.UNPRIVILEGED, users.UNPRIVILEGED, owns_files=False),
            host=Host(),
            image_for=deployed_images(engine.client, project, environ, engine.facts().platform, options),
        )
    made: list[Made] = []
    faults: list[DltpodError] = []
    for source in sources:
        try:
            made.append(make(plan_source(gathered, source, say)))
        except EngineError:
            raise
        except DltpodError as error:
            faults.append(error)
    return made, faults


def fixed_job(plan: JobPlan, run_id: str) -> JobSpec:
    """The plan's job with nothing in it of the moment at which it was made: renderings can be compared.

    The token only tells events from what a source prints, so it may be known. No event is told.
    """
    token = hashlib.sha256(f"{plan.job.project}/{plan.job.source}".encode()).hexdigest()[:32]
    return dataclasses.replace(plan.job, run_id=run_id, token=token, events=False)
