"""The first rows of a source as they would be loaded: extracted and normalized in scratch space only."""

from __future__ import annotations

import dataclasses
import itertools
import typing
from collections.abc import Mapping

from runner.contract import Destination, JobSpec
from runner.load import compat, pipeline
from runner.load.recover import packages
from runner.resolve import source
from runner.supervise.job_input import Paths
from runner.work import process


def preview(
    job: JobSpec, paths: Paths, values: Mapping[str, typing.Any], *, resource: str | None, rows: int
) -> dict[str, typing.Any]:
    """``previews``: by table, ``columns`` (name and type) and the first ``rows`` rows.

    Neither destination nor state is touched: every cursor begins at its initial value. ``resource`` is the
    only one that is read; None for those that a sync would read. Raises what a run would raise.
    """
    chosen = (resource,) if resource else job.resources
    scratch = paths.scratch / "preview"
    there = Destination("filesystem", file=str(scratch))
    job = dataclasses.replace(
        job,
        resources=chosen,
        limit=rows,
        full_refresh=False,
        destination=there,
        loader_file_format="jsonl",
    )
    process.prepare(job, paths)
    session = pipeline.sample(job, source.prepare(job, paths, values), state=scratch)
    _, store = compat.storages(session.pipeline)
    found: dict[str, dict[str, typing.Any]] = {}
    for load_id in session.pipeline.list_normalized_load_packages():
        schema = store.load_schema(load_id)
        for file in packages.files_of(compat.package_folder(store, load_id)):
            table = packages.table_of(file.name)
            if table in schema.dlt_table_names():
                continue
            columns = schema.get_table_columns(table)
            names = [name for name in columns if not name.startswith("_dlt")]
            kept = found.setdefault(
                table,
                {"columns": [[name, str(columns[name].get("data_type", ""))] for name in names], "rows": []},
            )
            with file.open("rb") as stream:
                more = itertools.islice(packages.rows_of(stream, file.name), rows - len(kept["rows"]))
                kept["rows"] += [[row.get(name) for name in names] for row in more]
    return {"previews": found}
