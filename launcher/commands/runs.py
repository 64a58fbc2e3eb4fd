"""``dltpod runs``: past runs and their results."""

from __future__ import annotations

from collections.abc import Sequence

import click

from launcher.commands import common
from launcher.config.units import size
from launcher.console.text import ago, columns, cut, number, seconds, table
from launcher.runs.history import FAILED, INTERRUPTED, RUNNING, STOPPED, RunRecord


@click.command("runs")
@click.argument("name", required=False, shell_complete=common.complete_names)
@click.option(
    "-n", "--number", "count", type=common.Number(), help="How many runs. Default: 20, or all with --since."
)
@click.option("--since", metavar="WHEN", help="Only runs that started since: 24h, 7d, or a date or time.")
@click.option("--failed", is_flag=True, help="Only failed or interrupted runs.")
@common.with_engine
@common.with_json
@common.with_project
def command(
    project: common.Project,
    name: str | None,
    count: int | None,
    since: str | None,
    failed: bool,
    engine: str,
    as_json: bool,
) -> None:
    """List past runs and their results, newest first."""
    if name is not None:
        common.check_known(project, [name])
    history = common.history_of(project)
    asked = None if engine == "docker" else common.engine_for(engine, project)
    if asked is not None:
        from launcher.runs.interrupted import collect_ends, record_own_runs, still_running

        record_own_runs(asked, project, history)
    records = history.runs(
        name,
        limit=count or (20 if since is None else None),
        statuses=(FAILED, INTERRUPTED) if failed else (),
        since="" if since is None else common.moment("--since", since),
    )
    if asked is not None:
        learnt = {record.run_id: record for record in collect_ends(asked, project.name, history)}
        records = still_running(asked, project.name, [learnt.get(r.run_id, r) for r in records])
    if as_json:
        from launcher.console.stream import plain

        common.echo_json([plain(record) for record in records])
        return
    if not records:
        click.echo("nothing ran yet" if since is None and not failed else "no such run", err=True)
        return
    click.echo(screen(records, columns()))


_HEADER = ("run", "source", "status", "kind", "rows", "time", "memory", "started", "why")
_RIGHT = (4, 5, 6)
_DROPPED = (6, 5, 4, 3, 7)
"""Columns that a narrow terminal has no room for, the least useful first."""
_WHY, _LEAST_WHY = 60, 30
"""The most and the least characters of a reason that stand in the table."""


def screen(records: Sequence[RunRecord], width: int | None) -> str:
    """The table. Where a terminal is too narrow for the reasons, each stands below its run."""
    rows = [_row(record) for record in records]
    bare = table(_HEADER[:-1], [row[:-1] for row in rows], right=_RIGHT).splitlines()
    room = _WHY if width is None else width - max(map(len, bare)) - 2
    if room >= _LEAST_WHY:
        return table(_HEADER, [[*row[:-1], cut(row[-1], min(room, _WHY))] for row in rows], right=_RIGHT)
    lines = table(_HEADER[:-1], [row[:-1] for row in rows], right=_RIGHT, width=width, drop=_DROPPED)
    head, *shown = lines.splitlines()
    out = [head]
    for line, row in zip(shown, rows, strict=True):
        reason = ": ".join(filter(None, (row[3] if "kind" not in head.split() else "", row[-1])))
        out += [line, *([cut(f"    {reason}", width)] if row[-1] else [])]
    return "\n".join(out)


def _row(record: RunRecord) -> list[str]:
    why = record.message.strip().splitlines()[0] if record.message.strip() else ""
    # What was repaired or finished of a run that was cut off before.
    why = why or next((note for note in record.notes if "an earlier run" in note), "")
    why = ": ".join(filter(None, (str(record.interval) if record.interval else "", why)))
    status = record.status if record.action == "sync" else f"{record.action}: {record.status}"
    return [
        record.run_id,
        record.source,
        status,
        "" if record.status in (INTERRUPTED, STOPPED) else record.kind,
        number(record.total_rows) if record.status == "ok" and record.action == "sync" else "",
        seconds(record.seconds) if record.status != RUNNING else "",
        size(record.peak_memory),
        ago(record.started),
        why,
    ]
