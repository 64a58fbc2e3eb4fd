"""``python -m runner.inspect.execute``: runs in a container that ``runner.inspect.idle`` keeps open.

``execute run COMMAND...`` runs a command with the variables and the folder that the source would find.
``execute show JSON`` prints rows of the destination as JSON; its keys are the keyword arguments of ``show``.
``execute state {}`` prints what the pipeline's state holds there (see ``state_of``).
``execute preview JSON`` prints the source's first rows as JSON; its keys are those of ``preview.preview``.
"""

from __future__ import annotations

import contextlib
import datetime
import decimal
import json
import os
import shutil
import sys
import typing
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from runner import contract
from runner.contract import FailureKind
from runner.explain import wording
from runner.explain.causes import has_class
from runner.explain.classify import JobFailed
from runner.inspect import files
from runner.inspect.idle import JOB_NAME
from runner.supervise.job_input import Paths, environment_for, mounted_files, values_of
from runner.supervise.masking import Masker, masker_of


def main(arguments: Sequence[str]) -> int:
    """Does what the first argument says (see above); returns the exit code."""
    paths = Paths.current()
    job = contract.job_from(json.loads((paths.scratch / JOB_NAME).read_text(encoding="utf-8")))
    os.environ.update(environment_for(job, paths, os.environ))
    os.chdir(paths.workspace if paths.workspace.is_dir() else paths.scratch)
    if arguments[0] == "run":
        folders = (str(paths.custom_sources), os.environ.get("PYTHONPATH", ""))
        os.environ["PYTHONPATH"] = os.pathsep.join(folder for folder in folders if folder)
        return replace_process(arguments[1:])
    output = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what a library prints must not stand among the JSON
    masker = masker_of(job, mounted_files(paths.secrets), os.environ)
    wording.mask_with(masker.text)
    try:
        answer = _asked(arguments[0], job, paths, masker, json.loads(arguments[1]))
    except Exception as exc:  # noqa: BLE001 - the launcher tells people
        answer = _explained(exc, job) if arguments[0] == "preview" else {"error": error_line(exc)}
    with output:
        json.dump(answer, output, ensure_ascii=False, default=_plain)
    return 0


def _asked(
    what: str, job: contract.JobSpec, paths: Paths, masker: Masker, question: dict[str, typing.Any]
) -> dict[str, typing.Any]:
    if what == "show":
        return show(job, paths, **question)
    if what == "state":
        with _opened(job, paths) as (pipeline, _):
            return {} if pipeline is None else state_of(pipeline)
    from runner.inspect.preview import preview

    nowhere = os.open(os.devnull, os.O_WRONLY)
    for descriptor in (1, 2):  # what the source prints is for a run's log
        os.dup2(nowhere, descriptor)
    answer = preview(job, paths, values_of(mounted_files(paths.secrets)), **question)
    # it is the source's code that made these rows
    return {**answer, "previews": masker.value(answer["previews"])}


def _explained(exc: Exception, job: contract.JobSpec) -> dict[str, typing.Any]:
    from runner.explain import classify, credentials

    failure = credentials.explained(exc, job, "extract")
    return {"error": failure.message, "hint": "" if failure.hint == classify.LOG_HINT else failure.hint}


def replace_process(command: Sequence[str]) -> int:
    """Replaces this process by the command; returns a shell's exit code (127, 126) where it can't be run."""
    try:
        os.execvp(command[0], list(command))
    except (FileNotFoundError, ValueError):  # ValueError is for a command without a name
        found = shutil.which(command[0]) is not None
        code, why = (126, "its interpreter does not exist") if found else (127, "not found")
    except OSError as exc:
        code, why = 126, exc.strerror or str(exc)
    sys.stderr.write(f"dltpod: {command[0]!r}: {why}\n")
    return code


def show(
    job: contract.JobSpec, paths: Paths, *, table: str | None, sql: str | None, limit: int
) -> dict[str, typing.Any]:
    """The first ``limit`` rows of a table or of a query; with neither, the tables with their row counts.

    Returns ``columns``, ``rows`` and ``tables``, and once something was loaded ``dataset``, the destination's
    own name for it. A table that isn't there is named in ``missing``, and ``tables`` has those that are.
    Raises JobFailed for a database file that isn't one, else whatever dlt and the destination raise.
    """
    from runner.load import compat

    answer: dict[str, typing.Any] = {"columns": [], "rows": [], "tables": {}}
    with _opened(job, paths) as (pipeline, connection):
        if pipeline is None:
            return answer
        answer["dataset"] = compat.dataset_of(pipeline)
        names = [str(t["name"]) for schema in pipeline.schemas.values() for t in schema.data_tables()]
        if sql is None and table is not None and table not in names:
            return {**answer, "tables": dict.fromkeys(names, 0), "missing": table}
        if sql is None and job.destination.kind == "filesystem":
            if table is None:
                return {**answer, **_counts(names, lambda name: files.count(pipeline, name), JobFailed)}
            return {**answer, **files.rows(pipeline, table, limit)}
        with _sql_client(pipeline) as client:
            if connection is not None:
                client.execute_sql("SET lock_configuration = true")  # dlt has set what it needs
            if sql is None and table is None:
                # whatever one that is no table any more raises, it hides no other
                return {**answer, **_counts(names, lambda name: _count(client, name), Exception)}
            if sql is None:
                sql = _first(client, str(table), limit)
            with client.execute_query(sql) as cursor:
                columns = _columns(cursor)
                rows = cursor.fetchmany(limit) if columns else []
            return {**answer, "columns": columns, "rows": [list(row) for row in rows]}


