"""``dltpod lock``: pin what sources install."""

from __future__ import annotations

import functools
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from launcher import log
from launcher.commands import common
from launcher.errors import Exit, counted, worst_exit

if TYPE_CHECKING:
    from launcher.images.lock import Locked, Locks


@click.command("lock")
@common.with_sources
@click.option("--upgrade", is_flag=True, help="Update all pins. Default: keep those that still fit.")
@click.option("--exclude-newer", metavar="DATE", help="Ignore releases after this date or time.")
@common.with_json
@common.with_project
def command(
    project: common.Project,
    names: tuple[str, ...],
    everything: bool,
    tags: tuple[str, ...],
    upgrade: bool,
    exclude_newer: str | None,
    as_json: bool,
) -> Exit:
    """Pin the packages of the named sources, with hashes for all platforms, in locks/NAME.txt.

    Default: all enabled sources. Commit the files: build and sync install what they pin, and fail with
    --locked if a lock is out of date.
    """
    sources = common.choose_or_all(project, names, tags=tags, everything=everything)
    with (
        common.logged(project),
        log.timed("lock", sources=[source.name for source in sources], upgrade=upgrade),
    ):
        done = _locks(project).lock(sources, exclude_newer=exclude_newer, upgrade=upgrade)
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
        common.echo_json([{**_plain(item), "written": item.written} for item in done])
    else:
        _show(project, done)
    return worst_exit(item.error for item in done)


def _show(project: common.Project, done: Sequence[Locked]) -> None:
    for item in done:
        if item.error is not None:
            continue
        state = "written" if item.written else "unchanged"
        click.echo(f"{item.path.relative_to(project.root)}: {state}, {counted(len(item.pins), 'package')}")
        if len(item.changes) < len(item.pins):
            for change in item.changes:
                click.echo(f"  {change}")
    common.echo_errors((item.source, item.error) for item in done)


def show_outdated(project: common.Project, sources: Sequence[common.Source], *, as_json: bool) -> Exit:
    """``build --outdated``: list the locks for which newer versions are available.

    The exit code is FAILED if there is one; else that of the worst error of those that don't resolve.
    """
    found = _locks(project).outdated(sources)
    behind = [item for item in found if item.changes]
    faulty = [(item.source, item.error) for item in found if item.error is not None]
    if as_json:
        common.echo_json([_plain(item) for item in found])
    else:
        for item in behind:
            click.echo(f"{item.path.relative_to(project.root)}: behind")
            for change in item.changes:
                click.echo(f"  {change}")
        if not found:
            click.echo("no source has a lock: `dltpod lock` writes them", err=True)
        elif not behind and len(found) > len(faulty):
            click.echo(f"all {'other ' if faulty else ''}locks are up to date", err=True)
        common.echo_errors(faulty)
    return Exit.FAILED if behind else worst_exit(error for _, error in faulty)


def _plain(item: Locked) -> dict[str, object]:
    return {
        "source": item.source,
        "path": str(item.path),
        "pins": dict(item.pins),
        "changes": list(item.changes),
        "message": item.error.message if item.error else "",
        "hint": item.error.hint if item.error else "",
    }


def _locks(project: common.Project) -> Locks:
    from launcher.host.docker_engine import connect
    from launcher.images.lock import Locks

    client = functools.cache(lambda: connect(os.environ))
    return Locks(project, os.environ, client, common.say)
