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
    help="Also log in to source and destination from the container: read there, write and drop one row here.",
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
    from launcher.check.all_rows import file_rows, joined, ready_for_container, repository_of
    from launcher.check.code import Level
    from launcher.check.verdicts import ADDED, worst

    if (deep or connect) and no_secrets:
        raise click.UsageError(
            "--deep and --connect read the secrets in the container, so neither goes with --no-secrets"
        )
    sources = common.choose_or_all(project, names, tags=tags, everything=everything)
    verified = repository_of(project, os.environ, common.say)
    rows = file_rows(project, sources, os.environ, verified, with_secrets=not no_secrets)
    interrupted: Exit | None = None
    if (deep or connect) and (hopeful := ready_for_container(sources, rows)):
        from launcher.console.views import watching
        from launcher.plan.options import SyncOptions
        from launcher.runs.listeners import Listener
        from launcher.runs.sync import sync

        options = SyncOptions(action="connect" if connect else "check", jobs=jobs, engine=engine)
        shown: contextlib.AbstractContextManager[Listener] = contextlib.nullcontext(Listener())
        if not as_json:
            shown = watching([source.name for source in hopeful])
        with common.logged(project), shown as view:
            outcome = sync(project, hopeful, options, view, verified=verified)
        rows = joined(rows, outcome.records)
        if outcome.exit_code in (Exit.INTERRUPTED, Exit.TERMINATED):
            interrupted = outcome.exit_code
    verdict = worst(rows)
    if as_json:
        common.echo_json([dataclasses.asdict(row) for row in rows])
    else:
        always = (ADDED, *(_CONNECTED if connect else ()))
        _print(rows, [source.name for source in sources], verbose=verbose, always=always)
    return interrupted or (Exit.USAGE if verdict is Level.WRONG else Exit.OK)


def _print(rows: Sequence[Row], names: Sequence[str], *, verbose: bool, always: Sequence[str] = ()) -> None:
    """A line for each source, and below it what is wrong or worth knowing, or named in ``always``."""
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
            lines = [(head, line) for line in row.text.splitlines()[:1] or [""]]
            lines += [(indent, line) for line in (*row.text.splitlines()[1:], *row.hint.splitlines())]
            for first, line in lines:
                for part in folded(line, columns(), first=first, then=indent):
                    click.echo(part.rstrip())
