"""What processes of their own do: a job that may be killed, or what dlt does alone.

It imports nothing that ``preload`` doesn't, so that a fork of it begins at once.
"""

from __future__ import annotations

import importlib
import os
import sys
import typing
from pathlib import Path

import dlt
import duckdb
from dlt.common.configuration.container import Container

from runner.contract import JobSpec
from runner.explain.classify import JobFailed, StepError, classify
from runner.load import pipeline
from runner.load.progress import Steps
from tests.pipeline import kills, sources

EACH = "each"


def main(
    job: JobSpec, state: Path, kill: str, table: str, environment: dict[str, str], answer: typing.Any
) -> None:
    """Runs the job with a kill in place and sends its result, or failure and notes, to ``answer``.

    For the kill EACH, ``answer`` is also told of each point that it comes to (``kills.stop_at_each``).
    """
    os.environ.update(environment)
    if kill == EACH:
        kills.stop_at_each(table, answer)
    else:
        kills.install(kill, table)
    make = getattr(sources, job.function)
    try:
        answer.send(pipeline.run(job, lambda: make(**job.kwargs), Steps(), state=state))
    except (JobFailed, StepError) as exc:
        answer.send(classify(exc))


def plain(
    project: str, module: str, runs: int, database: str, environment: dict[str, str], answer: typing.Any
) -> None:
    """What people do without dltpod in a project's folder: so many runs into a DuckDB file.

    Sends an error's text to ``answer``, or an empty one.
    """
    os.environ.update(environment)
    os.environ.pop("DLT_CONFIG_FOLDER", None)
    os.chdir(project)
    sys.path.append(f"{project}/custom_sources")
    Container._INSTANCE = None  # made when dlt was imported, elsewhere
    # dlt opens the file for each look and each job: that is fast where it is open
    held = duckdb.connect(database)
    try:
        for run in range(1, runs + 1):
            pipeline = dlt.pipeline(
                "shop", destination=dlt.destinations.duckdb(database), dataset_name="raw_shop"
            )
            made = importlib.import_module(module).load(run=run)
            pipeline.run(list(made) if isinstance(made, tuple) else made)
        held.close()
        answer.send("")
    except Exception as exc:  # noqa: BLE001 the test shows it
        answer.send(f"{type(exc).__name__}: {exc}")
