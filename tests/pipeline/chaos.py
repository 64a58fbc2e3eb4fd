"""Random syncs, kills, refusals and changes of the state directory, compared with what must be there.

Shared by a short run in the tests and a long one by hand, ``bench/chaos.py``. Each sequence follows from
its seed, save for kills by the clock.
"""

from __future__ import annotations

import random
import signal
import typing
from collections.abc import Callable
from pathlib import Path

from runner.contract import Failure, Result
from runner.explain.classify import JobFailed, StepError
from tests.pipeline.kills import POINTS
from tests.pipeline.worlds import World

KILLED = (-signal.SIGKILL, -signal.SIGALRM)
HARMLESS = ("none", "lost_answer", "refused_job")
COPIES = ("copy 1", "copy 2")


class Broken(AssertionError):
    """Rows were lost or doubled, or a sync that nothing disturbed failed. Tells the seed and the steps."""


class Chaos:
    """One sequence in one world."""

    def __init__(self, root: Path, name: str, seed: int, postgres: str | None = None) -> None:
        self.random = random.Random(f"{name} {seed}")
        self.world = World(root, name, postgres, several=self.random.random() < 0.3)
        self.title = f"{name}, seed {seed}"
        self.upto = 0
        self.steps: list[str] = []
        self.compared = 0

    def run(self, steps: int) -> None:
        """Does so many steps, and at the end an undisturbed sync. Raises Broken."""
        ways: list[tuple[int, Callable[[], None]]] = [
            (2, self.sync),
            (6, self.kill),
            (2, self.refuse),
            (1, self.stop),
            (2, self.lose),
            (2, self.copy),
            (3, self.put_back),
            (2, self.change_machine),
        ]
        weights = [weight for weight, _ in ways]
        try:
            for _ in range(steps):
                self.random.choices([way for _, way in ways], weights)[0]()
            self.sync()
        finally:
            self.world.box.clear()

    def sync(self) -> None:
        """An undisturbed sync, after which all must be there."""
        self.grow()
        self.steps.append(f"sync {self.upto}")
        try:
            self.world.sync(self.upto)
        except (JobFailed, StepError) as exc:
            raise self.broken([f"a sync that nothing disturbed failed: {exc}"]) from exc
        self.compared += 1
        faults = self.world.faults(self.upto)
        if faults:
            raise self.broken(faults)

    def kill(self) -> None:
        """A sync, or a full refresh, that is killed at a point or by the clock."""
        if self.random.random() < 0.3:
            self.disturbed(f"after:{self.random.uniform(0.05, 1.2):.2f}", "append")
        else:
            points = sorted(set(POINTS) - set(HARMLESS))
            self.disturbed(self.random.choice(points), self.table())

    def refuse(self) -> None:
        """A sync with rows that are refused, or whose answer gets lost."""
        kind = self.random.choice(("refused_job", "lost_answer", "bad row"))
        if kind == "bad row":
            self.disturbed("none", "append", bad=True)
        else:
            self.disturbed(kind, self.table())

    def stop(self) -> None:
        """A sync that is asked to stop."""
        points = ("extracting", "before_normalize", "before_load", "job_committed")
        self.disturbed(f"interrupt:{self.random.choice(points)}", self.table())

    def disturbed(self, kill: str, table: str, **more: typing.Any) -> None:
        """A run that may end in any way. It may be a full refresh, and of some resources only."""
        self.grow()
        changes: dict[str, typing.Any] = {}
        if self.random.random() < 0.4:
            changes["full_refresh"] = True
        if self.random.random() < 0.25:
            chosen = self.random.sample(self.world.tables, self.random.randint(1, len(self.world.tables)))
            changes["resources"] = tuple(chosen)
        self.steps.append(f"{kill} {table} {self.upto} {changes or ''} {more or ''}".strip())
        code, said = self.world.box.end(
            self.world.function, kill, table, kwargs=self.world.kwargs(self.upto, **more), **changes
        )
        if code not in KILLED and not isinstance(said, Result | Failure):
            raise self.broken([f"the run ended with {code} and said {said}"])
        self.steps[-1] += f" -> {'killed' if code in KILLED else getattr(said, 'message', 'ok')[:120]}"

    def lose(self) -> None:
        """The state directory is deleted."""
        self.steps.append("the folder is lost")
        self.world.box.lose_state()

    def copy(self) -> None:
        """The state directory is copied."""
        name = self.random.choice(COPIES)
        self.steps.append(f"{name} is made")
        self.world.box.keep_state(name)

    def put_back(self) -> None:
        """A copy is put back, if there is one."""
        there = [name for name in COPIES if (self.world.box.root / name).exists()]
        if there:
            name = self.random.choice(there)
            self.steps.append(f"{name} is put back")
            self.world.box.put_back(name)

    def change_machine(self) -> None:
        """The other machine goes on, with its own state directory."""
        self.steps.append("the other machine")
        box = self.world.box
        here, there = box.root / "this machine", box.root / "other machine"
        if box.state.exists():
            box.state.rename(here)
        if there.exists():
            there.rename(box.state)
        if here.exists():
            here.rename(there)

    def table(self) -> str:
        """A table whose jobs something happens to."""
        return self.random.choice((*self.world.tables, "append__lines", "_dlt_pipeline_state"))

    def grow(self) -> None:
        """The far side has some more rows, or none."""
        self.upto += self.random.choice((0, 3, 10))

    def broken(self, faults: list[str]) -> Broken:
        """What to raise."""
        return Broken("\n".join([self.title, *self.steps, *(f"!! {fault}" for fault in faults)]))
