"""One project of the tests: a destination, a state directory, and runs into it."""

from __future__ import annotations

import abc
import contextlib
import dataclasses
import fcntl
import hashlib
import json
import multiprocessing
import os
import pickle
import shutil
import signal
import time
import typing
from collections.abc import Callable, Iterator
from pathlib import Path

from runner.contract import Destination, Failure, JobSpec, Result
from runner.load import pipeline
from runner.load.progress import Steps
from tests.pipeline import child, kills, sources

PROCESSES = multiprocessing.get_context("forkserver")
"""Children are forked from a process that has dlt imported and has run nothing, so has no threads."""
PROCESSES.set_forkserver_preload(["tests.pipeline.preload", "tests.pipeline.child"])


KEPT: list[Path] = []
"""The folder where runs are kept that several tests begin with; a fixture sets it, one for all workers."""


def _copy(old: Path, new: Path) -> None:
    """Puts state and destination of one sandbox's folder in place of another's."""
    for place in ("state", "data"):
        shutil.rmtree(new / place, ignore_errors=True)
        shutil.copytree(old / place, new / place)
    # or the next run would say that the destination has changed, and restore from it
    for memory in (new / "state" / "runner").glob("*.json"):
        memory.write_text(memory.read_text().replace(str(old), str(new)))


@contextlib.contextmanager
def _held(pid: int) -> Iterator[None]:
    """Stops all threads of a process meanwhile."""
    os.kill(pid, signal.SIGSTOP)
    try:
        deadline = time.monotonic() + 60
        while not all(state in "TtXZ" for state in _thread_states(pid)):
            assert time.monotonic() < deadline, "the process doesn't stop"
            time.sleep(0.001)
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def _thread_states(pid: int) -> Iterator[str]:
    for thread in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it has just ended
            yield (thread / "stat").read_text().rpartition(")")[2].split()[0]


def _once(folder: Path, make: Callable[[], typing.Any]) -> typing.Any:
    """Calls ``make`` unless another test or process has: it fills the folder. What it returned."""
    told = folder.with_suffix(".pickle")
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not told.exists():
            shutil.rmtree(folder, ignore_errors=True)  # or the next test would begin with half a run
            told.write_bytes(pickle.dumps(make()))
    return pickle.loads(told.read_bytes())


def _heard(line: typing.Any) -> typing.Any:
    """What a child says, None when it has ended."""
    try:
        return line.recv()
    except EOFError:
        return None


