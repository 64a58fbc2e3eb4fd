"""``dltpod logs``: the log of a run, masked as it was written."""

from __future__ import annotations

from pathlib import Path

import click

from launcher import logfiles
from launcher.commands.common import engine_for, known_name, load_project, with_engine, with_file
from launcher.console.text import safe
from launcher.engines.protocol import Adopts
from launcher.errors import DltpodError
from launcher.history import RUNNING, History


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
    known_name(project, name)
    if engine != "docker":
        held = engine_for(engine, project)
        if isinstance(held, Adopts) and held.logs(project.name, name, run_id, _print, follow=follow):
            return
    history = History(project.private)
    if run_id is not None:
        record = history.run(run_id)
        if record is None or record.source != name:
            raise DltpodError(f"{name} has no run '{run_id}'", f"`dltpod runs {name}` lists its runs")
    else:
        records = history.runs(name, limit=1)
        if not records:
            raise DltpodError(f"{name} has not run yet", f"`dltpod sync {name}` runs it")
        record = records[0]
    file = Path(record.log_file)
    if not record.log_file or not file.exists():
        raise DltpodError(f"run {record.run_id} of {name} has no log: it ended before its container started")

    def going() -> bool:
        current = history.run(record.run_id) if follow else None
        return current is not None and current.status == RUNNING

    for line in logfiles.lines(file, going):
        _print(line.decode("utf-8", "replace"))


def _print(line: str) -> None:
    click.echo(safe(line.rstrip("\n")))
