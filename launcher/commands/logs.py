"""``dltpod logs``: the log of a run, masked as it was written."""

from __future__ import annotations

import time
from pathlib import Path

import click

from launcher.commands.common import engine_for, known_name, load_project, with_engine, with_file
from launcher.console.text import safe
from launcher.engines.protocol import Adopts
from launcher.errors import DltpodError
from launcher.history import RUNNING, History

_POLL_SECONDS = 0.2


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
    with file.open(encoding="utf-8", errors="replace") as lines:
        while True:
            for line in lines:
                _print(line)
            if not follow:
                return
            current = history.run(record.run_id)
            if current is None or current.status != RUNNING:
                follow = False  # one last look: it may have written since
                continue
            time.sleep(_POLL_SECONDS)


def _print(line: str) -> None:
    click.echo(safe(line.rstrip("\n")))
