"""The same rows by dltpod, by dlt alone, and by other tools, each on a route that it can go.

    python -m bench peers

Each tool is installed from the package index into an environment of its own. Routes: a CSV file or a
Postgres table of 7 columns, into DuckDB or a Parquet file. Tools take turns, so that a busy minute hits all
of them, and each ratio is of one turn. Rows that arrive are counted, and dlt and dltpod must bring all; the
table has those of others. ingestr 0.13 loses one of each thousand rows of a CSV file, so it has no such
route. The Postgres server is that of the tests.
"""

from __future__ import annotations

import contextlib
import csv
import os
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import psycopg2

from bench import cpu, page
from bench.paired import Spread, seconds
from bench.rows import CASES, rows
from bench.warm_sync import image_of
from tests.kubernetes.postgres import Postgres

UV = str(Path(sys.executable).parent / "uv")
DLTPOD = str(Path(sys.executable).parent / "dltpod")
INSTALLED = {
    "dlt": ["dlt[duckdb,parquet,sql_database,filesystem]==1.31.0", "psycopg2-binary", "pandas"],
    # Newer ones fetch their program or drivers from elsewhere when they are first run.
    "ingestr": ["ingestr<0.14"],
    "sling": ["sling<1.3"],
    "meltano": ["meltano"],
    "tap": ["meltanolabs-tap-postgres"],
    "target": ["target-duckdb"],
    "airbyte": ["airbyte", "uv"],
}
QUIET = {
    "RUNTIME__DLTHUB_TELEMETRY": "false",
    "INGESTR_DISABLE_TELEMETRY": "true",
    "DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "1",
    "AIRBYTE_OFFLINE_MODE": "1",
    "MELTANO_SEND_ANONYMOUS_USAGE_STATS": "false",
}
ORDERS = '''\
"""The rows of both routes, as dlt's own sources read them."""

import dlt
from dlt.sources.filesystem import filesystem, read_csv
from dlt.sources.sql_database import sql_table


@dlt.source
def from_csv(folder):
    yield (filesystem(bucket_url=folder, file_glob="orders.csv") | read_csv()).with_name("orders")


@dlt.source
def from_postgres(url):
    yield sql_table(credentials=url, table="orders", write_disposition="replace")
'''
PLAIN = """\
import sys
import dlt
import orders

function, argument, destination, folder = sys.argv[1:]
into = getattr(dlt.destinations, destination)(folder + "/out.duckdb" if destination == "duckdb" else folder)
pipeline = dlt.pipeline("peer", destination=into, dataset_name="raw", pipelines_dir=folder + "/state")
pipeline.run(getattr(orders, function)(argument), loader_file_format="parquet", write_disposition="replace")
"""
AIRBYTE = """\
import sys
import airbyte as ab

table, database = sys.argv[1:]
config = {"dataset_name": "orders", "format": "csv", "url": table, "provider": {"storage": "local"}}
source = ab.get_source("source-file", config=config, install_if_missing=True, streams="*")
source.read(cache=ab.DuckDBCache(db_path=database, schema_name="raw"), force_full_refresh=True)
"""
MELTANO = """\
default_environment: dev
environments: [{{name: dev}}]
send_anonymous_usage_stats: false
plugins:
  extractors:
  - name: tap-postgres
    namespace: tap_postgres
    executable: {tap}
    capabilities: [catalog, discover, state, properties]
    settings: [{{name: sqlalchemy_url}}]
    config: {{sqlalchemy_url: "{url}"}}
    select: [public-orders.*]
    metadata: {{public-orders: {{replication-method: FULL_TABLE}}}}
  loaders:
  - name: target-duckdb
    namespace: target_duckdb
    executable: {target}
    settings: [{{name: filepath}}, {{name: default_target_schema}}]
    config: {{filepath: {folder}/out.duckdb, default_target_schema: raw}}
"""
SOURCES = """\
version: 1
project: {project}
sources:
  - name: csv
    type: dlt_native
    dlt_native:
      source_module: orders
      source_function: from_csv
      function_kwargs: {folder: /workspace/csv}
      write_disposition: replace
    container: {extras: [filesystem], requirements: [pandas], mounts: ["csv:/workspace/csv"]}
  - name: parquet
    type: dlt_native
    destination: filesystem
    dlt_native:
      loader_file_format: parquet
      source_module: orders
      source_function: from_csv
      function_kwargs: {folder: /workspace/csv}
      write_disposition: replace
    container: {extras: [filesystem], requirements: [pandas], mounts: ["csv:/workspace/csv"]}
  - name: postgres
    type: dlt_native
    dlt_native:
      source_module: orders
      source_function: from_postgres
      function_kwargs: {url: "env:PEERS_POSTGRES"}
      write_disposition: replace
    container:
      extras: [sql_database, filesystem]
      requirements: [psycopg2-binary, pandas]
"""


