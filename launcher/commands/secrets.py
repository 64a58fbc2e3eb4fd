"""``dltpod secrets``: the slice of one source, as files, for those who ask."""

from __future__ import annotations

import os
import shutil

import click

from launcher.commands.common import choose, load_project, with_file
from runner.contract import SECRETS_FILE


@click.command("secrets")
@click.argument("name")
@click.option("--remove", is_flag=True, help="Remove what an earlier call wrote.")
@click.option(
    "--names", "only_names", is_flag=True, help="Write nothing: print the keys that the source is given."
)
@with_file
@click.pass_context
def command(ctx: click.Context, name: str, remove: bool, only_names: bool) -> None:
    """Write the secrets of one source to .dltpod/secrets/NAME, readable by you alone.

    It is what a run of the source finds at /run/secrets/dlt, and what Kubernetes and Compose mount.
    """
    from launcher.host import rights
    from launcher.host import user as caller
    from launcher.secrets.gather import read_environment, slice_for

    project = load_project(ctx)
    (source,) = choose(project, (name,))
    folder = project.private / "secrets" / name
    if remove:
        shutil.rmtree(folder, ignore_errors=True)
        return
    cut = slice_for(project, source, read_environment(project, os.environ), {})
    for warning in cut.warnings:
        click.echo(f"warning: {warning}", err=True)
    if only_names:
        for key in cut.names:
            click.echo(key)
        return
    if not cut.files:
        click.echo(f"{name} is given no secrets and no configuration: the file is empty", err=True)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700, parents=True)
    folder.parent.chmod(0o700)
    user = caller.of_project(project.root, os.environ, rootless=False)
    # A rendering asks for a Secret of any source, so there is something to make it of.
    for file, text in (cut.files or {SECRETS_FILE: ""}).items():
        descriptor = os.open(folder / file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            if rights.is_root():
                # Compose mounts the files for the user that a job of root's own project runs as.
                os.fchown(descriptor, user.uid, user.gid)
            stream.write(text)
    click.echo(folder)
