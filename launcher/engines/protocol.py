"""What the rest of dltpod asks of an engine, and what an engine tells of its jobs."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from launcher.plan.values import EngineFacts, JobPlan
from runner.contract import Failure, FailureKind, Result

if TYPE_CHECKING:
    from launcher.config.models import Project
    from launcher.engines.images import ImageFor
    from launcher.plan.options import SyncOptions


@dataclass(frozen=True)
class Running:
    """A job that an engine holds, running or left behind."""

    project: str
    source: str
    run_id: str
    container: str
    started: str
    """RFC 3339, UTC."""
    state: str
    """``running``, ``pending``, ``paused``, ``exited``, ``created`` or another of the engine's words."""
    memory: int | None = None
    role: str = "run"
    """``run``; ``gateway`` of a run's egress; ``inspect`` of ``show`` or ``shell``."""
    left: bool = False
    """Its launcher was killed: the next sync clears it."""

    @property
    def runs(self) -> bool:
        """Whether it is a run that goes on."""
        return self.role == "run" and not self.left and self.state not in ("exited", "dead", "removing")


@dataclass(frozen=True)
class Ended:
    """How a job ended, from the engine's own record and the result file.

    ``result`` is None where it is missing or torn. ``failure`` is what the engine saw go wrong, which counts
    more than what the result says; None where the result tells the whole end.
    """

    result: Result | None
    exit_code: int | None = None
    failure: Failure | None = None
    peak_memory: int | None = None
    """Bytes, where the engine could tell."""


class StopRequest:
    """Asks a running job to stop: gently once, at once the second time. Safe between threads."""

    def __init__(self) -> None:
        self.gentle = threading.Event()
        self.hard = threading.Event()
        self.reason: FailureKind = FailureKind.CANCELLED

    def ask(self, reason: FailureKind = FailureKind.CANCELLED) -> None:
        """Ask once more. The first ``reason`` counts."""
        if self.gentle.is_set():
            self.hard.set()
        else:
            self.reason = reason
            self.gentle.set()


class JobListener(Protocol):
    """Hears what happens in a job, by its source's name, from the engine's own threads. Must never block."""

    def planned(self, source: str, plan: JobPlan) -> None:
        """The job holds its source now: from here on no other run of it can start. Before its events."""

    def event(self, source: str, data: Mapping[str, Any]) -> None:
        """One event of the runner (see runner.contract.Event), or ``{"event": "memory", "bytes": n}``."""

    def log(self, source: str, line: str) -> None:
        """One line of the source's log, masked by the runner already."""


class Engine(Protocol):
    """Runs jobs. Every method raises ``launcher.errors.EngineError`` where the engine can't be reached."""

    name: str

    def facts(self) -> EngineFacts:
        """What the engine is and can do, asked for once."""

    def run(self, plan: JobPlan, listener: JobListener, stop: StopRequest) -> Ended:
        """Run the job to its end and leave nothing behind. Raises AlreadyRunning."""

    def image_for(
        self,
        project: Project,
        environ: Mapping[str, str],
        options: SyncOptions,
        stopped: Callable[[], bool],
    ) -> ImageFor:
        """What makes sure of the images of the project's sources, where this engine finds them.

        ``stopped``: whether no further step of a build may begin.
        """

    def running(self, project: str) -> Sequence[Running]:
        """All that the engine holds of the project, whatever its state."""

    def stop(self, project: str, source: str, *, grace: float) -> Running | None:
        """Stop a job gently; None where none runs."""

    def close(self) -> None:
        """Let go of its connections. The next call makes new ones."""

    def sweep(self, project: str) -> Sequence[Running]:
        """Clear what killed launchers left behind and return it; never touches a job that is still run."""


@dataclass(frozen=True)
class Collected:
    """How a run ended that nobody watched. ``seconds`` by the engine's clock."""

    run_id: str
    ended: Ended
    seconds: float
    source: str = ""
    started: str = ""
    """RFC 3339, UTC; with ``source`` for a run that no launcher began."""
    attempts: int = 1


@runtime_checkable
class KeepsJobs(Protocol):
    """An engine whose jobs outlive a launcher that is killed."""

    def collect(self, project: str, logs: Mapping[str, Path]) -> Sequence[Collected]:
        """The ends of those of the runs (keys of ``logs``) that are over; their logs go into the files."""

    def own_runs(self, project: str) -> Sequence[Collected]:
        """The runs that are over of those that the engine began by itself, as far as it still has them."""

    def logs(
        self, project: str, source: str, run_id: str | None, line: Callable[[str], None], *, follow: bool
    ) -> bool:
        """Hand on the log of a run that the engine holds, by default the newest; False if it holds none."""
