"""``dltpod build``: make the images of sources, without running them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from launcher import __version__, log
from launcher.commands import common
from launcher.console.text import seconds, table
from launcher.errors import ConfigurationError, Exit, worst_exit

if TYPE_CHECKING:
    from launcher.images.build_many import BuildOptions, Built


@click.command("build")
@common.with_sources
@common.with_jobs("images to build")
@click.option("--upgrade", is_flag=True, help="Update the base image and resolve all packages again.")
@common.with_locked
@click.option("--deploy", is_flag=True, help="Build images that contain custom_sources/.")
@click.option("--verbose", is_flag=True, help="Show the builder's whole output.")
@click.option("--push", is_flag=True, help="Build as with --deploy, and push to `registry:` of sources.yml.")
@click.option("--platform", metavar="OS/ARCH", help="The image's platform. Default: the engine's own.")
@click.option("--outdated", is_flag=True, help="Build nothing; list the locks that have newer versions.")
@common.with_json
@common.with_project
def command(
    project: common.Project,
    /,
    names: tuple[str, ...],
    everything: bool,
    tags: tuple[str, ...],
    outdated: bool,
    as_json: bool,
    **chosen: Any,
) -> Exit:
    """Build the images of the named sources. Default: all enabled sources.

    Sources with equal environments share one image.
    """
    sources = common.choose_or_all(project, names, tags=tags, everything=everything)
    if outdated:
        from launcher.commands.lock import show_outdated

        return show_outdated(project, sources, as_json=as_json)
    if chosen["push"] and not project.registry:
        raise ConfigurationError(
            f"{project.file.name} names no registry to push to", "add `registry: ghcr.io/acme` at its top"
        )
    from launcher.images.build_many import BuildOptions

    options = BuildOptions(**{**chosen, "deploy": chosen["deploy"] or chosen["push"]})
    with common.logged(project):
        built = _build(project, sources, options)
    rows = [_row(item) for item in built]
    if as_json:
        common.echo_json(rows)
    else:
        lines = [
            [", ".join(r["sources"]), r["status"], seconds(r["seconds"]) if r["seconds"] else "", r["image"]]
            for r in rows
        ]
        click.echo(table(["sources", "image", "time", "reference"], lines, right=[2]))
        common.echo_errors((item.sources[0], item.error) for item in built)
    return worst_exit(item.error for item in built)


def _build(
    project: common.Project, sources: Sequence[common.Source], options: BuildOptions
) -> Sequence[Built]:
    from launcher.console.lines import Lines
    from launcher.images.build_many import build

    lines = Lines([source.name for source in sources])

    def heard(name: str, text: str) -> None:
        log.event("say", source=name, text=text)
        lines.say(name, text)

    log.event(
        "build",
        sources=[source.name for source in sources],
        project=project.name,
        upgrade=options.upgrade,
        push=options.push,
        version=__version__,
    )
    client = common.docker_engine().client
    done = build(project, sources, options, client=client, environ=os.environ, heard=heard)
    for item in done:
        log.event(
            "image",
            level="warning" if item.error else "info",
            source=", ".join(item.sources),
            image=item.image.reference if item.image else None,
            built=item.image.built if item.image else None,
            pushed=item.pushed or None,
            seconds=round(item.seconds, 3),
            message=item.error.message if item.error else None,
        )
    return done


def _row(built: Built) -> dict[str, Any]:
    image = built.image
    status = "failed" if image is None else "pushed" if built.pushed else "built" if image.built else "there"
    return {
        "sources": list(built.sources),
        "image": built.pushed or (image.reference if image else ""),
        "status": status,
        "seconds": round(built.seconds, 3),
        "message": built.error.message if built.error else "",
        "hint": built.error.hint if built.error else "",
    }
