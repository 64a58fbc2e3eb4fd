"""dlt by itself against the runner's extract, normalize and load, in pairs: CPU seconds and peak memory of
whole processes, in a container of the image that a sync of a source uses.

    python -m bench rows

Both sides write files of their own, by way of Parquet. Rows that came out are counted and must be equal.
"""

from __future__ import annotations

import contextlib
import datetime
import importlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import typing
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench import page
from bench.paired import Spread
from bench.warm_sync import REPOSITORY, built_image

Row = dict[str, typing.Any]


@dataclass(frozen=True)
class Case:
    """What is loaded, and how many pairs are run."""

    rows: int
    what: str
    columns: int = 7
    children: int = 0
    merged: bool = False
    cursor: str = ""
    destination: str = "duckdb"
    inserts: bool = False
    """Whether dlt takes its own default for DuckDB, INSERT statements."""
    pairs: int = 3


CASES = {
    "flat": Case(1_000_000, "7 columns"),
    "default": Case(1_000_000, "7 columns; dlt by its default, `INSERT` statements", inserts=True, pairs=1),
    "nested": Case(300_000, "each with 3 children", children=3),
    "merge": Case(300_000, "merged by key", merged=True),
    "merge_million": Case(1_000_000, "merged by key", merged=True),
    "wide": Case(200_000, "60 columns", columns=60),
    "files": Case(300_000, "7 columns, into Parquet files", destination="filesystem"),
    "one_day": Case(3_000, "one cursor value; dlt's time grows by the square", cursor="day"),
    "small": Case(20_000, "7 columns"),
}
PROJECT = """\
version: 1
project: bench
sources:
  - name: rows
    type: dlt_native
    dlt_native: {source_module: one, source_function: rows}
    container: {extras: [filesystem]}
"""
RUNNER = "/opt/dltpod"
DOCKER = ("docker", "run", "--rm")
SETTINGS = {
    "RUNTIME__DLTHUB_TELEMETRY": "false",
    "RUNTIME__LOG_LEVEL": "CRITICAL",
    "ENABLE_RUNTIME_TRACE": "false",
}


def rows(case: Case, count: int) -> Iterator[Row]:
    """The rows of a case, one by one."""
    began = datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone.utc)
    for at in range(count):
        moment = began + datetime.timedelta(seconds=at)
        row: Row = {
            "id": at,
            "name": f"customer {at}",
            "email": f"c{at}@example.com",
            "amount": at * 0.25,
            "active": at % 3 == 0,
            "updated_at": moment.isoformat(),
            "day": "2024-01-01",
        }
        if case.children:
            row["items"] = [
                {"sku": f"s{at % 97}", "quantity": n, "price": n * 1.5} for n in range(case.children)
            ]
        row.update({f"value_{n}": at * n for n in range(case.columns - 7)})
        yield row


def once(case: Case, count: int, fast: bool, folder: Path) -> dict[str, typing.Any]:
    """Runs a case in this process: CPU seconds of each step, peak megabytes, rows that came out, versions."""
    import dlt

    # its compiled copy in the image; dlt by itself doesn't import it
    switch = importlib.import_module("dltpod_runner.load.fast.switch") if fast else None

    os.environ.update(SETTINGS)
    hints = {"write_disposition": "merge", "primary_key": "id"} if case.merged else {}
    made = dlt.resource(lambda: rows(case, count), name="t", **hints)
    if case.cursor:
        made.apply_hints(incremental=dlt.sources.incremental(case.cursor))
    source = dlt.source(lambda: made, name="bench")()
    file = folder / ("rows.duckdb" if case.destination == "duckdb" else "files")
    parquet = fast or not case.inserts
    forms = {"loader_file_format": "parquet", "preferred_loader_file_format": "parquet"} if parquet else {}
    pipeline = dlt.pipeline(
        "bench",
        destination=getattr(dlt.destinations, case.destination)(str(file), **forms),
        dataset_name="ds",
        pipelines_dir=str(folder / "state"),
    )
    seconds: dict[str, float] = {}
    alone = contextlib.nullcontext()
    with _timed(seconds, "extract"), switch.extracting(True, [source]) if switch else alone:
        pipeline.extract(source)
    with _timed(seconds, "normalize"), switch.normalizing(True) if switch else alone:
        pipeline.normalize()
    with _timed(seconds, "load"), switch.loading(True, pipeline) if switch else alone:
        pipeline.load()
    used = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "seconds": seconds,
        "cpu": used.ru_utime + used.ru_stime,
        "peak": used.ru_maxrss / 1024,
        "rows": _loaded(case, file),
        "versions": page.versions("dlt", "duckdb", "pyarrow"),
    }


