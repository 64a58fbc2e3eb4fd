"""``dltpod report``: one HTML page of what ran."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

import click

from launcher.commands import common

_RUNS = 2000


@click.command("report")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="The file, or - for standard output. Default: .dltpod/report.html.",
)
@common.with_project
def command(project: common.Project, output: Path | None) -> None:
    """Write one self-contained HTML page: status by source, durations and rows over time, failures."""
    from launcher.report.page import page

    runs = common.history_of(project).runs(limit=_RUNS)
    text = page(project.name, project.sources, runs, datetime.now(timezone.utc))
    if output is not None and str(output) == "-":
        click.echo(text, nl=False)
        return
    target = output or project.private / "report.html"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text, encoding="utf-8")
    click.echo(target)
