"""One project of the tests: a destination, a state directory, and runs into it."""

from __future__ import annotations

import atexit
import dataclasses
import functools
import hashlib
import json
import multiprocessing
import os
import shutil
import signal
import tempfile
import typing
from pathlib import Path

from runner.contract import Destination, Failure, JobSpec, Result
from runner.load import pipeline
from tests.pipeline import child, sources

PROCESSES = multiprocessing.get_context("forkserver")
"""Children are forked from a process that has dlt imported and has run nothing, so has no threads."""
PROCESSES.set_forkserver_preload(["tests.pipeline.preload", "tests.pipeline.child"])


@functools.cache
def _first_runs() -> Path:
    """A folder of this process, gone when it ends."""
    folder = Path(tempfile.mkdtemp(prefix="dltpod-first-runs-"))
    atexit.register(shutil.rmtree, folder)
    return folder


@dataclasses.dataclass
class Sandbox:
    """Runs jobs, in this process or in one that gets killed, and looks at what they loaded."""

    root: Path
    destination: Destination
    environment: dict[str, str] = dataclasses.field(default_factory=dict)
    events: list[tuple[str, dict[str, typing.Any]]] = dataclasses.field(default_factory=list)

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
        self.events.clear()
        before = dict(os.environ)
        os.environ.update(self.environment)
        try:
            return pipeline.run(
                job,
                lambda: make(**job.kwargs),
                lambda kind, fields: self.events.append((kind, fields)),
                state=self.state_of(job),
            )
        finally:
            os.environ.clear()
            os.environ.update(before)

    def begun(self, function: str = "append", **changes: typing.Any) -> None:
        """What an undisturbed first run leaves: where that is files, a copy of what one run has left."""
        if self.destination.file is None:
            self.run(function, **changes)
            return
        asked = repr((self.destination.type, function, changes, self.environment))
        first = _first_runs() / hashlib.sha256(asked.encode()).hexdigest()
        if not first.exists():
            file = first / Path(self.destination.file).relative_to(self.root)
            file.parent.mkdir(parents=True)
            destination = dataclasses.replace(self.destination, file=str(file), lock=f"{file}.lock")
            box = dataclasses.replace(self, root=first, destination=destination, events=[])
            try:
                box.run(function, **changes)
            except BaseException:
                shutil.rmtree(first)  # or the next test would begin with half a run
                raise
        shutil.copytree(first, self.root, dirs_exist_ok=True)

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
        job = self.job(function, **changes)
        answer, theirs = PROCESSES.Pipe(duplex=False)
        process = PROCESSES.Process(
            target=child.main, args=(job, self.state_of(job), kill, table, self.environment, theirs)
        )
        process.start()
        theirs.close()
        try:
            said = answer.recv()
        except EOFError:
            said = None
        process.join(60)
        return process.exitcode, said

    def lose_state(self) -> None:
        shutil.rmtree(self.state, ignore_errors=True)

    def keep_state(self, name: str) -> None:
        """Copies the state directory, as a backup does."""
        shutil.rmtree(self.root / name, ignore_errors=True)
        if self.state.exists():
            shutil.copytree(self.state, self.root / name)

    def put_back(self, name: str) -> None:
        """Puts a copy of the state directory in its place."""
        shutil.rmtree(self.state, ignore_errors=True)
        shutil.copytree(self.root / name, self.state)

    def clear(self) -> None:
        """Drops what the test made, where that is not in its own folder."""

    def ask(self, query: str) -> list[tuple[typing.Any, ...]]:
        """Rows of a query; ``{d}`` in it stands for the dataset."""
        raise NotImplementedError

    def rows(self, table: str) -> list[dict[str, typing.Any]]:
        """All rows of a table, none where there is no such table."""
        raise NotImplementedError

    def ids(self, table: str = "orders", dataset: str = "raw_shop") -> list[int]:
        """The ids in a table, doubled ones and all."""
        return [row[0] for row in self.ask(f"SELECT id FROM {dataset}.{table} ORDER BY id")]

    def whole(self, upto: int, lines: bool = True) -> None:
        """Asserts that each order up to ``upto`` is there once, with its two lines."""
        assert self.ids() == list(range(1, upto + 1))
        if lines:
            found = self.ask(
                "SELECT o.id, count(*) FROM raw_shop.orders o JOIN raw_shop.orders__lines l "
                "ON l._dlt_parent_id = o._dlt_id GROUP BY o.id ORDER BY o.id"
            )
            assert found == [(i, 2) for i in range(1, upto + 1)]
            assert self.ask("SELECT count(*) FROM raw_shop.orders__lines") == [(2 * upto,)]


class SqlSandbox(Sandbox):
    """A sandbox whose destination is asked by SQL."""

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

    def ask(self, query: str) -> list[tuple[typing.Any, ...]]:
        import duckdb

        assert self.destination.file is not None
        with duckdb.connect(self.destination.file) as connection:
            found: list[tuple[typing.Any, ...]] = connection.execute(query).fetchall()
            return found


def duck(root: Path) -> DuckSandbox:
    file = root / "data" / "warehouse.duckdb"
    file.parent.mkdir(parents=True, exist_ok=True)
    return DuckSandbox(root, Destination("duckdb", file=str(file), lock=str(file) + ".lock"))


class PostgresSandbox(SqlSandbox):
    """A sandbox whose destination is a Postgres database."""

    url = ""

    def ask(self, query: str) -> list[tuple[typing.Any, ...]]:
        import psycopg2

        connection = psycopg2.connect(self.url)
        try:
            with connection, connection.cursor() as cursor:
                cursor.execute(query)
                return list(cursor.fetchall()) if cursor.description else []
        finally:
            connection.close()

    def clear(self) -> None:
        """Drops what the test made."""
        self.ask("DROP SCHEMA IF EXISTS raw_shop CASCADE")
        self.ask("DROP SCHEMA IF EXISTS raw_shop_staging CASCADE")
        self.ask("DROP SCHEMA IF EXISTS raw_shop_limited CASCADE")


def in_postgres(root: Path, url: str) -> PostgresSandbox:
    box = PostgresSandbox(root, Destination("postgres", shown="postgres"))
    box.url = url
    # as the launcher's slice says it, in a variable that one process's tests share
    box.environment = {"DESTINATION__POSTGRES__CREDENTIALS": url}
    return box


class FileSandbox(Sandbox):
    """A sandbox whose destination is a folder of files."""

    def ask(self, query: str) -> list[tuple[typing.Any, ...]]:
        raise NotImplementedError

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
