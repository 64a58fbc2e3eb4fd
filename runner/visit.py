"""``python -m runner.visit``: looks around in a container that ``runner.hold`` keeps.

``visit run COMMAND...`` runs a command as the source would find the process: variables, folder.
``visit show JSON`` prints rows of the destination as JSON.
"""

from __future__ import annotations

import datetime
import decimal
import json
import os
import shutil
import sys
import typing
from collections.abc import Sequence

from runner import contract, wording
from runner.hold import JOB_NAME
from runner.masking import masker_of
from runner.process import Paths, environment_for, mounted_files


def main(arguments: Sequence[str]) -> int:
    """Does what the first argument says; the exit code."""
    paths = Paths.current()
    job = contract.job_from(json.loads((paths.scratch / JOB_NAME).read_text(encoding="utf-8")))
    os.environ.update(environment_for(job, paths, os.environ))
    os.chdir(paths.workspace if paths.workspace.is_dir() else paths.scratch)
    if arguments[0] == "run":
        folders = (str(paths.custom_sources), os.environ.get("PYTHONPATH", ""))
        os.environ["PYTHONPATH"] = os.pathsep.join(folder for folder in folders if folder)
        return become(arguments[1:])
    output = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever a library prints is no data
    try:
        answer = show(job, paths, **json.loads(arguments[1]))
    except Exception as exc:  # noqa: BLE001 - the launcher tells people
        wording.mask_with(masker_of(job, mounted_files(paths.secrets), os.environ).text)
        answer = {"error": wording.one_line(f"{type(exc).__name__}: {exc}", 500)}
    with output:
        json.dump(answer, output, ensure_ascii=False, default=_plain)
    return 0


def become(command: Sequence[str]) -> int:
    """Turns this process into the command; a shell's exit code (127, 126) where that can't be."""
    try:
        os.execvp(command[0], list(command))
    except (FileNotFoundError, ValueError):  # ValueError is for a command without a name
        found = shutil.which(command[0]) is not None
        code, why = (126, "its interpreter is not there") if found else (127, "not found")
    except OSError as exc:
        code, why = 126, exc.strerror or str(exc)
    sys.stderr.write(f"dltpod: {command[0]!r}: {why}\n")
    return code


def show(
    job: contract.JobSpec, paths: Paths, *, table: str | None, sql: str | None, limit: int
) -> dict[str, typing.Any]:
    """Rows of a table or of a query, else the tables: ``columns``, ``rows``, and ``tables`` with row counts.

    ``dataset`` is the destination's own name for it. Raises whatever dlt and the destination raise.
    """
    import dlt

    from runner import compat, destination
    from runner.locks import file_lock
    from runner.progress import Steps

    steps = Steps(lambda event, fields: None)
    try:
        with file_lock(job.destination.lock, steps):
            pipeline = dlt.pipeline(
                pipeline_name=job.pipeline_name,
                pipelines_dir=str(paths.scratch / "show"),
                destination=destination.build(job.destination),
                dataset_name=job.dataset_name,
            )
            pipeline.sync_destination()
            if not pipeline.default_schema_name:
                return {"columns": [], "rows": [], "tables": {}}
            there = {"dataset": compat.dataset_of(pipeline)}
            names = [str(t["name"]) for schema in pipeline.schemas.values() for t in schema.data_tables()]
            with pipeline.sql_client() as client:
                if sql is None and table is None:
                    counts = {}
                    for name in names:
                        quoted = client.make_qualified_table_name(name)
                        counts[name] = client.execute_sql(f"SELECT count(*) FROM {quoted}")[0][0]
                    return {**there, "columns": [], "rows": [], "tables": counts}
                if sql is None:
                    if table not in names:
                        return {
                            **there,
                            "columns": [],
                            "rows": [],
                            "tables": dict.fromkeys(names, 0),
                            "missing": table,
                        }
                    sql = f"SELECT * FROM {client.make_qualified_table_name(str(table))}"
                with client.execute_query(sql) as cursor:
                    columns = [str(column[0]) for column in cursor.description or ()]
                    rows = cursor.fetchmany(limit) if columns else []
                return {**there, "columns": columns, "rows": [list(row) for row in rows], "tables": {}}
    finally:
        steps.stop()


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
