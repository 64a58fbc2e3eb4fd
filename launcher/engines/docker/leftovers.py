"""Whether a container is that of a running job, or left behind by a launcher that was killed."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from launcher.engines.protocol import Running
from launcher.host.docker_engine import moment
from launcher.host.launchers import Alive
from launcher.images.tags import LABEL_MANAGED
from launcher.plan.job import LABEL_LAUNCHER, LABEL_PROJECT, LABEL_RUN, LABEL_SOURCE
from launcher.untrusted import clean

if TYPE_CHECKING:
    from docker import APIClient

ALIVE_SECONDS = 60.0
"""How long a container that doesn't run is left to a launcher that can't be asked from here."""


def is_leftover(details: Mapping[str, Any], alive: Alive, now: datetime.datetime | None = None) -> bool:
    """Whether a container was left behind, from what the engine says of it.

    A launcher that is known to be dead leaves nothing but leftovers. Of one that can't be asked (of
    another machine) a running container is its own affair, and one that doesn't run becomes a
    leftover after ``ALIVE_SECONDS``: between creation and start, and between the end and the
    collection of its result, it doesn't run either.
    """
    lives = alive(str((details["Config"].get("Labels") or {}).get(LABEL_LAUNCHER, "")))
    if lives is not None:
        return not lives
    state = details["State"]
    if state.get("Running") or state.get("Paused") or state.get("Restarting"):
        return False
    since = moment(state.get("FinishedAt", "")) or moment(details.get("Created", ""))
    now = now or datetime.datetime.now(datetime.timezone.utc)
    return since is None or (now - since).total_seconds() > ALIVE_SECONDS


def describe(details: Mapping[str, Any]) -> Running:
    """A container of ours, for people. Its labels are cleaned: any user of the engine can set them."""
    labels = details["Config"].get("Labels") or {}
    state = details["State"]
    started = moment(state.get("StartedAt", "")) or moment(details.get("Created", ""))
    return Running(
        project=clean.line(str(labels.get(LABEL_PROJECT, ""))),
        source=clean.line(str(labels.get(LABEL_SOURCE, ""))),
        run_id=clean.line(str(labels.get(LABEL_RUN, ""))),
        container=str(details.get("Name", "")).lstrip("/"),
        started=started.strftime("%Y-%m-%dT%H:%M:%SZ") if started else "",
        state=str(state.get("Status") or ("running" if state.get("Running") else "exited")),
    )


def own_containers(api: APIClient, project: str, source: str | None = None) -> list[dict[str, Any]]:
    """Every container of the project, or of one of its sources, as the engine tells of it."""
    from docker.errors import NotFound

    labels = [f"{LABEL_MANAGED}=1", f"{LABEL_PROJECT}={project}"]
    if source is not None:
        labels.append(f"{LABEL_SOURCE}={source}")
    found = []
    for row in api.containers(all=True, filters={"label": labels}):
        try:
            found.append(api.inspect_container(row["Id"]))
        except NotFound:
            continue
    return found
