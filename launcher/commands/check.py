"""``dltpod check``: check sources without running them."""

from __future__ import annotations

import contextlib
import dataclasses
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from launcher.commands import common
from launcher.console.text import columns, folded, style
from launcher.errors import Exit

if TYPE_CHECKING:
    from launcher.check.code import Row

_CONNECTED = ("source", "destination")
"""Verdicts that ``--connect`` is asked for."""
_BEFORE = 14
"""Columns before what a row is about."""
_COLOURS = {"ok": "ok", "note": "warn", "wrong": "failed"}


@click.command("check")
@common.with_sources
@click.option(
    "--deep",
    is_flag=True,
    help="Also import each source in its container, and check its signature and secrets.",
)
@click.option(
    "--connect",
    is_flag=True,
    help="Also log in from the container: read from the source, write and drop one row at the destination.",
)
@click.option(
    "--no-secrets",
    is_flag=True,
    help="Don't require values of secrets and env: names. For CI jobs that have none.",
)
@common.with_jobs("sources to check with --deep")
@click.option("--verbose", is_flag=True, help="Show passed checks, too.")
@common.with_engine
@common.with_json
@common.with_project
def command(
    project: common.Project,
    names: tuple[str, ...],
    everything: bool,
    tags: tuple[str, ...],
    deep: bool,
    connect: bool,
    no_secrets: bool,
    jobs: int,
    verbose: bool,
    engine: str,
    as_json: bool,
) -> Exit:
    """Check the named sources. Default: all enabled sources.

    Checks module, function, arguments, environment, destination and secrets. Extracts and loads nothing.

    The exit code is 2 if something is `wrong`.
    """
    from launcher.check.all_rows import file_rows, joined, ready_for_container
    from launcher.check.code import Level
    from launcher.check.verdicts import ADDED, worst

    if (deep or connect) and no_secrets:
        raise click.UsageError(
            "--deep and --connect read the secrets in the container, so neither goes with --no-secrets"
        )
    sources = common.choose_or_all(project, names, tags=tags, everything=everything)
    rows = file_rows(project, sources, os.environ, common.say, with_secrets=not no_secrets)
    ended = Exit.OK
    if (deep or connect) and (hopeful := ready_for_container(sources, rows)):
        from launcher.console.views import watching
        from launcher.plan.options import SyncOptions
        from launcher.runs.sync import sync

        options = SyncOptions(action="connect" if connect else "check", jobs=jobs, engine=engine)
        with common.logged(project), contextlib.ExitStack() as stack:
            names_shown = [source.name for source in hopeful]
            views = [] if as_json else [stack.enter_context(watching(names_shown))]
            outcome = sync(project, hopeful, options, *views)
        rows = joined(rows, outcome.records)
        ended = outcome.exit_code
    if as_json:
        common.echo_json([dataclasses.asdict(row) for row in rows])
    else:
        always = (ADDED, *(_CONNECTED if connect else ()))
        _print(rows, [source.name for source in sources], verbose=verbose, always=always)
    if ended in (Exit.INTERRUPTED, Exit.TERMINATED):
        return ended
    return Exit.USAGE if worst(rows) is Level.WRONG else Exit.OK


def _print(rows: Sequence[Row], names: Sequence[str], *, verbose: bool, always: Sequence[str] = ()) -> None:
    """Print a line for each source, and below it its rows: those that are not ok, or all if ``verbose``.

    Rows about a word of ``always`` are printed in any case.
    """
    from launcher.check.code import Level
    from launcher.check.verdicts import worst

    by_source: dict[str, list[Row]] = {}
    for row in rows:
        by_source.setdefault(row.source, []).append(row)
    for name in ("", *names):
        own = by_source.get(name)
        if not own or (name == "" and worst(own) is Level.OK and not verbose):
            continue
        level = worst(own)
        click.echo(
            f"{style(level.value.ljust(5), _COLOURS[level.value])}  {style(name or 'project', 'bold')}"
        )
        shown = [row for row in own if verbose or row.level is not Level.OK or row.what in always]
        indent = " " * (_BEFORE + max((len(row.what) for row in shown), default=0) + 2)
        for row in shown:
            head = f"       {row.level.value:<7}{row.what}".ljust(len(indent))
            text, *more = (*(row.text.splitlines() or [""]), *row.hint.splitlines())
            for first, line in ((head, text), *((indent, line) for line in more)):
                for part in folded(line, columns(), first=first, then=indent):
                    click.echo(part.rstrip())
