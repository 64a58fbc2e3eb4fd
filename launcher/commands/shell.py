"""``dltpod shell``: look around where a source runs."""

from __future__ import annotations

import os
import sys

import click

from launcher.commands.common import choose, complete_names, load_project, with_file


@click.command("shell", context_settings={"ignore_unknown_options": True})
@click.argument("name", shell_complete=complete_names)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@with_file
@click.pass_context
def command(ctx: click.Context, name: str, arguments: tuple[str, ...]) -> None:
    """A shell in a source's container, as a run would find it; or a command: shell NAME python -V.

    The same image, user, walls, mounts and secrets as a run; its state can be read, not written.
    """
    from launcher.commands.containers import plan_inspection
    from launcher.engines.docker.inspect import shell
    from launcher.images.buildkit import find_cli

    project = load_project(ctx)
    (source,) = choose(project, (name,))
    visit = plan_inspection(project, source)
    assert visit is not None
    engine, plan = visit
    terminal = sys.stdin.isatty() and sys.stdout.isatty()
    shell_command = arguments or ("sh", "-c", "command -v bash >/dev/null && exec bash || exec sh")
    ctx.exit(shell(engine, plan, find_cli(os.environ).path, shell_command, terminal=terminal))