def _loaded(case: Case, file: Path) -> dict[str, int]:
    """The rows of each table that is there."""
    import duckdb
    import pyarrow.parquet

    if case.destination == "filesystem":
        return {"t": pyarrow.parquet.read_table(file / "ds/t").num_rows}
    with contextlib.closing(duckdb.connect(str(file), read_only=True)) as database:
        tables = database.execute(
            "select table_name from information_schema.tables where table_schema = 'ds'"
        )
        names = sorted(name for (name,) in tables.fetchall() if not name.startswith("_dlt"))
        return {
            name: int(database.execute(f'select count(*) from ds."{name}"').fetchone()[0]) for name in names
        }


@contextlib.contextmanager
def _timed(into: dict[str, float], name: str) -> Iterator[None]:
    before = sum(os.times()[:2])
    yield
    into[name] = round(sum(os.times()[:2]) - before, 2)


def apart(name: str, count: int, fast: bool, image: str) -> dict[str, typing.Any]:
    """As ``once``, in a container of its own. RuntimeError with its errors where it fails."""
    with tempfile.TemporaryDirectory() as folder:
        mounts = ["-v", f"{REPOSITORY}:/repository:ro", "-w", "/repository", "-v", f"{folder}:/out"]
        # as the caller, who may read the repository
        user = [
            "--user",
            f"{os.getuid()}:{os.getgid()}",
            "-e",
            "HOME=/tmp",
            "-e",
            f"PYTHONPATH={RUNNER}:/repository",
        ]
        inside = ["-W", "ignore", "-m", "bench.rows", name, str(count), "fast" if fast else "dlt", "/out"]
        ran = subprocess.run(
            [*DOCKER, *mounts, *user, "--entrypoint", "/opt/venv/bin/python", image, *inside],
            capture_output=True,
            text=True,
            check=False,
        )
        if ran.returncode:
            raise RuntimeError(ran.stderr[-2000:])
        return typing.cast("dict[str, typing.Any]", json.loads(ran.stdout.splitlines()[-1]))


def main(*, quick: bool = False) -> str:
    """The table of all cases, a tenth of the rows for a quick look. RuntimeError where counts differ."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "custom_sources").mkdir()
        (root / "custom_sources/one.py").write_text("def rows():\n    yield {'id': 1}\n")
        (root / "sources.yml").write_text(PROJECT)
        image = built_image(root, "rows")
    table = []
    for name, case in CASES.items():
        count = case.rows // 10 if quick else case.rows
        pairs = []
        for _ in range(1 if quick else case.pairs):
            pairs.append((apart(name, count, False, image), apart(name, count, True, image)))
            if pairs[-1][0]["rows"] != pairs[-1][1]["rows"]:
                raise RuntimeError(f"{name}: the rows differ: {pairs[-1]}")
        sides = list(zip(*pairs, strict=True))
        cpu = [Spread.of([run["cpu"] for run in side]).text("") for side in sides]
        ratio = Spread.of([fast["cpu"] / slow["cpu"] for slow, fast in pairs]).text("")
        peak = [f"{max(run['peak'] for run in side):.0f}" for side in sides]
        table.append([f"{count:,} rows, {case.what}", *cpu, ratio, *peak])
    head = ["", "dlt, CPU seconds", "dltpod, CPU seconds", "ratio", "dlt, peak MB", "dltpod, peak MB"]
    return f"{page.machine(measured=pairs[-1][1]['versions'])}\n{page.table(head, table)}"


if __name__ == "__main__":
    print(json.dumps(once(CASES[sys.argv[1]], int(sys.argv[2]), sys.argv[3] == "fast", Path(sys.argv[4]))))