@dataclasses.dataclass
class Sandbox:
    """Runs jobs, in this process or in one that gets killed, and looks at what they loaded."""

    root: Path
    destination: Destination
    environment: dict[str, str] = dataclasses.field(default_factory=dict)
    events: list[tuple[str, dict[str, typing.Any]]] = dataclasses.field(default_factory=list)
    kept: Path | None = None
    """The folder that state and destination are a fresh copy of."""

    @property
    def state(self) -> Path:
        return self.root / "state"

    def job(self, function: str = "append", **changes: typing.Any) -> JobSpec:
        upto = changes.pop("upto", 10)
        fields: dict[str, typing.Any] = {
            "run_id": "1",
            "token": "t",
            "project": "p",
            "source": "shop",
            "module": "sources",
            "function": function,
            "destination": self.destination,
            "pipeline_name": "shop",
            "dataset_name": "raw_shop",
            "kwargs": {"upto": upto},
        }
        return JobSpec(**{**fields, **changes})

    def run(self, function: str = "append", **changes: typing.Any) -> Result:
        """An undisturbed run in this process."""
        job = self.job(function, **changes)
        make = getattr(sources, job.function)
        self.kept = None
        self.events.clear()
        before = dict(os.environ)
        os.environ.update(self.environment)
        try:
            steps = Steps(lambda kind, fields: self.events.append((kind, fields)))
            return pipeline.run(job, lambda: make(**job.kwargs), steps, state=self.state_of(job))
        finally:
            os.environ.clear()
            os.environ.update(before)

    def begun(self, function: str = "append", **changes: typing.Any) -> Result:
        """An undisturbed first run. Where it leaves files, one run is copied for all who ask for it."""
        self.kept = None
        return self.synced(function, **changes)

    def synced(self, function: str = "append", **changes: typing.Any) -> Result:
        """The same for the run after ``begun`` or ``killed``, which are to be the same for all."""
        if self.destination.file is None:
            return self.run(function, **changes)
        folder = self._kept_at("run", function, changes)

        def run() -> Result:
            if self.kept is not None:
                _copy(self.kept, folder)
            result: Result = self._in(folder).run(function, **changes)
            return result

        result: Result = _once(folder, run)
        self._take(folder)
        return result

    def _kept_at(self, *asked: typing.Any) -> Path:
        text = repr((self.destination.type, self.environment, self.kept, *asked))
        return KEPT[0] / hashlib.sha256(text.encode()).hexdigest()

    def _in(self, root: Path) -> typing.Any:
        """The same sandbox in another folder."""
        assert self.destination.file is not None
        file = root / Path(self.destination.file).relative_to(self.root)
        file.parent.mkdir(parents=True, exist_ok=True)
        destination = dataclasses.replace(self.destination, file=str(file), lock=f"{file}.lock")
        return dataclasses.replace(self, root=root, destination=destination, events=[], kept=None)

    def _take(self, folder: Path) -> None:
        _copy(folder, self.root)
        self.kept = folder

    def state_of(self, job: JobSpec) -> Path:
        return self.state if job.source == "shop" else self.root / f"state-{job.source}"

    def child(
        self, function: str = "append", kill: str = "none", table: str = "orders", **changes: typing.Any
    ) -> Result:
        """A run in a process of its own that must end well."""
        code, answer = self.end(function, kill, table, **changes)
        assert isinstance(answer, Result), (code, answer)
        return answer

    def killed(
        self, function: str = "append", kill: str = "none", table: str = "orders", **changes: typing.Any
    ) -> None:
        """What a run leaves that dies by SIGKILL at the point.

        After ``begun``, one run serves for all of ``kills.STOPS``: its process is stopped at each, so that
        its files are those that a kill would leave there, and they are copied.
        """
        if self.kept is None or kill not in kills.STOPS:
            self.dies(function, kill, table, **changes)
            return
        folder = self._kept_at("stops", function, table, changes)
        _once(folder, lambda: self._stop_at_each(folder, function, table, changes))
        assert (folder / kill).is_dir(), f"the run doesn't come to {kill}"
        self._take(folder / kill)

    def _stop_at_each(self, folder: Path, function: str, table: str, changes: dict[str, typing.Any]) -> None:
        assert self.kept is not None
        _copy(self.kept, folder / "run")
        box = self._in(folder / "run")
        process, line = box._start(child.EACH, table, box.job(function, **changes))
        while isinstance(said := _heard(line), str):
            with _held(process.pid):
                _copy(box.root, folder / said)
            line.send("on")
        process.join(60)
        assert isinstance(said, Result), (process.exitcode, said)
        shutil.rmtree(box.root)

    def dies(
        self, function: str = "append", kill: str = "none", table: str = "orders", **changes: typing.Any
    ) -> None:
        """A run that must die by SIGKILL at the point."""
        code, answer = self.end(function, kill, table, **changes)
        assert code == -signal.SIGKILL, (code, answer)

    def failing(self, function: str = "append", kill: str = "none", **changes: typing.Any) -> Failure:
        """A run in a process of its own that must end with a failure."""
        code, answer = self.end(function, kill, changes.pop("table", "orders"), **changes)
        assert isinstance(answer, Failure), (code, answer)
        return answer

    def end(
        self, function: str, kill: str, table: str = "orders", **changes: typing.Any
    ) -> tuple[int | None, typing.Any]:
        """A run in a process of its own: its exit code, and its result or failure."""
        process, line = self._start(kill, table, self.job(function, **changes))
        said = _heard(line)
        process.join(60)
        return process.exitcode, said

    def _start(self, kill: str, table: str, job: JobSpec) -> tuple[typing.Any, typing.Any]:
        self.kept = None
        line, theirs = PROCESSES.Pipe()
        process = PROCESSES.Process(
            target=child.main, args=(job, self.state_of(job), kill, table, self.environment, theirs)
        )
        process.start()
        theirs.close()
        return process, line

    def lose_state(self) -> None:
        self.kept = None
        shutil.rmtree(self.state, ignore_errors=True)

    def keep_state(self, name: str) -> None:
        """Copies the state directory, as a backup does."""
        shutil.rmtree(self.root / name, ignore_errors=True)
        if self.state.exists():
            shutil.copytree(self.state, self.root / name)

    def put_back(self, name: str) -> None:
        """Puts a copy of the state directory in its place."""
        self.kept = None
        shutil.rmtree(self.state, ignore_errors=True)
        shutil.copytree(self.root / name, self.state)

    def clear(self) -> None:
        """Drops what the test made, where that is not in its own folder."""

    def opened(self) -> contextlib.AbstractContextManager[None]:
        """Within it, the destination is asked by one connection: to make one costs more than to ask."""
        return contextlib.nullcontext()


