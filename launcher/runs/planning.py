"""Gathers the facts of host, project and engine, and makes the plan of one job from them."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timezone

from launcher import log
from launcher.config.models import Project, Source
from launcher.engines.images import ImageFor
from launcher.engines.protocol import Engine
from launcher.host import user as users
from launcher.host.user import JobUser
from launcher.plan.job import plan_job
from launcher.plan.options import SyncOptions
from launcher.plan.values import Host, JobPlan, Say
from launcher.runs import edits
from launcher.runs import host as hosts


@dataclass(frozen=True)
class Gathered:
    """Everything that planning needs and that is the same for all sources."""

    project: Project
    options: SyncOptions
    environ: Mapping[str, str]
    engine: Engine
    user: JobUser
    host: Host
    image_for: ImageFor


def gather(
    project: Project,
    options: SyncOptions,
    engine: Engine,
    environ: Mapping[str, str],
    *,
    launcher: str = "",
    image_for: ImageFor | None = None,
    stopped: Callable[[], bool] = lambda: False,
) -> Gathered:
    """What planning needs of host, project and engine. ``stopped``: see ``Engine.image_for``.

    Raises EngineError, ConfigurationError.
    """
    from launcher.secrets.destinations import folder_of
    from launcher.secrets.gather import all_destinations, read_environment

    both = read_environment(project, environ)
    if engine.facts().own_hosts:
        user = JobUser(users.UNPRIVILEGED, users.UNPRIVILEGED, owns_files=False)
        host = Host(launcher=launcher)
    else:
        user = users.of_project(project.root, environ, rootless=engine.facts().rootless)
        host = hosts.gather(project.private, project.custom_sources, environ, user, launcher)
        folders = (folder_of(destination) for destination in all_destinations(project, both))
        host = replace(host, data_folders=frozenset(filter(None, folders)))
    return Gathered(
        project,
        options,
        both,
        engine,
        user,
        host,
        image_for or engine.image_for(project, environ, options, stopped),
    )


def plan_source(gathered: Gathered, source: Source, say: Say, *, run_id: str = "") -> JobPlan:
    """The plan of one job. Raises ConfigurationError, BuildError, EngineError."""
    from launcher.secrets.gather import part_of

    project, options = gathered.project, gathered.options
    part = part_of(project, source, gathered.environ, options.set)
    for warning in part.slice.warnings:
        say(warning)
    with log.timed("image") as fields:
        image = gathered.image_for(source, part.drivers, say)
        fields.update(image=image.reference, built=image.built)
    plan = plan_job(
        project,
        source,
        image=image,
        part=part,
        options=options,
        user=gathered.user,
        facts=gathered.engine.facts(),
        host=gathered.host,
        run_id=run_id or new_run_id(),
        token=secrets.token_hex(16),
    )
    if options.action == "sync" and options.limit is None and options.interval is None:
        waiting = edits.waiting(project.private, source.name)
        plan = replace(plan, job=replace(plan.job, state_edits=waiting)) if waiting else plan
    if plan.container.egress == source.container.egress != () and part.destination.file is None:
        say(
            f"where destination '{source.destination}' is reached is not known from its settings:"
            " list it in container.egress, if it is on the network"
        )
    return plan


def new_run_id() -> str:
    """A run's id: texts that sort by time, and that no two launchers make alike."""
    return datetime.now(timezone.utc).strftime("%Y%m%d-%H%M%S-") + secrets.token_hex(3)
