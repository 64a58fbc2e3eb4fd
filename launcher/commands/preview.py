"""``dltpod preview``: the first rows of a source, loaded nowhere."""

from __future__ import annotations

from typing import Any

import click

from launcher.commands import common
from launcher.console.text import cells, columns, cut, joined, style, table
from launcher.errors import DltpodError, counted


@click.command("preview")
@click.argument("name", shell_complete=common.complete_names)
@click.option("--resource", metavar="NAME", help="Only this resource.")
@click.option(
    "-n",
    "--rows",
    type=common.Number(most=1000),
    default=10,
    show_default=True,
    help="How many rows of each table to show, up to 1000.",
)
@common.with_json
@common.with_project
def command(project: common.Project, name: str, resource: str | None, rows: int, as_json: bool) -> None:
    """Show a source's first rows and the columns that its tables would have. Loads nothing.

    It runs in the source's container, as a sync would. Cursors begin at their initial values.
    """
    from launcher.engines.docker.inspect import ask

    (source,) = common.choose(project, (name,))
    engine, plan = common.inspection_plan(project, source)
    answer = ask(engine, plan, "preview", {"resource": resource, "rows": rows})
    if "error" in answer:
        raise DltpodError(f"{name}: {answer['error']}", answer["hint"])
    if as_json:
        common.echo_json({table: _plain(found) for table, found in answer["previews"].items()})
        return
    if not answer["previews"]:
        click.echo(f"{name} yields no rows", err=True)
    for at, (table_name, found) in enumerate(answer["previews"].items()):
        click.echo(("\n" if at else "") + screen(table_name, found, columns()))


def _plain(found: dict[str, Any]) -> dict[str, Any]:
    names = [name for name, _ in found["columns"]]
    return {
        "columns": dict(found["columns"]),
        "rows": [dict(zip(names, row, strict=True)) for row in found["rows"]],
    }


def screen(name: str, found: dict[str, Any], width: int | None) -> str:
    """A table's name, its columns with their types, and its rows, each line cut at the terminal's edge."""
    rows = [cells(row) for row in found["rows"]]
    what = f"{counted(len(rows), 'row')}, {counted(len(found['columns']), 'column')}"
    lines = [f"{style(name, 'bold')}  {what}"]
    lines += joined([f"{column} {kind}" for column, kind in found["columns"]], width, first="    ")
    if rows and found["columns"]:
        text = table([column for column, _ in found["columns"]], rows, whole=True, indent=4)
        lines += ["", *(cut(line, width) for line in text.splitlines())]
    return "\n".join(lines)
