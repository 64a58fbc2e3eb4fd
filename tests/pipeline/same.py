"""Runs random sources with dlt as it is and with runner.load.fast, and compares what came of both.

By hand, in any environment with dlt, DuckDB and pydantic:

    python -m tests.pipeline.same FIRST COUNT

prints the seeds that differ and what differs. Compared are dlt's schema with the order of its columns, the
destination's columns and types, all rows (random ids by what they point to), the state, row counts, files and
errors.
"""

from __future__ import annotations

import collections
import contextlib
import gzip
import json
import os
import re
import shutil
import sys
import tempfile
import typing
import warnings
from pathlib import Path

from tests.pipeline.same_cases import Case

SETTINGS = {
    "RUNTIME__DLTHUB_TELEMETRY": "false",
    "RUNTIME__LOG_LEVEL": "CRITICAL",
    "ENABLE_RUNTIME_TRACE": "false",
    "LOAD__RAISE_ON_MAX_RETRIES": "1",
    "EXTRACT__NEXT_ITEM_MODE": "round_robin",
}
_RANDOM = {
    r"0x[0-9a-f]+": "0x",
    r"\d{10}\.\d+": "LOAD",
    r"job_id=\S+": "JOB",  # the last of several, in the order of random names
    r"(_dlt_\w*id'?: '?)[\w+/]{14,20}": r"\1ID",
}
"""What differs between any two runs, in errors."""
_MADE_UP = ("_dlt_id", "_dlt_parent_id", "_dlt_root_id", "_dlt_load_id", "_dlt_valid_from", "_dlt_valid_to")


def differences(seed: int) -> list[str]:
    """What differs between the two ways for the case of this seed. Where threads decide the order of rows,
    each way may differ from itself; that isn't told."""
    folder = Path(tempfile.mkdtemp(prefix="same"))
    try:
        # the same paths both times: errors tell them
        slow = outcome(Case(seed), folder / "run", fast=False)
        shutil.rmtree(folder / "run")
        fast = outcome(Case(seed), folder / "run", fast=True)
        found = list(compare(slow, fast, ""))
        failed = any(run[0] != "ok" for run in slow["runs"])
        if found and (Case(seed).has_threads() or failed):
            for again in (False, True) * 5:
                shutil.rmtree(folder / "run")
                same = not list(compare(slow, outcome(Case(seed), folder / "run", fast=again), ""))
                if same is again:
                    return []  # dlt differs from itself, or this time the other way does not differ
        return found
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def outcome(case: Case, folder: Path, *, fast: bool) -> dict[str, typing.Any]:
    """Everything that can be known after the case has run."""
    from runner.load.fast import switch

    with switch.running(fast):
        return _outcome(case, folder, fast=fast)


def _outcome(case: Case, folder: Path, *, fast: bool) -> dict[str, typing.Any]:
    import dlt

    from runner.load.fast import switch

    folder.mkdir()
    os.environ.update({**SETTINGS, **case.settings})
    runs: list[typing.Any] = []
    try:
        pipeline = dlt.pipeline(
            f"same{case.seed}",
            destination=dlt.destinations.duckdb(str(folder / "rows.duckdb")),
            dataset_name="ds",
            pipelines_dir=str(folder / "state"),
        )
        for number in range(case.runs):
            log: list[list[typing.Any]] = []
            step = "extract"
            try:
                source = case.source(number, log)
                with switch.extracting(fast, [source]):
                    pipeline.extract(source, **case.format_at(step))
                step = "normalize"
                with switch.normalizing(fast):
                    info = pipeline.normalize(**case.format_at(step))
                step = "load"
                if case.loads:
                    with switch.loading(fast, pipeline):
                        pipeline.load()
                runs.append(("ok", dict(info.row_counts), _files(info), log))
                if any(case.cursors):  # dlt stores a state again if Python orders a set in another way
                    runs[-1][1].pop("_dlt_pipeline_state", None)
                    runs[-1][2][:] = [file for file in runs[-1][2] if file[0] != "_dlt_pipeline_state"]
            except Exception as exc:  # noqa: BLE001 errors are compared
                # with several resources, chance of turns decides how far the others were
                seen = log if case.seen_by_one() else None
                chance = step == "extract" and case.may_fail_twice()
                runs.append((step, seen) if chance else (step, *_told(exc), seen))
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # newer dlt has another name for it
                    pipeline.drop_pending_packages()
                if case.stops:
                    break
        files = _normalized(pipeline)
        schemas = {name: _schema(schema) for name, schema in pipeline.schemas.items()}
        state = _plain(dict(pipeline.state).get("sources", {}))
        pipeline.deactivate()
    finally:
        for name in case.settings:
            os.environ.pop(name, None)
    return {"runs": runs, "schemas": schemas, "state": state, **files, **stored(folder / "rows.duckdb")}


