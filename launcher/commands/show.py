"""``dltpod show``: look at what a source has loaded, with the driver of its own image."""

from __future__ import annotations

from typing import Any

import click

from launcher.commands.common import echo_json, load_project, with_file, with_json
from launcher.console.text import number, table
from launcher.errors import DltpodError, near_miss
from launcher.untrusted import clean

_WIDEST = 40
"""Characters of a value that the table shows; --json shows all."""


@click.command("show")
@click.argument("name")
@click.argument("table_name", metavar="[TABLE]", required=False)
@click.option("--sql", help="A query instead; tables stand in the source's dataset.")
@click.option(
    "-n", "--limit", type=click.IntRange(1), default=10, show_default=True, help="So many rows at most."
)
@with_json
@with_file
@click.pass_context
def command(
    ctx: click.Context, name: str, table_name: str | None, sql: str | None, limit: int, as_json: bool
) -> None:
    """Look at the rows that a source has loaded: its tables, a table, or a query.

    It runs in the source's own image, so no database client is needed here.
    """
    from launcher.commands.containers import plan_visit
    from launcher.engines.docker.inspect import show

    engine, plan = plan_visit(load_project(ctx), name)
    answer = show(engine, plan, {"table": table_name, "sql": sql, "limit": limit})
    if "error" in answer:
        asked = table_name is not None or sql is not None
        tables = f"`dltpod show {name}` lists its tables"
        hint = tables if asked else "is the destination up, and are its address and credentials right?"
        raise DltpodError(f"{name}: {answer['error']}", hint)
    if "missing" in answer:
        missing = str(answer["missing"])
        raise DltpodError(
            f"{name} has no table '{missing}'{near_miss(missing, answer['tables'])}",
            f"`dltpod show {name}` lists its tables",
        )
    if as_json:
        found = [dict(zip(answer["columns"], row, strict=True)) for row in answer["rows"]]
        echo_json(answer["tables"] if table_name is None and sql is None else found)
    elif table_name is None and sql is None:
        if not answer["tables"]:
            raise DltpodError(f"{name} has loaded nothing yet", f"`dltpod sync {name}` loads it")
        counts = [[t, "?" if n is None else number(n)] for t, n in answer["tables"].items()]
        click.echo(table(["table", "rows"], counts, right=[1]))
        for name, why in answer["unreadable"].items():
            click.echo(f"warning: {name} can't be read: {why}", err=True)
        click.echo(f"\nin {plan.job.destination.shown}, dataset {answer['dataset']}", err=True)
    else:
        rows = [[_cell(value) for value in row] for row in answer["rows"]]
        click.echo(table(answer["columns"], rows, whole=True))


def _cell(value: Any) -> str:
    text = "" if value is None else clean.words(str(value), _WIDEST)
    return text