class SqlSandbox(Sandbox, abc.ABC):
    """A sandbox whose destination is asked by SQL."""

    connection: typing.Any = None

    @abc.abstractmethod
    def connect(self) -> typing.Any:
        """A connection of which each statement is committed."""

    def ask(self, query: str) -> list[tuple[typing.Any, ...]]:
        """Rows of a query."""
        with self.opened(), contextlib.closing(self.connection.cursor()) as cursor:
            cursor.execute(query)
            return list(cursor.fetchall()) if cursor.description else []

    @contextlib.contextmanager
    def opened(self) -> Iterator[None]:
        if self.connection is not None:
            yield
            return
        with contextlib.closing(self.connect()) as self.connection:
            try:
                yield
            finally:
                self.connection = None

    def ids(self, table: str = "orders", dataset: str = "raw_shop") -> list[int]:
        """The ids in a table, doubled ones and all."""
        return [row[0] for row in self.ask(f"SELECT id FROM {dataset}.{table} ORDER BY id")]

    def whole(self, upto: int, lines: bool = True) -> None:
        """Asserts that each order up to ``upto`` is there once, with its two lines."""
        with self.opened():
            assert self.ids() == list(range(1, upto + 1))
            if lines:
                found = self.ask(
                    "SELECT o.id, count(*) FROM raw_shop.orders o JOIN raw_shop.orders__lines l "
                    "ON l._dlt_parent_id = o._dlt_id GROUP BY o.id ORDER BY o.id"
                )
                assert found == [(i, 2) for i in range(1, upto + 1)]
                assert self.ask("SELECT count(*) FROM raw_shop.orders__lines") == [(2 * upto,)]

    def rows(self, table: str) -> list[dict[str, typing.Any]]:
        columns = self.ask(
            "SELECT column_name FROM information_schema.columns WHERE table_schema = 'raw_shop' "
            f"AND table_name = '{table}' ORDER BY ordinal_position"
        )
        names = [str(name) for (name,) in columns]
        chosen = ", ".join(f'"{name}"' for name in names)
        found = self.ask(f"SELECT {chosen} FROM raw_shop.{table}") if names else []
        return [dict(zip(names, row, strict=True)) for row in found]


class DuckSandbox(SqlSandbox):
    """A sandbox whose destination is a DuckDB file."""

    def connect(self) -> typing.Any:
        import duckdb

        assert self.destination.file is not None
        return duckdb.connect(self.destination.file)


def duck(root: Path) -> DuckSandbox:
    file = root / "data" / "warehouse.duckdb"
    file.parent.mkdir(parents=True, exist_ok=True)
    return DuckSandbox(root, Destination("duckdb", file=str(file), lock=str(file) + ".lock"))


class PostgresSandbox(SqlSandbox):
    """A sandbox whose destination is a Postgres database."""

    url = ""

    def connect(self) -> typing.Any:
        import psycopg2

        made = psycopg2.connect(self.url)
        made.autocommit = True
        return made

    def clear(self) -> None:
        """Drops what the test made."""
        self.ask("DROP SCHEMA IF EXISTS raw_shop, raw_shop_staging, raw_shop_limited CASCADE")


def in_postgres(root: Path, url: str) -> PostgresSandbox:
    box = PostgresSandbox(root, Destination("postgres", shown="postgres"))
    box.url = url
    # as the launcher's slice says it, in a variable that one process's tests share
    box.environment = {"DESTINATION__POSTGRES__CREDENTIALS": url}
    return box


class FileSandbox(Sandbox):
    """A sandbox whose destination is a folder of files."""

    def ids(self, table: str = "orders", dataset: str = "raw_shop") -> list[int]:
        return sorted(row["id"] for row in self.rows(table, dataset))

    def rows(self, table: str, dataset: str = "raw_shop") -> list[dict[str, typing.Any]]:
        import gzip

        import pyarrow.parquet

        assert self.destination.file is not None
        found: list[dict[str, typing.Any]] = []
        for file in sorted((Path(self.destination.file) / dataset / table).glob("*")):
            if file.name.endswith(".parquet"):
                found += pyarrow.parquet.read_table(file).to_pylist()
            elif "jsonl" in file.name:
                text = file.read_bytes()
                text = gzip.decompress(text) if text[:2] == b"\x1f\x8b" else text
                found += [json.loads(line) for line in text.splitlines()]
        return found

    def whole(self, upto: int, lines: bool = True) -> None:
        assert self.ids() == list(range(1, upto + 1))


def files(root: Path, form: str) -> FileSandbox:
    folder = root / "data" / "lake"
    box = FileSandbox(root, Destination("filesystem", file=str(folder), lock=str(folder) + ".lock"))
    box.environment = {"NORMALIZE__LOADER_FILE_FORMAT": form}
    return box
