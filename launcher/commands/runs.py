"""``dltpod runs``: past runs and their results."""

from __future__ import annotations

import click

from launcher.commands.common import (
    check_known,
    complete_names,
    echo_json,
    engine_for,
    history_of,
    load_project,
    moment,
    with_engine,
    with_file,
    with_json,
)
from launcher.console.text import ago, number, seconds, size, table
from launcher.runs.history import FAILED, INTERRUPTED, RUNNING, RunRecord


@click.command("runs")
@click.argument("name", required=False, shell_complete=complete_names)
@click.option(
    "-n", "--number", "count", type=click.IntRange(1), help="How many runs. Default: 20, or all with --since."
)
@click.option("--since", metavar="WHEN", help="Only runs that started since: 24h, 7d, or a date or time.")
@click.option("--failed", is_flag=True, help="Only failed or interrupted runs.")
@with_engine
@with_json
@with_file
@click.pass_context
def command(
    ctx: click.Context,
    name: str | None,
    count: int | None,
    since: str | None,
    failed: bool,
    engine: str,
    as_json: bool,
) -> None:
    """List past runs and their results, newest first."""
    project = load_project(ctx)
    if name is not None:
        check_known(project, [name])
    history = history_of(project)
    records = history.runs(
        name,
        limit=count or (20 if since is None else None),
        statuses=(FAILED, INTERRUPTED) if failed else (),
        since="" if since is None else moment("--since", since),
    )
    if engine != "docker":
        from launcher.runs.interrupted import collect_ends, going_on

        asked = engine_for(engine, project)
        learnt = {record.run_id: record for record in collect_ends(asked, project.name, history)}
        records = going_on(asked, project.name, [learnt.get(r.run_id, r) for r in records])
    if as_json:
        from launcher.console.stream import plain

        echo_json([plain(record) for record in records])
        return
    if not records:
        click.echo("nothing ran yet" if since is None and not failed else "no such run", err=True)
        return
    header = ["run", "source", "status", "rows", "time", "memory", "started", "why"]
    click.echo(table(header, [_row(r) for r in records], right=[3, 4, 5]))


def _row(record: RunRecord) -> list[str]:
    why = record.message.strip().splitlines()[0] if record.message.strip() else ""
    kind = record.failure_kind.value.replace("_", " ") if record.failure_kind else record.status
    if record.status == INTERRUPTED and record.engine != "docker":
        kind = INTERRUPTED  # its dltpod was killed, which says nothing of a job elsewhere
    if record.action != "sync":
        kind = f"{record.action}: {kind}"
    return [
        record.run_id,
        record.source,
        kind,
        number(record.total_rows) if record.status == "ok" and record.action == "sync" else "",
        seconds(record.seconds) if record.status != RUNNING else "",
        size(record.peak_memory),
        ago(record.started),
        why if len(why) <= 60 else why[:59] + "…",
    ]
