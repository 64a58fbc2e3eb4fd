"""``dltpod secrets``: a source's own secrets and configuration, as files."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import click

from launcher.commands import common
from launcher.errors import ConfigurationError, DltpodError, Exit, worst_exit
from runner.contract import ENV_REFERENCE, SECRETS_FILE, VALUES_FILE

if TYPE_CHECKING:
    from launcher.secrets.gather import Part
    from launcher.secrets.slices import Slice


@click.command("secrets")
@click.argument("name", required=False, shell_complete=common.complete_names)
@click.option("--all", "everything", is_flag=True, help="All enabled sources.")
@click.option("--remove", is_flag=True, help="Remove the files that an earlier call wrote.")
@click.option(
    "--names",
    "only_names",
    is_flag=True,
    help="Write nothing; print the names of the keys that the source gets.",
)
@common.with_project
def command(
    project: common.Project, name: str | None, everything: bool, remove: bool, only_names: bool
) -> Exit:
    """Write the secrets of a source to .dltpod/secrets/NAME, readable only by you.

    A run of the source gets the same files at /run/secrets/dlt. Kubernetes and Compose mount them. They hold
    the address of notify.webhook too, because a run that no dltpod watches calls it itself.
    """
    from launcher.secrets.gather import read_environment

    if name is not None and everything:
        raise click.UsageError("give a name or --all, not both")
    if name is None and not everything:
        raise click.UsageError("name a source, or use --all")
    sources = common.choose(project, (name,) if name else (), everything=everything)
    if remove:
        # --all removes those of sources that are gone from sources.yml, too.
        shutil.rmtree(project.private / "secrets" / (name or ""), ignore_errors=True)
        return Exit.OK
    environ = read_environment(project, os.environ)
    errors: list[tuple[str, DltpodError | None]] = []
    for source in sources:
        try:
            _one(project, source, environ, only_names=only_names, titled=everything)
        except ConfigurationError as error:
            if not everything:
                raise
            errors.append((source.name, error))
    common.echo_errors(errors)
    return worst_exit(error for _, error in errors)


def _one(
    project: common.Project,
    source: common.Source,
    environ: Mapping[str, str],
    *,
    only_names: bool,
    titled: bool,
) -> None:
    """Write the files of one source, or print its keys; ``titled`` says whose they are."""
    from launcher.host import rights
    from launcher.host import user as users
    from launcher.runs.webhook import for_own_runs
    from launcher.secrets.gather import part_of

    name = source.name
    folder = project.private / "secrets" / name
    part = part_of(project, source, environ, {})
    cut = for_own_runs(project, part.slice, environ)
    for warning in cut.warnings:
        click.echo(f"warning: {warning}", err=True)
    if not cut.files:
        lacking = f"{name} has no secrets and no configuration"
        click.echo(lacking if only_names else f"{lacking}: the file is empty", err=True)
    if only_names:
        for key in (*cut.names, *_values(project, part, cut)):
            click.echo(f"{name}: {key}" if titled else key)
        return
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700, parents=True)
    folder.parent.chmod(0o700)
    user = users.of_project(project.root, os.environ, rootless=False)
    # A rendering asks for a Secret of any source, so there is something to make it of.
    for file, text in (cut.files or {SECRETS_FILE: ""}).items():
        descriptor = os.open(folder / file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            if rights.is_root():
                # Compose mounts the files for the user that a job of root's own project runs as.
                os.fchown(descriptor, user.uid, user.gid)
            stream.write(text)
    click.echo(folder)


def _values(project: common.Project, part: Part, cut: Slice) -> Iterator[str]:
    """What ``values.json`` holds: variables by name, literals among the arguments by their place."""
    from launcher.secrets import literals

    given = {"function_kwargs": part.kwargs, "resource_kwargs": part.resource_kwargs}
    places = {text.removeprefix(ENV_REFERENCE): place for place, text in literals.strings(given)}
    for value in sorted(json.loads(cut.files.get(VALUES_FILE, "{}"))):
        literal = value.startswith(literals.LITERAL_NAME)
        yield f"{project.file.name}: {places[value]}" if literal else f"{VALUES_FILE}: {value}"
