"""``dltpod report``: one HTML page of what ran."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

import click

from launcher.commands.common import history_of, load_project, with_file

_RUNS = 2000


@click.command("report")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="The file, or - for standard output. Default: .dltpod/report.html.",
)
@with_file
@click.pass_context
def command(ctx: click.Context, output: Path | None) -> None:
    """Write one self-contained HTML page: status by source, durations and rows over time, failures."""
    from launcher.report.page import ReportSource, page

    project = load_project(ctx)
    sources = [ReportSource(s.name, s.description, s.enabled, s.schedule) for s in project.sources]
    runs = history_of(project).runs(limit=_RUNS)
    text = page(project.name, sources, runs, datetime.now(timezone.utc))
    if output is not None and str(output) == "-":
        click.echo(text, nl=False)
        return
    target = output or project.private / "report.html"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text, encoding="utf-8")
    click.echo(target)