DLT = "dlt by itself"
DLTPOD_NAME = "dltpod"
PROJECT = f"peers-{uuid.uuid4().hex[:8]}"


@dataclass
class Peer:
    """A tool on a route: its command and where it runs, and the file (and schema) that gets the rows."""

    route: str
    name: str
    command: Sequence[str | Path]
    out: Path
    schema: str = "raw"
    folder: Path | None = None
    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    rows: int = 0

    def run(self, count: int, *, counts: bool) -> None:
        """Runs it once. Raises RuntimeError where it fails, or dlt or dltpod don't load ``count`` rows."""
        before = cpu.of_children()
        with cpu.of_containers(PROJECT) if self.name == DLTPOD_NAME else contextlib.nullcontext({}) as used:
            wall = seconds([str(word) for word in self.command], self.folder)
        self.rows = self.loaded()
        if self.rows != count and self.name in (DLT, DLTPOD_NAME):
            raise RuntimeError(f"{self.name} on {self.route}: {self.rows} of {count} rows")
        if counts:
            self.wall.append(wall)
            self.cpu.append(cpu.of_children() - before + sum(used.values()))

    def loaded(self) -> int:
        """The rows that are there."""
        table = f"{self.schema}.orders"
        if self.out.is_dir():
            table = f"read_parquet('{self.out}/orders/*.parquet')"
        elif self.out.suffix == ".parquet":
            table = f"read_parquet('{self.out}')"
        with duckdb.connect(str(self.out) if self.out.suffix == ".duckdb" else ":memory:") as connection:
            found = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
        return int(found[0]) if found else 0


def main(*, quick: bool = False) -> str:
    count = 20_000
    os.environ.update(QUIET)
    with ExitStack() as stack:
        root = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        root.chmod(0o755)
        server = stack.enter_context(Postgres.started("127.0.0.1"))
        login = f"postgresql://loader:{server.password}"
        url = f"{login}@127.0.0.1:{server.port}/postgres"
        os.environ["PEERS_POSTGRES"] = f"{login}@host.docker.internal:{server.port}/postgres".replace(
            "://", "+psycopg2://"
        )
        table = _csv(root, count)
        _fill(url, table)
        peers = _peers(root, url, table)
        try:
            for turn in range(1 + (1 if quick else 3)):
                for peer in peers:
                    peer.run(count, counts=turn > 0)  # the first installs, builds and makes files
            versions = [_versions(root, name) for name in INSTALLED]
        finally:
            _drop(*(image_of(root, name) for name in ("csv", "parquet", "postgres")))
    dlt = {peer.route: peer.cpu for peer in peers if peer.name == DLT}
    lines = []
    for peer in peers:
        pairs = zip(peer.cpu, dlt[peer.route], strict=True)
        ratio = Spread.of([one / other for one, other in pairs]).text("")
        spreads = [Spread.of(figures).text("") for figures in (peer.cpu, peer.wall)]
        lines.append([f"{peer.route}: {peer.name}", spreads[0], ratio, spreads[1], f"{peer.rows:,}"])
    head = [f"{count:,} rows", "CPU seconds", "against dlt by itself", "seconds", "rows that arrived"]
    return f"{page.machine()}\n{page.table(head, lines)}\n{'; '.join(filter(None, versions))}.\n"


def _drop(*sources: str) -> None:
    """Removes the images of sources and their environments, which no other project has but by chance."""
    for source in sources:
        environment = source.replace("/source:", "/environment:").rpartition("-")[0]
        subprocess.run(["docker", "image", "rm", source, environment], capture_output=True, check=False)


def _csv(root: Path, count: int) -> Path:
    folder = root / "csv"
    folder.mkdir()
    with (folder / "orders.csv").open("w", newline="") as file:
        given = rows(CASES["flat"], count)
        first = next(given)
        writer = csv.DictWriter(file, list(first))
        writer.writeheader()
        writer.writerow(first)
        writer.writerows(given)
    return folder / "orders.csv"


def _fill(url: str, table: Path) -> None:
    with psycopg2.connect(url) as connection, connection.cursor() as cursor, table.open() as file:
        cursor.execute(
            "CREATE TABLE orders (id bigint PRIMARY KEY, name text, email text, amount double precision,"
            " active boolean, updated_at timestamptz, day date)"
        )
        cursor.copy_expert("COPY orders FROM STDIN WITH (FORMAT csv, HEADER)", file)


