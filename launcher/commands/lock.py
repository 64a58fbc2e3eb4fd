"""``dltpod lock``: pin what sources install."""

from __future__ import annotations

import functools
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from launcher import log
from launcher.commands.common import (
    choose_or_all,
    echo_errors,
    echo_json,
    load_project,
    logged,
    with_file,
    with_json,
    with_sources,
)
from launcher.errors import Exit, gravest

if TYPE_CHECKING:
    from launcher.config.models import Project, Source
    from launcher.environment.verified_sources import Repository
    from launcher.images.lock import Locked


@click.command("lock")
@with_sources
@click.option(
    "--upgrade", is_flag=True, help="Take the newest of everything; else pins that still fit are kept."
)
@click.option("--exclude-newer", metavar="DATE", help="Let no release after this date or time count.")
@with_json
@with_file
@click.pass_context
def command(
    ctx: click.Context,
    names: tuple[str, ...],
    everything: bool,
    tags: tuple[str, ...],
    upgrade: bool,
    exclude_newer: str | None,
    as_json: bool,
) -> None:
    """Pin what sources install, in locks/<name>.txt: hashed, for all platforms, without addresses.

    Of the sources that are named, else of all that are enabled. Commit the files; build and sync use them,
    and --locked refuses a stale one.
    """
    from launcher.engines.docker.client import connect
    from launcher.images import lock

    project = load_project(ctx)
    sources = choose_or_all(project, names, tags=tags, everything=everything)
    with logged(project), log.timed("lock", sources=[source.name for source in sources], upgrade=upgrade):
        done = lock.lock(
            project,
            sources,
            environ=os.environ,
            client=functools.cache(lambda: connect(os.environ)),
            verified=_repository(project),
            exclude_newer=exclude_newer,
            upgrade=upgrade,
            say=_say,
        )
        for item in done:
            log.event(
                "locked",
                level="warning" if item.error else "info",
                source=item.source,
                written=item.written,
                packages=len(item.pins),
                changes=item.changes or None,
                message=item.error.message if item.error else None,
            )
    if as_json:
        echo_json([{**_plain(item), "written": item.written} for item in done])
    else:
        _show(project, done)
    ctx.exit(int(gravest(item.error for item in done)))


def _show(project: Project, done: Sequence[Locked]) -> None:
    for item in done:
        if item.error is not None:
            continue
        state = "written" if item.written else "unchanged"
        click.echo(f"{item.path.relative_to(project.root)}: {state}, {len(item.pins)} packages")
        if len(item.changes) < len(item.pins):
            for change in item.changes:
                click.echo(f"  {change}")
    echo_errors((item.source, item.error) for item in done)


def show_outdated(project: Project, sources: Sequence[Source], *, as_json: bool) -> Exit:
    """``build --outdated``: which locks are behind what resolves today.

    FAILED where one is; else the gravest fault of those that could not be resolved.
    """
    from launcher.engines.docker.client import connect
    from launcher.images import lock

    found = lock.outdated(
        project,
        sources,
        environ=os.environ,
        client=functools.cache(lambda: connect(os.environ)),
        verified=_repository(project),
    )
    behind = [item for item in found if item.changes]
    faulty = [(item.source, item.error) for item in found if item.error is not None]
    if as_json:
        echo_json([_plain(item) for item in found])
    else:
        for item in behind:
            click.echo(f"{item.path.relative_to(project.root)}: behind")
            for change in item.changes:
                click.echo(f"  {change}")
        if not found:
            click.echo("no source has a lock: `dltpod lock` writes them", err=True)
        elif not behind and len(found) > len(faulty):
            click.echo(f"all {'other ' if faulty else ''}locks are up to date", err=True)
        echo_errors(faulty)
    return Exit.FAILED if behind else gravest(error for _, error in faulty)


def _plain(item: Locked) -> dict[str, object]:
    return {
        "source": item.source,
        "path": str(item.path),
        "pins": dict(item.pins),
        "changes": list(item.changes),
        "message": item.error.message if item.error else "",
        "hint": item.error.hint if item.error else "",
    }


def _repository(project: Project) -> Repository:
    from launcher.environment.verified_sources import Repository

    return Repository(
        project.verified_sources,
        root=project.root,
        environ=os.environ,
        say=_say,
    )


def _say(text: str) -> None:
    log.event("say", text=text)
    click.echo(text, err=True)
