"""Values for the tests of this folder, and an engine that runs nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from launcher.config.models import Container, DltNative, Project, Source
from launcher.engines.images import ImageFor
from launcher.engines.protocol import Ended, JobListener, Running, StopRequest
from launcher.environment.values import Environment
from launcher.errors import AlreadyRunning
from launcher.host.user import JobUser
from launcher.images.tags import Image
from launcher.plan.job import plan_job
from launcher.plan.options import SyncOptions
from launcher.plan.values import EngineFacts, Host, JobPlan
from launcher.secrets.gather import Drivers, Part
from launcher.secrets.slices import Slice
from runner.contract import Destination, Failure, FailureKind, Result

FACTS = EngineFacts(name="Fake Engine 1")
ENVIRONMENT = Environment("python:3.13-slim", "sha256:0", "3.13", "==1.31.0")


def seen(ended: Ended) -> Failure:
    """The failure that an engine saw."""
    assert ended.failure is not None
    return ended.failure


def source(name: str = "jira", **container: Any) -> Source:
    return Source(
        name=name,
        dlt_native=DltNative(source_module="jira", source_function="jira"),
        container=Container(**container),
    )


def project(root: Path, *sources: Source) -> Project:
    return Project(root=root, file=root / "sources.yml", name="acme", sources=sources or (source(),))


def plan(
    root: Path,
    entry: Source | None = None,
    *,
    options: SyncOptions | None = None,
    host: Host | None = None,
    destination: Destination | None = None,
    user: JobUser | None = None,
    slice: Slice | None = None,
    run_id: str = "20260101-000000-abcdef",
) -> JobPlan:
    entry = entry or source()
    return plan_job(
        project(root, entry, source("other")),
        entry,
        image=Image("dltpod/source:1", ENVIRONMENT, {"dlt": "1.31.0"}),
        part=Part(
            slice or Slice({"secrets.toml": "", "config.toml": ""}),
            Drivers(destination or Destination("duckdb", file="/data/warehouse.duckdb")),
        ),
        options=options or SyncOptions(),
        user=user or JobUser(1000, 1000, True),
        facts=FACTS,
        host=host or Host(launcher="here-1"),
        run_id=run_id,
        token="0123456789abcdef",
    )


def ok(**rows: int) -> Ended:
    return Ended(Result(status="ok", exit_code=0, rows=rows, versions={"dlt": "1.31.0"}), 0)


def failed(*, transient: bool = False, kind: FailureKind = FailureKind.EXTRACT) -> Ended:
    failure = Failure(kind, "the source failed", "mend it", transient)
    return Ended(Result(status="failed", exit_code=75 if transient else 1, failure=failure), 1)


class FakeEngine:
    """Answers ``run`` with what the script says for the source's name, in order."""

    name = "fake"

    def __init__(
        self, script: Mapping[str, Sequence[Ended | Exception | Callable[[StopRequest], Ended]]]
    ) -> None:
        self.script = {name: list(steps) for name, steps in script.items()}
        self.started: list[str] = []
        self.at_once = 0
        self.most_at_once = 0
        self._lock = threading.Lock()

    def facts(self) -> EngineFacts:
        return FACTS

    def run(self, plan: JobPlan, listener: JobListener, stop: StopRequest) -> Ended:
        name = plan.job.source
        with self._lock:
            self.started.append(name)
            self.at_once += 1
            self.most_at_once = max(self.at_once, self.most_at_once)
            step = self.script[name].pop(0)
        try:
            if not isinstance(step, AlreadyRunning):
                listener.planned(name, plan)
            listener.event(name, {"event": "phase", "phase": "extract"})
            if isinstance(step, Exception):
                raise step
            return step(stop) if callable(step) else step
        finally:
            with self._lock:
                self.at_once -= 1

    def image_for(self, *_: object) -> ImageFor:
        return lambda *_: Image("dltpod/source:1", ENVIRONMENT)

    def running(self, project: str) -> Sequence[Running]:
        return ()

    def stop(self, project: str, source: str, *, grace: float) -> Running | None:
        return None

    def close(self) -> None:
        pass

    def sweep(self, project: str) -> Sequence[Running]:
        return ()
