"""Runs one job in a process of its own, so that it may be killed."""

from __future__ import annotations

import os
import typing
from pathlib import Path

from runner.contract import JobSpec
from runner.explain.classify import JobFailed, StepError, classify
from runner.load import pipeline
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
        answer.send(pipeline.run(job, lambda: make(**job.kwargs), lambda _kind, _fields: None, state=state))
    except (JobFailed, StepError) as exc:
        answer.send(classify(exc))
