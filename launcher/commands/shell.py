"""``dltpod shell``: a shell in a source's container."""

from __future__ import annotations

import os
import sys

import click

from launcher.commands import common


@click.command("shell", context_settings={"ignore_unknown_options": True})
@click.argument("name", shell_complete=common.complete_names)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@common.with_project
def command(project: common.Project, name: str, arguments: tuple[str, ...]) -> int:
    """Open a shell in a source's container, or run a command there: dltpod shell NAME python -V

    Image, user, isolation, mounts and secrets are those of a run. The pipeline's state is read-only.
    """
    from launcher.engines.docker.inspect import shell
    from launcher.images.buildkit import find_cli

    (source,) = common.choose(project, (name,))
    engine, plan = common.inspection_plan(project, source)
    terminal = sys.stdin.isatty() and sys.stdout.isatty()
    shell_command = arguments or ("sh", "-c", "command -v bash >/dev/null && exec bash || exec sh")
    return shell(engine, plan, find_cli(os.environ).path, shell_command, terminal=terminal)