def state_of(pipeline: typing.Any) -> dict[str, typing.Any]:
    """``cursors``: value and kind by ``resource.path``; ``resources`` that have any state; ``schemas`` with
    their versions; ``last_load``: when it ended, ISO 8601, empty where that can't be asked; ``edit``: the
    change that was made last (see ``edits.apply``). ``pipeline`` has been synced with the destination.
    """
    from runner.load import edits

    state = pipeline.state
    found = edits.cursors_of(state)
    sources = state.get("sources") or {}
    return {
        "cursors": {
            place: {"value": _text(cursor.get("last_value")), "kind": type(cursor.get("last_value")).__name__}
            for place, cursor in found.items()
        },
        "resources": sorted({name for kept in sources.values() for name in kept.get("resources") or {}}),
        "schemas": {name: pipeline.schemas[name].version for name in pipeline.schema_names},
        "last_load": _last_load(pipeline),
        "edit": str((sources.get(edits.MARK) or {}).get("edit", "")),
    }


def _text(value: typing.Any) -> str:
    return value.isoformat() if isinstance(value, datetime.date) else wording.one_line(value, 200)


def _last_load(pipeline: typing.Any) -> str:
    with contextlib.suppress(Exception), pipeline.sql_client() as client:  # files have no SQL
        table = client.make_qualified_table_name("_dlt_loads")
        found = client.execute_sql(f"SELECT max(inserted_at) FROM {table} WHERE status = 0")
        return _text(found[0][0]) if found and found[0][0] is not None else ""
    return ""


@contextlib.contextmanager
def _opened(job: contract.JobSpec, paths: Paths) -> Iterator[tuple[typing.Any, typing.Any]]:
    """The pipeline as the destination knows it, and the connection to a DuckDB file; None for nothing."""
    import dlt

    from runner.load import destination
    from runner.load.locks import file_lock
    from runner.load.progress import Steps

    with file_lock(job.destination.lock, Steps(), reading=True), _connection(job.destination) as connection:
        if connection is None and job.destination.kind == "duckdb":
            yield None, None
            return
        pipeline = dlt.pipeline(
            pipeline_name=job.pipeline_name,
            pipelines_dir=str(paths.scratch / "show"),
            destination=destination.build(job.destination, connection),
            dataset_name=job.dataset_name,
        )
        pipeline.sync_destination()
        yield (pipeline, connection) if pipeline.default_schema_name else (None, None)


def _sql_client(pipeline: typing.Any) -> typing.Any:
    """The destination's client for queries. Raises JobFailed where the image lacks what it needs."""
    try:
        return pipeline.sql_client()
    except Exception as exc:
        if not has_class(exc, "ImportError", "MissingDependencyException"):
            raise
        lacks = f"a query needs what the image lacks: {wording.one_line(exc, 200)}"
        raise JobFailed.of(FailureKind.CONFIGURATION, lacks) from exc


def _columns(cursor: typing.Any) -> list[str]:
    native = cursor.native_cursor
    if hasattr(native, "returns_rows"):  # SQLAlchemy's, which has no description
        return [str(name) for name in native.keys()] if native.returns_rows else []  # noqa: SIM118
    return [str(column[0]) for column in cursor.description or ()]


def _first(client: typing.Any, table: str, limit: int) -> str:
    """A query for the first rows: some drivers would fetch the whole table for the first ten."""
    name = client.make_qualified_table_name(table)
    named = getattr(getattr(client, "dialect", None), "name", "")  # SQLAlchemy's
    dialect = str(named or getattr(client.capabilities, "sqlglot_dialect", ""))
    if dialect in ("tsql", "mssql", "fabric", "synapse"):
        return f"SELECT TOP {limit} * FROM {name}"
    end = f"FETCH FIRST {limit} ROWS ONLY" if dialect == "oracle" else f"LIMIT {limit}"
    return f"SELECT * FROM {name} {end}"


@contextlib.contextmanager
def _connection(where: contract.Destination) -> Iterator[typing.Any]:
    """A connection to a DuckDB file that reads its database and nothing else; None where there is no file.

    Any source of the file may have left a view there, which would read files of this container.
    """
    from runner.load.destination import check_file

    check_file(where)
    if where.kind != "duckdb" or not where.file or not Path(where.file).exists():
        yield None
        return
    import duckdb

    connection = duckdb.connect(where.file, read_only=True, config={"enable_external_access": "false"})
    with contextlib.closing(connection):
        yield connection


def _count(client: typing.Any, table: str) -> int:
    found: int = client.execute_sql(f"SELECT count(*) FROM {client.make_qualified_table_name(table)}")[0][0]
    return found


def _counts(
    names: Sequence[str], count: Callable[[str], int], refusal: type[Exception]
) -> dict[str, typing.Any]:
    """``tables``: the rows of each table, None where counting is refused; ``unreadable``: why it is."""
    counts: dict[str, int | None] = {}
    unreadable: dict[str, str] = {}
    for name in names:
        try:
            counts[name] = count(name)
        except refusal as exc:
            counts[name], unreadable[name] = None, error_line(exc)
    return {"tables": counts, "unreadable": unreadable}


def error_line(exc: Exception) -> str:
    """An error of the destination, on one line of at most 500 characters."""
    if isinstance(exc, JobFailed):
        return wording.one_line(exc.failure.message, 500)
    text = wording.one_line(f"{type(exc).__name__}: {exc}", 500)
    if "disabled by configuration" in text or "disabled through configuration" in text:
        text = f"it is a view that reads more than its database, which `show` lets no view do: {text}"
    return text


def _plain(value: typing.Any) -> typing.Any:
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, decimal.Decimal):
        return str(value)
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value).hex()
    return str(value)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
