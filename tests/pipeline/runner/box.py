"""A folder that stands for the container's root, and the real runner run in it as a process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
import typing
from dataclasses import dataclass, field
from pathlib import Path

from runner import contract
from tests.pipeline.runner.forkserver import Forked, ForkServer

REPOSITORY = Path(__file__).parents[3]
TOKEN = "token-of-this-run"
Running = subprocess.Popen[bytes] | Forked


def result_of(data: dict[str, typing.Any]) -> contract.Result:
    """A result as the runner stores it, with its messages as they came."""
    values: dict[str, typing.Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in data.items()
    }
    if failure := data.get("failure"):
        values["failure"] = contract.Failure(**{**failure, "kind": contract.FailureKind(failure["kind"])})
    values["verdicts"] = tuple(contract.Verdict(**verdict) for verdict in data.get("verdicts") or ())
    return contract.Result(**values)


@dataclass(frozen=True)
class Outcome:
    """What came out of a run."""

    code: int
    stdout: str
    log: str
    stored: contract.Result

    @property
    def events(self) -> list[dict[str, typing.Any]]:
        """Every line of standard output: all must be events of this run."""
        return [json.loads(line) for line in self.stdout.splitlines()]

    @property
    def failure(self) -> contract.Failure:
        assert self.stored.failure is not None, self.stored
        return self.stored.failure

    @property
    def everything(self) -> str:
        return self.stdout + self.log + contract.to_json(self.stored)


@dataclass
class Box:
    """One source's container, without the container."""

    root: Path
    server: ForkServer | None = None
    """Runs jobs faster; without it each run is ``python -m runner``."""
    environ: dict[str, str] = field(default_factory=dict)
    program: tuple[str, ...] = ("-m", "runner")
    """What the interpreter is given, where there is no server."""

    def __post_init__(self) -> None:
        for place in ("opt/custom_sources", "opt/verified_sources", "state", "data", "tmp", "run/secrets"):
            (self.root / place).mkdir(parents=True, exist_ok=True)

    def write(self, place: str, text: str) -> Path:
        """A file below ``opt/custom_sources``, or below the root where ``place`` begins with ``/``."""
        path = self.root / place.lstrip("/") if place.startswith("/") else self.custom / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text), encoding="utf-8")
        return path

    @property
    def custom(self) -> Path:
        return self.root / "opt" / "custom_sources"

    @property
    def database(self) -> Path:
        return self.root / "data" / "warehouse.duckdb"

    def job(self, **changes: typing.Any) -> contract.JobSpec:
        """A job of source ``shop``, module ``shop``, function ``orders``, into DuckDB."""
        fields: dict[str, typing.Any] = {
            "run_id": "run-1",
            "token": TOKEN,
            "project": "acme",
            "source": "shop",
            "module": "shop",
            "function": "orders",
            "destination": contract.Destination(
                "duckdb", file=str(self.database), lock=str(self.database) + ".lock"
            ),
            "pipeline_name": "shop",
            "dataset_name": "raw_shop",
        }
        return contract.JobSpec(**{**fields, **changes})

    def start(self, job: contract.JobSpec, files: dict[str, str] | None = None) -> Running:
        """The runner with its frame written and its input held open."""
        if self.server is not None:
            return self._fork(self.server, job, files or {})
        return self.start_interpreter(job, files)

    def start_interpreter(
        self, job: contract.JobSpec, files: dict[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        """The same as an interpreter of its own, whose outputs are pipes."""
        process = subprocess.Popen(
            [sys.executable, *self.program],
            cwd=REPOSITORY,
            env=self._environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert process.stdin is not None
        process.stdin.write(contract.frame(job, files or {}))
        process.stdin.flush()
        return process

    def _fork(self, server: ForkServer, job: contract.JobSpec, files: dict[str, str]) -> Forked:
        outputs = [self.root / f"{name}-{job.run_id}" for name in ("stdout", "stderr")]
        reader, writer = os.pipe()
        os.set_blocking(writer, False)
        frame = contract.frame(job, files)
        assert os.write(writer, frame) == len(frame)
        with outputs[0].open("wb") as out, outputs[1].open("wb") as err:
            told = server.start(self._environment, reader, out.fileno(), err.fileno())
        os.close(reader)
        return Forked(told, os.fdopen(writer, "wb"), *outputs)

    @property
    def _environment(self) -> dict[str, str]:
        fixed = {"PYTHONPATH": str(REPOSITORY), "DLTPOD_ROOT": str(self.root), "HOME": "/"}
        return {"PATH": os.environ["PATH"], **fixed, **self.environ}

    def run(
        self,
        secrets: str = "",
        values: dict[str, typing.Any] | None = None,
        config: str = "",
        **changes: typing.Any,
    ) -> Outcome:
        """One job from frame to end. ``changes`` are fields of the job."""
        files = {
            contract.SECRETS_FILE: textwrap.dedent(secrets),
            contract.CONFIG_FILE: textwrap.dedent(config),
            contract.VALUES_FILE: json.dumps(values or {}),
        }
        return self.ended(self.start(self.job(**changes), files))

    def check(self, secrets: str = "", **changes: typing.Any) -> Outcome:
        """The same for action ``check``."""
        return self.run(secrets, action="check", **changes)

    def ended(self, process: Running, timeout: float = 300) -> Outcome:
        """Waits for the end, the input still open, and reads what came out."""
        stdin, process.stdin = process.stdin, None
        try:
            out, err = process.communicate(timeout=timeout)
        finally:
            process.kill()
            if stdin is not None:
                stdin.close()
        assert process.returncode is not None
        return self._outcome(process.returncode, out, err)

    def _outcome(self, code: int, out: bytes, err: bytes) -> Outcome:
        text = (self.root / "state/result.json").read_text(encoding="utf-8")
        return Outcome(code, out.decode(), err.decode("utf-8", "replace"), result_of(json.loads(text)))

    def rows(self, query: str) -> list[tuple[typing.Any, ...]]:
        """Rows of the warehouse, first of the three letters of a schema-qualified query."""
        import duckdb

        with duckdb.connect(str(self.database), read_only=True) as connection:
            return typing.cast("list[tuple[typing.Any, ...]]", connection.execute(query).fetchall())