def _peers(root: Path, url: str, table: Path) -> list[Peer]:
    tools = {name: _installed(root, name, wanted) for name, wanted in INSTALLED.items()}
    os.environ["PATH"] += f":{tools['airbyte']}"  # PyAirbyte calls uv to install its connector
    _project(root)
    warehouse = root / "data/warehouse.duckdb"

    def plain(function: str, argument: str, destination: str, folder: Path) -> list[str | Path]:
        return [tools["dlt"] / "python", root / "plain.py", function, argument, destination, folder]

    dlt, other, parquet, airbyte, meltano = (_folder(root, name) for name in "abcde")
    (meltano / "meltano.yml").write_text(
        MELTANO.format(
            tap=tools["tap"] / "tap-postgres",
            target=tools["target"] / "target-duckdb",
            url=url,
            folder=meltano,
        )
    )
    ingestr = [tools["ingestr"] / "ingestr", "ingest", "--yes", "--source-uri", url]
    ingestr += ["--source-table", "public.orders"]
    sling = [tools["sling"] / "sling", "run", "--mode", "full-refresh", "--src-stream", f"file://{table}"]
    return [
        Peer("CSV into DuckDB", DLT, plain("from_csv", str(table.parent), "duckdb", dlt), dlt / "out.duckdb"),
        Peer("CSV into DuckDB", DLTPOD_NAME, [DLTPOD, "sync", "csv"], warehouse, "raw_csv", root),
        Peer(
            "CSV into DuckDB",
            "PyAirbyte, source-file",
            [tools["airbyte"] / "python", root / "by_airbyte.py", table, airbyte / "out.duckdb"],
            airbyte / "out.duckdb",
            folder=airbyte,
        ),
        Peer(
            "Postgres into DuckDB",
            DLT,
            plain("from_postgres", url.replace("://", "+psycopg2://", 1), "duckdb", other),
            other / "out.duckdb",
        ),
        Peer(
            "Postgres into DuckDB", DLTPOD_NAME, [DLTPOD, "sync", "postgres"], warehouse, "raw_postgres", root
        ),
        Peer(
            "Postgres into DuckDB",
            "ingestr",
            [*ingestr, "--dest-uri", f"duckdb:///{other}/ingestr.duckdb", "--dest-table", "raw.orders"],
            other / "ingestr.duckdb",
        ),
        Peer(
            "Postgres into DuckDB",
            "Meltano, tap-postgres and target-duckdb",
            [tools["meltano"] / "meltano", "run", "tap-postgres", "target-duckdb"],
            meltano / "out.duckdb",
            folder=meltano,
        ),
        Peer(
            "CSV into Parquet",
            DLT,
            plain("from_csv", str(table.parent), "filesystem", parquet),
            parquet / "raw",
        ),
        Peer(
            "CSV into Parquet",
            DLTPOD_NAME,
            [DLTPOD, "sync", "parquet"],
            root / "data/files/raw_parquet",
            folder=root,
        ),
        Peer(
            "CSV into Parquet",
            "sling",
            [*sling, "--tgt-object", f"file://{parquet}/sling.parquet"],
            parquet / "sling.parquet",
        ),
    ]


def _project(root: Path) -> None:
    """What dltpod and dlt by itself run, in ``root``."""
    (root / "plain.py").write_text(PLAIN)
    (root / "by_airbyte.py").write_text(AIRBYTE)
    (root / "custom_sources").mkdir()
    for place in (root, root / "custom_sources"):
        (place / "orders.py").write_text(ORDERS)
    (root / "sources.yml").write_text(SOURCES.replace("{project}", PROJECT))


def _folder(root: Path, name: str) -> Path:
    folder = root / "out" / name
    folder.mkdir(parents=True)
    return folder


def _installed(root: Path, name: str, wanted: Sequence[str]) -> Path:
    """The folder of programs of an environment with these packages."""
    environment = root / "tools" / name
    subprocess.run([UV, "venv", "-q", environment], check=True)
    subprocess.run([UV, "pip", "install", "-q", "--python", environment / "bin/python", *wanted], check=True)
    return environment / "bin"


def _versions(root: Path, name: str) -> str:
    """A tool's version, in words."""
    listed = subprocess.run(
        [UV, "pip", "freeze", "-q", "--python", root / "tools" / name / "bin/python"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    wanted = INSTALLED[name][0].replace("<", "[").partition("[")[0]
    return next(
        (line.replace("==", " ") for line in listed.splitlines() if line.startswith(f"{wanted}==")), ""
    )


if __name__ == "__main__":
    print(main())
