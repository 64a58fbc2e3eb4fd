"""Which of dlt's verified sources extract with which dlt, against stubs of the services that they ask.

    python -m bench.verified_sources                            # the newest dlt, from the public repository
    python -m bench.verified_sources --dlt all --table          # each minor version, as a table for the docs
    python -m bench.verified_sources --dlt 1.26 --plain zendesk # dlt alone, for comparison

Each source runs as dltpod runs it, in its runner, into DuckDB, twice: the second time with the state of the
first. Clients are real (requests, google-api-python-client, botocore, confluent-kafka); what they ask is
answered by ``bench.verified_stub``. There is one environment a dlt version, with what the sources'
``requirements.txt`` ask for, made once below ``--environments``. Exits 1 where a source fails.
"""

from __future__ import annotations

import argparse
import json
import re
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psycopg2

from bench import verified_cases, verified_stub
from bench.verified_cases import Case
from tests.pipeline import postgres
from tests.pipeline.runner.box import Box
from tests.pipeline.runner.forkserver import ForkServer

REPOSITORY = "https://github.com/dlt-hub/verified-sources.git"
RELEASES = Path(__file__).parents[1] / "launcher" / "assets" / "dlt_versions.json"
UV = str(Path(sys.executable).with_name("uv"))
_SECONDS = 120.0
"""For one run."""
_DLT = "dlt[duckdb,filesystem,parquet,postgres,s3,sql-database]"


def main(given: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("sources", nargs="*", help="modules, or modules and functions (zendesk.zendesk_talk)")
    parser.add_argument("--dlt", default="newest", help="a minor version (1.26), several, all or newest")
    parser.add_argument("--repository", default=REPOSITORY, help="a git repository, or its work tree")
    parser.add_argument("--environments", type=Path, default=Path(sys.prefix) / "verified")
    parser.add_argument("--once", action="store_true", help="run each source once, without a second run")
    parser.add_argument("--plain", action="store_true", help="run the sources by dlt alone")
    parser.add_argument("--table", action="store_true", help="print a table in Markdown at the end")
    arguments = parser.parse_args(given)
    found: dict[str, dict[str, str]] = {}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="verified-")))
        tree = _work_tree(arguments.repository, folder)
        address = stack.enter_context(postgres.server("wal_level=logical"))
        _fill(folder, address)
        every = verified_cases.cases(folder / "files", address)
        cases = [
            case
            for case in every
            if not arguments.sources or {case.module, case.name} & set(arguments.sources)
        ]
        _complain_of_unknown(tree, every)
        for version in _versions(arguments.dlt):
            found[version] = {}
            for case, said in _run_all(cases, version, tree, arguments):
                found[version][case.name] = said
                print(f"{version}  {case.name:45} {said}", flush=True)
    for version, row in found.items():
        right = sum(said == "ok" for said in row.values())
        print(f"dlt {version}: {right} of {len(row)} source functions extract")
    if arguments.table:
        print(_table(found))
    return 0 if all(said == "ok" for row in found.values() for said in row.values()) else 1


def _versions(wanted: str) -> list[str]:
    """Minor versions of dlt, oldest first."""
    lines = json.loads(RELEASES.read_text())
    known = {tuple(map(int, each.split(".")[:2])) for line in lines for each in line["versions"]}
    every = [f"{major}.{minor}" for major, minor in sorted(known)]
    return every if wanted == "all" else every[-1:] if wanted == "newest" else wanted.split(",")


def _work_tree(repository: str, folder: Path) -> Path:
    """The folder ``sources`` of a work tree; a repository is cloned."""
    local = Path(repository).expanduser() / "sources"
    if local.is_dir():
        return local.resolve()
    target = folder / "repository"
    subprocess.run(["git", "clone", "-q", "--depth", "1", repository, target], check=True)
    return target / "sources"


def _fill(folder: Path, address: str) -> None:
    """What sources read that ask no service: a file, a database, and changes of a Postgres table."""
    (folder / "files").mkdir()
    (folder / "files" / "orders.jsonl").write_text('{"id": 1}\n{"id": 2}\n')
    with sqlite3.connect(folder / "files" / "shop.db") as shop:
        shop.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY, at TIMESTAMP)")
        shop.execute("INSERT INTO orders VALUES (1, '2024-03-01 00:00:00')")
    connection = psycopg2.connect(address)
    connection.autocommit = True
    with connection.cursor() as cursor:
        for statement in (
            "CREATE TABLE orders (id serial PRIMARY KEY, name text)",
            "CREATE PUBLICATION bench FOR TABLE orders",
            "SELECT pg_create_logical_replication_slot('bench', 'pgoutput')",
        ):
            cursor.execute(statement)
    connection.close()


