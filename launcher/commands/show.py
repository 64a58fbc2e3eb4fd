"""``dltpod show``: the rows that a source has loaded, read by the driver in its own image."""

from __future__ import annotations

import os
from pathlib import Path

import click

from launcher.commands import common
from launcher.console.text import cells, number, table
from launcher.errors import DltpodError, did_you_mean
from runner.contract import DATA_DIR


@click.command("show")
@click.argument("name", shell_complete=common.complete_names)
@click.argument("table_name", metavar="[TABLE]", required=False)
@click.option("--sql", help="A query to run in the source's dataset.")
@click.option(
    "-n",
    "--limit",
    type=common.Number(),
    default=10,
    show_default=True,
    help="How many rows to show.",
)
@common.with_json
@common.with_project
def command(
    project: common.Project, name: str, table_name: str | None, sql: str | None, limit: int, as_json: bool
) -> None:
    """Show what a source has loaded: its tables, the rows of one TABLE, or the result of a query.

    The query runs in the source's own image, so this machine needs no database client.
    """
    from launcher.engines.docker.inspect import ask

    (source,) = common.choose(project, (name,))
    try:
        engine, plan = common.inspection_plan(project, source, build=_may_have_loaded(project, source))
    except common.NotBuilt:
        raise _nothing(name, f"; if another machine has, run `dltpod build {name}` first") from None
    answer = ask(engine, plan, "show", {"table": table_name, "sql": sql, "limit": limit})
    if "error" in answer:
        asked = table_name is not None or sql is not None
        tables = f"`dltpod show {name}` lists its tables"
        hint = tables if asked else "is the destination up, and are its address and credentials right?"
        raise DltpodError(f"{name}: {answer['error']}", hint)
    if "missing" in answer:
        missing = str(answer["missing"])
        raise DltpodError(
            f"{name} has no table '{missing}'{did_you_mean(missing, answer['tables'])}",
            f"`dltpod show {name}` lists its tables",
        )
    if as_json:
        found = [dict(zip(answer["columns"], row, strict=True)) for row in answer["rows"]]
        common.echo_json(answer["tables"] if table_name is None and sql is None else found)
    elif table_name is None and sql is None:
        if not answer["tables"]:
            raise _nothing(name)
        counts = [[t, "?" if n is None else number(n)] for t, n in answer["tables"].items()]
        click.echo(table(["table", "rows"], counts, right=[1]))
        for name, why in answer["unreadable"].items():
            click.echo(f"warning: {name} can't be read: {why}", err=True)
        click.echo(f"\nin {plan.job.destination.shown}, dataset {answer['dataset']}", err=True)
    else:
        click.echo(table(answer["columns"], [cells(row) for row in answer["rows"]], whole=True))


def _may_have_loaded(project: common.Project, source: common.Source) -> bool:
    """Whether there may be rows, as far as is known without the source's image.

    Raises DltpodError where the file that would hold them isn't there.
    """
    from launcher.runs.history import OK, HistoryError
    from launcher.secrets.gather import drivers_for, read_environment

    environ = read_environment(project, os.environ)
    file = drivers_for(project, source, environ).destination.file
    if file is not None and not (project.data / Path(file).relative_to(DATA_DIR)).exists():
        raise _nothing(source.name)
    try:
        runs = common.history_of(project).runs(source.name, limit=None)
    except (HistoryError, OSError):
        return True
    if any(r.action == "sync" and r.limit is None and (r.status == OK or r.load_ids) for r in runs):
        return True
    if file is None:
        click.echo(
            f"{source.name} has loaded nothing from this machine; asking whether another one has", err=True
        )
    return file is None


def _nothing(name: str, more: str = "") -> DltpodError:
    return DltpodError(f"{name} has loaded nothing yet", f"`dltpod sync {name}` loads it{more}")
