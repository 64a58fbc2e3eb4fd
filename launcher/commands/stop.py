"""``dltpod stop``: end running sources, gently."""

from __future__ import annotations

import contextlib

import click

from launcher.commands import common
from launcher.errors import ConfigurationError, Exit
from launcher.runs.history import HistoryError


@click.command("stop")
@common.with_names
@click.option("--all", "everything", is_flag=True, help="All running sources.")
@click.option(
    "--grace",
    type=common.Number(0, kind=float),
    metavar="SECONDS",
    default=20.0,
    show_default=True,
    help="Seconds until a source that doesn't end is killed.",
)
@common.with_engine
@common.with_project
def command(
    project: common.Project, names: tuple[str, ...], everything: bool, grace: float, engine: str
) -> Exit:
    """Stop running sources gently: a run finishes the step it can't interrupt, then ends."""
    history = common.history_of(project)
    if bool(names) == everything:
        raise ConfigurationError("name the sources to stop, or --all", "`dltpod ps` shows what runs")
    common.check_known(project, names)
    connected = common.engine_for(engine, project)
    running = {run.source: run.run_id for run in connected.running(project.name) if run.runs}
    missing = False
    if not names and not running:
        click.echo("nothing runs", err=True)
    for name in names or tuple(running):
        if name in running:
            # Who may stop the container but not write here stops it all the same.
            with contextlib.suppress(OSError, HistoryError):
                history.ask_to_stop(running[name])
        stopped = connected.stop(project.name, name, grace=grace)
        click.echo(f"{name}: {'stopped, run ' + stopped.run_id if stopped else 'does not run'}")
        missing = missing or stopped is None
    return Exit.FAILED if missing and names else Exit.OK
