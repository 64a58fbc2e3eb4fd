"""``dltpod gc``: remove what no source uses any more."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from launcher.commands import common
from launcher.config.units import size
from launcher.console.text import table
from launcher.errors import ConfigurationError, DltpodError, Exit

if TYPE_CHECKING:
    from launcher.engines.docker.engine import DockerEngine


@click.command("gc")
@click.option("--dry-run", is_flag=True, help="Show what would be removed and freed; remove nothing.")
@click.option(
    "--older-than",
    default="30d",
    show_default=True,
    metavar="DURATION",
    help="Only what has not been used for this long.",
)
@common.with_json
@common.with_common_options
def command(dry_run: bool, older_than: str, as_json: bool) -> Exit:
    """Remove dltpod's images, volumes and caches that no source uses any more.

    The projects of a host share images, so an image that any of them used recently is kept.
    """
    from launcher.images import gc

    age = common.duration("--older-than", older_than)
    engine = common.docker_engine()
    client = engine.client
    found = gc.plan(client, environ=os.environ, older_than=age, in_use=_in_use(engine))
    common.say("asking the engine for its build cache, which may take minutes")
    found = gc.with_build_cache(found, client, older_than=age)
    if not dry_run:
        found = gc.execute(client, found)
    if as_json:
        rows = [{"kind": i.kind, "name": i.name, "bytes": i.bytes, "reason": i.reason} for i in found.items]
        common.echo_json(
            {
                "dry_run": dry_run,
                "bytes": found.bytes,
                "items": rows,
                "failed": [i.name for i, _ in found.failed],
                "notes": list(found.notes),
            }
        )
    else:
        if found.items:
            lines = [[i.kind, i.name, size(i.bytes), i.reason] for i in found.items]
            click.echo(table(["kind", "name", "frees", "why"], lines, right=[2]))
        click.echo(f"{'would free' if dry_run else 'freed'} {size(found.bytes)}")
        for note in found.notes:
            click.echo(f"warning: {note}", err=True)
        for item, why in found.failed:
            click.echo(f"warning: {item.kind} {item.name} stays: {why}", err=True)
    return Exit.FAILED if found.failed else Exit.OK


def _in_use(engine: DockerEngine) -> frozenset[str]:
    """The images of this project's sources, where there is a project here."""
    from launcher.images.images import DockerImages
    from launcher.images.tags import ImageOptions, environment_tag, source_tag

    try:
        project = common.load_project()
    except ConfigurationError:
        return frozenset()
    images = DockerImages(ImageOptions(engine.client, project, os.environ))
    platform = engine.facts().platform
    used: set[str] = set()
    for source in project.sources:
        try:
            environment = images.describe(source, platform=platform)
        except DltpodError:
            continue  # a source that can't be described uses no image
        used |= {source_tag(environment), environment_tag(environment)}
    return frozenset(used)
