"""dlt by itself against the runner's extract and normalize, in pairs: CPU seconds and peak memory of whole
processes.

    python -m bench rows

Both sides go through Parquet into a DuckDB file of their own. Rows that came out are counted and must be
equal.
"""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import resource
import subprocess
import sys
import tempfile
import typing
from collections.abc import Iterator
from pathlib import Path

from bench import page
from bench.paired import Spread

Row = dict[str, typing.Any]
CASES = {
    "flat": 1_000_000,
    "nested": 300_000,
    "merge": 300_000,
    "wide": 100_000,
    "one_day": 3_000,
    "small": 20_000,
}
WHAT = {
    "flat": "7 columns",
    "nested": "each with 3 children",
    "merge": "merged by key",
    "wide": "60 columns",
    "one_day": "one cursor value; dlt's time grows by the square",
    "small": "7 columns",
}
SETTINGS = {
    "RUNTIME__DLTHUB_TELEMETRY": "false",
    "RUNTIME__LOG_LEVEL": "CRITICAL",
    "ENABLE_RUNTIME_TRACE": "false",
}


def rows(case: str, count: int) -> Iterator[Row]:
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
        if case == "nested":
            row["items"] = [{"sku": f"s{at % 97}", "quantity": n, "price": n * 1.5} for n in range(3)]
        if case == "wide":
            row.update({f"value_{n}": at * n for n in range(53)})
        yield row


def once(case: str, count: int, fast: bool, folder: Path) -> dict[str, typing.Any]:
    """Runs a case in this process: CPU seconds of each step, peak megabytes, rows that came out."""
    import dlt
    import duckdb

    from runner.load.fast import switch

    os.environ.update(SETTINGS)
    hints: dict[str, typing.Any] = {"name": "t"}
    if case == "merge":
        hints.update(write_disposition="merge", primary_key="id")
    if case == "one_day":
        hints["incremental"] = dlt.sources.incremental("day")
    incremental = hints.pop("incremental", None)
    made = dlt.resource(lambda: rows(case, count), **hints)
    if incremental is not None:
        made.apply_hints(incremental=incremental)
    source = dlt.source(lambda: made, name="bench")()
    file = folder / "rows.duckdb"
    destination = dlt.destinations.duckdb(
        str(file), loader_file_format="parquet", preferred_loader_file_format="parquet"
    )
    pipeline = dlt.pipeline(
        "bench", destination=destination, dataset_name="ds", pipelines_dir=str(folder / "state")
    )
    seconds = {}
    with _timed(seconds, "extract"), switch.extracting(fast, [source]):
        pipeline.extract(source)
    with _timed(seconds, "normalize"), switch.normalizing(fast):
        pipeline.normalize()
    with _timed(seconds, "load"), switch.loading(fast, pipeline):
        pipeline.load()
    with contextlib.closing(duckdb.connect(str(file), read_only=True)) as database:
        tables = database.execute(
            "select table_name from information_schema.tables where table_schema = 'ds'"
        )
        names = sorted(name for (name,) in tables.fetchall() if not name.startswith("_dlt"))
        counts = {name: database.execute(f'select count(*) from ds."{name}"').fetchone()[0] for name in names}
    used = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "seconds": seconds,
        "cpu": used.ru_utime + used.ru_stime,
        "peak": used.ru_maxrss / 1024,
        "rows": counts,
    }


@contextlib.contextmanager
def _timed(into: dict[str, float], name: str) -> Iterator[None]:
    before = sum(os.times()[:2])
    yield
    into[name] = round(sum(os.times()[:2]) - before, 2)


def apart(case: str, count: int, fast: bool) -> dict[str, typing.Any]:
    """As ``once``, in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        arguments = [case, str(count), "fast" if fast else "dlt", folder]
        ran = subprocess.run(
            [sys.executable, "-W", "ignore", "-m", "bench.rows", *arguments],
            capture_output=True,
            text=True,
            check=False,
        )
        if ran.returncode:
            raise RuntimeError(ran.stderr[-2000:])
        return typing.cast("dict[str, typing.Any]", json.loads(ran.stdout.splitlines()[-1]))


def main(*, quick: bool = False) -> str:
    """The table of all cases, a tenth of the rows for a quick look. RuntimeError where counts differ."""
    table = []
    for case, count in CASES.items():
        count = count // 10 if quick else count
        pairs = []
        for _ in range(1 if quick else 3):
            pairs.append((apart(case, count, False), apart(case, count, True)))
            if pairs[-1][0]["rows"] != pairs[-1][1]["rows"]:
                raise RuntimeError(f"{case}: the rows differ: {pairs[-1]}")
        sides = list(zip(*pairs, strict=True))
        cpu = [Spread.of([run["cpu"] for run in side]).text("") for side in sides]
        ratio = Spread.of([fast["cpu"] / slow["cpu"] for slow, fast in pairs]).text("")
        peak = [f"{max(run['peak'] for run in side):.0f}" for side in sides]
        table.append([f"{count:,} rows, {WHAT[case]}", *cpu, ratio, *peak])
    head = ["", "dlt, CPU seconds", "dltpod, CPU seconds", "ratio", "dlt, peak MB", "dltpod, peak MB"]
    return f"{page.machine('dlt', 'duckdb', 'pyarrow')}\n{page.table(head, table)}"


if __name__ == "__main__":
    print(json.dumps(once(sys.argv[1], int(sys.argv[2]), sys.argv[3] == "fast", Path(sys.argv[4]))))
