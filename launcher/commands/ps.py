"""``dltpod ps``: what the engine holds."""

from __future__ import annotations

import dataclasses

import click

from launcher.commands import common
from launcher.config.units import size
from launcher.console.text import ago, table
from launcher.engines.protocol import Running


@click.command("ps")
@common.with_engine
@common.with_json
@common.with_project
def command(project: common.Project, engine: str, as_json: bool) -> None:
    """List this project's containers: running, paused, or left behind by a dltpod that was killed."""
    found = common.engine_for(engine, project).running(project.name)
    if as_json:
        common.echo_json([dataclasses.asdict(running) for running in found])
        return
    if found:
        rows = [[r.source, _state(r), r.run_id, r.container, ago(r.started), size(r.memory)] for r in found]
        click.echo(table(["source", "state", "run", "container", "started", "memory"], rows, right=[5]))
    if not any(row.role == "run" for row in found):
        click.echo("nothing runs", err=True)


def _state(row: Running) -> str:
    words = [row.state, *([row.role] if row.role != "run" else []), *(["left behind"] if row.left else [])]
    return ", ".join(words)