def _complain_of_unknown(tree: Path, cases: list[Case]) -> None:
    """Raises SystemExit where the repository has a source that no case runs."""
    there = {place.parent.name for place in tree.glob("*/__init__.py")}
    unknown = there - {case.module for case in cases} - set(verified_cases.NO_SOURCE)
    if unknown:
        raise SystemExit(f"verified sources without a case here: {', '.join(sorted(unknown))}")


def _run_all(
    cases: list[Case], version: str, tree: Path, arguments: argparse.Namespace
) -> Iterator[tuple[Case, str]]:
    every = {place.parent.name for place in tree.glob("*/__init__.py")}
    apart = set(verified_cases.APART)
    for kind, modules in (("shared", every - apart), ("apart", every & apart)):
        chosen = [case for case in cases if case.module in modules]
        if not chosen:
            continue
        python = _environment(version, arguments.environments, tree, sorted(modules), kind)
        with _server(python) as server:
            for case in chosen:
                yield case, _run(case, server, tree, arguments)


@contextmanager
def _server(python: str) -> Iterator[ForkServer]:
    server = ForkServer(python, "bench.verified_stub")
    try:
        yield server
    finally:
        server.close()


def _environment(version: str, environments: Path, tree: Path, modules: list[str], kind: str) -> str:
    """The interpreter of an environment with that dlt and what these sources ask for; made once."""
    folder = environments / f"{version}-{kind}"
    python = folder / "bin" / "python"
    if not (folder / "ready").is_file():
        files = [tree / module / "requirements.txt" for module in modules]
        needs = [option for file in files if file.is_file() for option in ("-r", str(file))]
        subprocess.run([UV, "venv", "-q", "--clear", "-p", sys.executable, folder], check=True)
        wanted = [f"{_DLT}=={version}.*", "mongomock", "pandas", *needs]
        subprocess.run([UV, "pip", "install", "-q", "-p", python, *wanted], check=True)
        (folder / "ready").touch()
    return str(python)


def _run(case: Case, server: ForkServer, tree: Path, arguments: argparse.Namespace) -> str:
    """``ok``, or what kept the first or the second run of a source from extracting."""
    with tempfile.TemporaryDirectory(prefix="verified-") as name:
        box = Box(Path(name), server)
        (box.root / "opt/verified_sources" / case.module).symlink_to(tree / case.module)
        box.environ[verified_stub.CASE_VARIABLE] = f"plain {case.name}" if arguments.plain else case.name
        secrets = f"[sources.{case.module}]\n{case.secrets}\n"
        for turn in ("", "second run: ")[: 1 if arguments.once else 2]:
            case.before()
            ran = box.run(
                secrets=secrets,
                module=case.module,
                function=case.function,
                kwargs=case.kwargs,
                resource_kwargs=case.resource_kwargs,
                resources=case.resources,
                timeout=_SECONDS,
            )
            failed = ran.stored.failure
            if failed is not None:
                return f"{turn}{failed.kind.value}: {failed.message}"
            if not turn and not ran.stored.rows:
                return "no rows"
    return "ok"


def _table(found: dict[str, dict[str, str]]) -> str:
    """Sources by versions, for docs/environments.md: what extracts, and the class of what does not."""
    functions: dict[str, set[str]] = {}
    for name in (name for row in found.values() for name in row):
        functions.setdefault(name.partition(".")[0], set()).add(name.partition(".")[2])
    lines = [f"| source | functions | {' | '.join(found)} |", f"|---|---|{'---|' * len(found)}"]
    for module in sorted(functions):
        names = sorted(functions[module])
        cells = []
        for row in found.values():
            said = [row[f"{module}.{name}"] for name in names if f"{module}.{name}" in row]
            cells.append(next((_short(text) for text in said if text != "ok"), "ok" if said else "-"))
        shown = ", ".join(f"`{name}`" for name in names)
        lines.append(f"| `{module}` | {shown} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _short(said: str) -> str:
    error = re.search(r"\b([A-Z]\w+(?:Error|Exception|NotFound|NotAvailable|Failed))\b", said)
    return error.group(1) if error else said.partition(":")[0]


if __name__ == "__main__":
    sys.exit(main())
