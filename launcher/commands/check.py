"""``dltpod check``: check sources without running them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from launcher.commands.common import (
    choose_or_all,
    echo_json,
    load_project,
    logged,
    repository,
    with_engine,
    with_file,
    with_jobs,
    with_json,
    with_sources,
)
from launcher.console.text import style
from launcher.errors import DltpodError, Exit

if TYPE_CHECKING:
    from launcher.check.code import Row
    from launcher.config.models import Project, Source
    from launcher.plan.options import SyncOptions
    from launcher.runs.history import RunRecord

_CONNECTED = ("source", "destination")
"""Verdicts that ``--connect`` is asked for."""
_COLOURS = {"ok": "ok", "note": "warn", "wrong": "failed"}


@click.command("check")
@with_sources
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
@with_jobs("sources to check with --deep")
@click.option("--verbose", is_flag=True, help="Show passed checks, too.")
@with_engine
@with_json
@with_file
@click.pass_context
def command(
    ctx: click.Context,
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
) -> None:
    """Check the named sources. Default: all enabled sources.

    Checks module, function, arguments, environment, destination and secrets. Extracts and loads nothing.

    The exit code is 2 if something is `wrong`.
    """
    from launcher.check.code import Level
    from launcher.check.verdicts import check_project, check_source, worst
    from launcher.plan.options import SyncOptions
    from launcher.secrets.gather import all_destinations, read_environment

    if (deep or connect) and no_secrets:
        raise click.UsageError(
            "--deep and --connect read the secrets in the container, so neither goes with --no-secrets"
        )
    project = load_project(ctx)
    sources = choose_or_all(project, names, tags=tags, everything=everything)
    environ = read_environment(project, os.environ)
    rows = list(check_project(project))
    verified = repository(project.verified_sources, project.root)
    destinations = all_destinations(project, environ)
    for source in sources:
        rows += check_source(
            project,
            source,
            environ,
            verified if _may_be_verified(project, source) else None,
            with_secrets=not no_secrets,
            destinations=destinations,
        )
    interrupted: Exit | None = None
    if deep or connect:
        hopeless = {row.source for row in rows if row.level is Level.WRONG}
        found, interrupted = _deep(
            project,
            [s for s in sources if s.name not in hopeless],
            SyncOptions(action="connect" if connect else "check", jobs=jobs, engine=engine),
            as_json,
        )
        rows += found
    verdict = worst(rows)
    if as_json:
        keys = ("source", "what", "level", "text", "hint")
        echo_json([{key: getattr(row, key) for key in keys} for row in rows])
    else:
        _print(
            rows, [source.name for source in sources], verbose=verbose, always=_CONNECTED if connect else ()
        )
    ctx.exit(int(interrupted or (Exit.USAGE if verdict is Level.WRONG else Exit.OK)))


def _may_be_verified(project: Project, source: Source) -> bool:
    """Whether the source's module or an extra of it may be a verified source, so that it is worth a look."""
    from launcher.check.verdicts import CORE_MODULES
    from launcher.environment import module_names
    from launcher.environment.dlt_versions import choose as choose_release
    from launcher.environment.dlt_versions import is_extra
    from launcher.environment.values import DEFAULT_DLT
    from launcher.secrets.code import custom_file

    module, container = source.dlt_native.source_module, source.container
    if module_names.fault(module) is not None:
        return False
    if module.removeprefix("dlt.sources.") not in CORE_MODULES and custom_file(project, module) is None:
        return True
    try:
        release = choose_release(container.dlt or DEFAULT_DLT, container.python, source=source.name)
    except DltpodError:
        return False  # a row of its own says so
    return not all(is_extra(release, name) for name in container.extras)


def _deep(
    project: Project, sources: Sequence[Source], options: SyncOptions, as_json: bool
) -> tuple[list[Row], Exit | None]:
    """The checks in each source's own container, and the exit code where a signal ended them."""
    from launcher.console.views import watching
    from launcher.runs.sync import sync

    if not sources:
        return [], None
    with logged(project):
        if as_json:
            outcome = sync(project, sources, options)
        else:
            with watching([source.name for source in sources]) as view:
                outcome = sync(project, sources, options, view)
    stopped = outcome.exit_code if outcome.exit_code in (Exit.INTERRUPTED, Exit.TERMINATED) else None
    return [row for record in outcome.records for row in _rows(record)], stopped


def _rows(record: RunRecord) -> list[Row]:
    from launcher.check.code import Level, Row
    from launcher.runs.history import OK

    rows = [
        Row(record.source, str(v["what"]), Level.OK if v["ok"] else Level.WRONG, str(v.get("text", "")))
        for v in record.verdicts
    ]
    if record.status == OK:
        return rows
    if rows and rows[-1].level is Level.WRONG:
        last = rows.pop()
        return [*rows, Row(last.source, last.what, last.level, record.message or last.text, record.hint)]
    what = record.failure_kind.value.replace("_", " ") if record.failure_kind else "container"
    return [*rows, Row(record.source, what, Level.WRONG, record.message, record.hint)]


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
        for row in shown:
            text = "\n".join(f"{'':<29}{line}" for line in row.text.splitlines()).strip()
            click.echo(f"       {row.level.value:<6}{row.what:<15} {text}")
            for line in row.hint.splitlines():
                click.echo(f"{'':<29}{line}")