def _told(exc: BaseException) -> tuple[str, str]:
    chain = [exc]
    while link := chain[-1].__cause__ or chain[-1].__context__:
        chain.append(link)
    chain = [link for link in chain if not isinstance(link, StopIteration)]  # dlt's turn to another resource
    text = " | ".join(f"{type(link).__name__}: {link}" for link in chain)
    for random, name in _RANDOM.items():
        text = re.sub(random, name, text)
    return " ".join(type(link).__name__ for link in chain), text[:3000]


def _files(info: typing.Any) -> list[typing.Any]:
    found = []
    for parts in info.metrics.values():
        for part in parts:
            for job, metrics in part["job_metrics"].items():
                found.append((job.split(".")[0], metrics.items_count))
    return sorted(found)


def _schema(schema: typing.Any) -> typing.Any:
    told = schema.to_dict(remove_processing_hints=False)
    for name in ("version", "version_hash", "previous_hashes", "imported_version_hash", "engine_version"):
        told.pop(name, None)
    plain = _plain(told)
    plain["order"] = {name: list(table["columns"]) for name, table in told["tables"].items()}
    return plain


def _plain(value: typing.Any) -> typing.Any:
    plain = json.loads(json.dumps(value, default=repr, sort_keys=True))

    def ordered(here: typing.Any) -> typing.Any:
        if isinstance(here, dict):
            return {
                key: sorted(inner) if key == "unique_hashes" else ordered(inner)
                for key, inner in here.items()
            }
        return here

    return ordered(plain)


def _normalized(pipeline: typing.Any) -> dict[str, typing.Any]:
    """Rows of the packages that were not loaded."""
    import pyarrow.parquet

    store = pipeline._get_load_storage().normalized_packages
    tables: dict[str, list[dict[str, typing.Any]]] = {}
    try:
        loads = sorted(store.list_packages())
    except FileNotFoundError:
        return {}
    types: dict[str, set[str]] = {}
    for load_id in loads:
        for job in store.list_new_jobs(load_id):
            file = Path(store.storage.make_full_path(job))
            table = file.name.split(".")[0]
            if table.startswith("_dlt"):
                continue
            if file.suffix == ".parquet":
                read = pyarrow.parquet.read_table(file)
                types.setdefault(table, set()).add(str(read.schema.remove_metadata()))
                found = read.to_pylist()
            else:
                raw = file.read_bytes()
                text = gzip.decompress(raw) if file.suffix == ".gz" else raw
                found = [json.loads(line) for line in text.splitlines()]
            tables.setdefault(table, []).extend(found)
    return {
        "types": {table: sorted(found) for table, found in types.items()},
        "files": _by_what_they_point_to(tables, loads),
    }


