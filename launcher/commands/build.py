"""``dltpod build``: make the images of sources, without running them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from launcher import __version__, log
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
from launcher.console.text import seconds, table
from launcher.errors import ConfigurationError, DltpodError, gravest

if TYPE_CHECKING:
    from launcher.config.models import Project, Source
    from launcher.images.build_many import BuildOptions, Built


@dataclass(frozen=True)
class _Made:
    """One image, or why there is none."""

    sources: tuple[str, ...]
    image: str
    status: str
    seconds: float = 0.0
    error: DltpodError | None = None


@click.command("build")
@with_sources
@click.option(
    "-j",
    "--jobs",
    type=click.IntRange(1),
    default=None,
    help="How many builds at once.",
)
@click.option("--upgrade", is_flag=True, help="Resolve anew, on a newer base image.")
@click.option("--locked", is_flag=True, help="Refuse a source whose lock is missing or stale.")
@click.option("--deploy", is_flag=True, help="Images with custom_sources/ baked in.")
@click.option("--verbose", is_flag=True, help="All that the builder prints.")
@click.option(
    "--push", is_flag=True, help="Images with the code baked in, pushed to the `registry:` of sources.yml."
)
@click.option("--platform", metavar="OS/ARCH", help="Default: the engine's own.")
@click.option(
    "--outdated", is_flag=True, help="Build nothing: tell which locks are behind what resolves today."
)
@with_json
@with_file
@click.pass_context
def command(
    ctx: click.Context,
    names: tuple[str, ...],
    everything: bool,
    tags: tuple[str, ...],
    jobs: int | None,
    upgrade: bool,
    locked: bool,
    deploy: bool,
    verbose: bool,
    push: bool,
    platform: str | None,
    outdated: bool,
    as_json: bool,
) -> None:
    """Build the images of the sources that are named, else of all that are enabled.

    Sources with equal environments share one image.
    """
    project = load_project(ctx)
    sources = choose_or_all(project, names, tags=tags, everything=everything)
    if outdated:
        from launcher.commands.lock import show_outdated

        ctx.exit(int(show_outdated(project, sources, as_json=as_json)))
    if push and not project.registry:
        raise ConfigurationError(
            f"{project.file.name} names no registry to push to", "add `registry: ghcr.io/acme` at its top"
        )
    from launcher.images.build_many import BuildOptions

    options = BuildOptions(
        jobs=jobs or os.cpu_count() or 1,
        upgrade=upgrade,
        locked=locked,
        deploy=deploy or push,
        push=push,
        platform=platform,
        verbose=verbose,
    )
    with logged(project):
        built = _build(project, sources, options)
    made = [_shown(item) for item in built]
    if as_json:
        rows = [
            {
                "sources": list(m.sources),
                "image": m.image,
                "status": m.status,
                "seconds": round(m.seconds, 3),
                "message": m.error.message if m.error else "",
                "hint": m.error.hint if m.error else "",
            }
            for m in made
        ]
        echo_json(rows)
    else:
        lines = [
            [", ".join(m.sources), m.status, seconds(m.seconds) if m.seconds else "", m.image] for m in made
        ]
        click.echo(table(["sources", "image", "time", "reference"], lines, right=[2]))
        echo_errors((m.sources[0], m.error) for m in made)
    ctx.exit(int(gravest(item.error for item in built)))


def _build(project: Project, sources: Sequence[Source], options: BuildOptions) -> Sequence[Built]:
    from launcher.console.lines import Lines
    from launcher.engines.docker.engine import DockerEngine
    from launcher.host.launchers import unknown
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
    client = DockerEngine(environ=os.environ, alive=unknown).client
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


def _shown(built: Built) -> _Made:
    if built.image is None:
        return _Made(built.sources, "", "failed", built.seconds, built.error)
    status = "pushed" if built.pushed else "built" if built.image.built else "there"
    return _Made(built.sources, built.pushed or built.image.reference, status, built.seconds)
