"""``dltpod logs``: the log of a run, masked as it was written."""

from __future__ import annotations

from pathlib import Path

import click

from launcher.commands.common import check_known, engine_for, history_of, load_project, with_engine, with_file
from launcher.engines.protocol import Adopts
from launcher.errors import DltpodError
from launcher.runs import log_files
from launcher.runs.history import RUNNING, History, RunRecord
from launcher.untrusted import clean


@click.command("logs")
@click.argument("name")
@click.option(
    "--run", "run_id", metavar="ID", help="Of this run (its id, or the beginning of it); default the last."
)
@click.option("--follow", is_flag=True, help="Go on while the run writes.")
@with_engine
@with_file
@click.pass_context
def command(ctx: click.Context, name: str, run_id: str | None, follow: bool, engine: str) -> None:
    """The log of a run of a source."""
    project = load_project(ctx)
    check_known(project, [name])
    if engine != "docker":
        held = engine_for(engine, project)
        if isinstance(held, Adopts) and held.logs(project.name, name, run_id, _print, follow=follow):
            return
    history = history_of(project)
    if run_id is not None:
        record = history.run(run_id)
        if record is None or record.source != name:
            raise DltpodError(f"{name} has no run '{run_id}'", f"`dltpod runs {name}` lists its runs")
    else:
        record = _last(history, name)
    if not _has_log(record):
        raise DltpodError(f"run {record.run_id} of {name} has no log: it ended before its container started")

    def going() -> bool:
        if not follow:
            return False
        # A launcher that was killed can't say that its run is over.
        current = history_of(project).run(record.run_id)
        return current is not None and current.status == RUNNING

    for line in log_files.lines(Path(record.log_file), going):
        _print(line.decode("utf-8", "replace"))


def _last(history: History, name: str) -> RunRecord:
    """The run that is meant without an id: the sync that runs, else the last one with a log.

    One that waits for another, or ended before its container started, has none.
    """
    newest = history.runs(name, limit=log_files.KEEP_RUNS)
    if not newest:
        raise DltpodError(f"{name} has not run yet", f"`dltpod sync {name}` runs it")
    running = (r for r in history.runs(name, statuses=(RUNNING,), limit=None) if r.action == "sync")
    return next((r for r in (*running, *newest) if _has_log(r)), newest[0])


def _has_log(record: RunRecord) -> bool:
    return bool(record.log_file) and Path(record.log_file).exists()


def _print(line: str) -> None:
    for part in clean.shown(line.rstrip("\n")):
        click.echo(part)
