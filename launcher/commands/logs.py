"""``dltpod logs``: the log of a run, masked as it was written."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import click

from launcher.commands import common
from launcher.engines.protocol import KeepsJobs
from launcher.errors import DltpodError
from launcher.runs import log_files
from launcher.runs.history import FAILED, INTERRUPTED, RUNNING, History, RunRecord, failing
from launcher.untrusted import clean


@click.command("logs")
@click.argument("name", required=False, shell_complete=common.complete_names)
@click.option(
    "--run", "run_id", metavar="ID", help="The run's id, or the beginning of it. Default: the last run."
)
@click.option(
    "--failed",
    is_flag=True,
    help="The last failed run of NAME. Without NAME: every source whose last run failed.",
)
@click.option("--follow", is_flag=True, help="Keep printing until the run ends.")
@common.with_engine
@common.with_project
def command(
    project: common.Project, name: str | None, run_id: str | None, failed: bool, follow: bool, engine: str
) -> None:
    """Show the log of a run."""
    if failed and (run_id is not None or follow):
        raise click.UsageError("--failed can't be combined with --run or --follow")
    if name is None and not failed:
        raise click.UsageError("name a source, or use --failed")
    if name is not None:
        common.check_known(project, [name])
        if not failed:
            return _show(project, name, run_id, engine, follow=follow)
    for record in _failed(project, name):
        about = record.message.strip().splitlines()
        click.echo(f"{record.source}, run {record.run_id}: {about[0] if about else record.status}", err=True)
        if _has_log(record) or engine != "docker":
            _show(project, record.source, record.run_id, engine)
        else:
            click.echo("no log: it ended before its container started", err=True)


def _failed(project: common.Project, name: str | None) -> Iterable[RunRecord]:
    """The last failed run of one source; of all sources, those whose last run is one."""
    history = common.history_of(project)
    if name is None:
        found = failing(history, [source.name for source in project.sources])
        if not found:
            click.echo("no source's last run failed", err=True)
        return found.values()
    runs = history.runs(name, limit=1, statuses=(FAILED, INTERRUPTED))
    if not runs:
        raise DltpodError(f"no run of {name} has failed", f"`dltpod runs {name}` lists its runs")
    return runs


def _show(
    project: common.Project, name: str, run_id: str | None, engine: str, *, follow: bool = False
) -> None:
    """Print the log of a run; without an id, of the last one."""
    if engine != "docker":
        held = common.engine_for(engine, project)
        if isinstance(held, KeepsJobs) and held.logs(project.name, name, run_id, _print, follow=follow):
            return
    history = common.history_of(project)
    if run_id is not None:
        record = history.run(run_id)
        if record is None or record.source != name:
            raise DltpodError(f"{name} has no run '{run_id}'", f"`dltpod runs {name}` lists its runs")
    else:
        record = _last(history, name)
    if not _has_log(record):
        raise DltpodError(
            f"run {record.run_id} of {name} has no log: it ended before its container started",
            f"`dltpod runs {name}` says why",
        )

    def going() -> bool:
        if not follow:
            return False
        # A launcher that was killed can't say that its run is over.
        current = common.history_of(project).run(record.run_id)
        return current is not None and current.status == RUNNING

    empty = True
    for line in log_files.lines(Path(record.log_file), going):
        empty = False
        _print(line.decode("utf-8", "replace"))
    if empty:
        click.echo(f"the log of {record.run_id} is empty: the source printed nothing", err=True)


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
