"""``dltpod shell``: a shell in a source's container."""

from __future__ import annotations

import os
import sys

import click

from launcher.commands.common import choose, complete_names, inspection_plan, load_project, with_file


@click.command("shell", context_settings={"ignore_unknown_options": True})
@click.argument("name", shell_complete=complete_names)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@with_file
@click.pass_context
def command(ctx: click.Context, name: str, arguments: tuple[str, ...]) -> None:
    """Open a shell in a source's container, or run a command there: dltpod shell NAME python -V

    Image, user, isolation, mounts and secrets are those of a run. The pipeline's state is read-only.
    """
    from launcher.engines.docker.inspect import shell
    from launcher.images.buildkit import find_cli

    project = load_project(ctx)
    (source,) = choose(project, (name,))
    engine, plan = inspection_plan(project, source)
    terminal = sys.stdin.isatty() and sys.stdout.isatty()
    shell_command = arguments or ("sh", "-c", "command -v bash >/dev/null && exec bash || exec sh")
    ctx.exit(shell(engine, plan, find_cli(os.environ).path, shell_command, terminal=terminal))