def stored(file: Path, leave_out: tuple[str, ...] = ()) -> dict[str, typing.Any]:
    """Columns (but for ``leave_out``) and rows of every table that isn't dlt's own or for staging.

    Ids are told by what they point to.
    """
    import duckdb

    if not file.exists():
        return {}
    with contextlib.closing(duckdb.connect(str(file), read_only=True)) as database:
        query = database.execute
        names = query(
            "select table_schema, table_name from information_schema.tables order by all"
        ).fetchall()
        columns, tables = {}, {}
        loads: list[str] = []
        for schema, table in names:
            if table == "_dlt_loads":
                loads = [
                    row[0] for row in query(f'select load_id from "{schema}"."{table}" order by 1').fetchall()
                ]
            if table.startswith("_dlt") or schema.endswith("_staging"):
                continue
            columns[table] = query(
                "select column_name, data_type, is_nullable from information_schema.columns"
                " where table_schema = ? and table_name = ? order by ordinal_position",
                [schema, table],
            ).fetchall()
            columns[table] = [column for column in columns[table] if column[0] not in leave_out]
            chosen = ", ".join(f'"{name}"' for name, *_ in columns[table])
            found = query(f'select {chosen} from "{schema}"."{table}"').fetchall()
            tables[table] = [
                dict(zip([name for name, *_ in columns[table]], row, strict=True)) for row in found
            ]
    return {"columns": columns, "rows": _by_what_they_point_to(tables, loads)}


def _by_what_they_point_to(
    tables: dict[str, list[dict[str, typing.Any]]], loads: list[str]
) -> dict[str, list[str]]:
    from dlt.common.normalizers.json.helpers import get_nested_row_hash

    rows: dict[typing.Any, tuple[str, dict[str, typing.Any]]] = {}
    for table, found in tables.items():
        for row in found:
            row_id = row.get("_dlt_id")
            rows[row_id] = (
                ("several", {}) if row_id in rows else (table, row)
            )  # a source may bring ids of its own

    def told(table: str, row: dict[str, typing.Any], depth: int = 0) -> str:
        plain = {key: repr(value) for key, value in row.items() if not key.startswith(_MADE_UP)}
        if "_dlt_valid_to" in row:
            until = row["_dlt_valid_to"]
            plain["over"] = str(until is not None and until.year < 9999)
        if (load := row.get("_dlt_load_id")) is not None:
            plain["load"] = str(loads.index(load) if load in loads else -1)
        parent = row.get("_dlt_parent_id")
        if parent is not None and depth < 9:
            plain["parent"] = told(*rows[parent], depth + 1) if parent in rows else "nobody"
            made = get_nested_row_hash(parent, table, row.get("_dlt_list_idx"))
            plain["id is its parent's and place's"] = str(made == row.get("_dlt_id"))
        root = row.get("_dlt_root_id")
        if root is not None and depth == 0:
            plain["root"] = told(*rows[root], 9) if root in rows else "nobody"
        if len(str(row.get("_dlt_id"))) != 14:
            plain["_dlt_id"] = str(row.get("_dlt_id"))
        return f"{table} {plain}"

    return {table: sorted(told(table, row) for row in found) for table, found in tables.items()}


def compare(slow: typing.Any, fast: typing.Any, place: str) -> typing.Iterator[str]:
    """What differs between two nested values: what dlt made, and what came of another way."""
    if isinstance(slow, dict) and isinstance(fast, dict):
        for key in {**slow, **fast}:
            if key not in slow or key not in fast:
                side = "dlt" if key in slow else "fast"
                yield f"{place}.{key}: only {side}: {str(slow.get(key, fast.get(key)))[:200]}"
            else:
                yield from compare(slow[key], fast[key], f"{place}.{key}")
    elif isinstance(slow, (list, tuple)) and isinstance(fast, (list, tuple)) and len(slow) == len(fast):
        for at, (one, other) in enumerate(zip(slow, fast, strict=True)):
            yield from compare(one, other, f"{place}[{at}]")
    elif slow != fast:
        yield f"{place}:\n    dlt  {str(slow)[:600]}\n    fast {str(fast)[:600]}"


def main() -> None:
    """Compares COUNT cases from seed FIRST on."""
    first, count = int(sys.argv[1]), int(sys.argv[2])
    warnings.simplefilter("ignore")
    tally: collections.Counter[str] = collections.Counter()
    for seed in range(first, first + count):
        found = differences(seed)
        tally["differ" if found else "same"] += 1
        if found:
            print(seed, Case(seed).told(), *found[:5], sep="\n  ", flush=True)
    print(dict(tally), flush=True)
    sys.exit(bool(tally["differ"]))


if __name__ == "__main__":
    main()
