"""``dltpod config``: a source's full configuration."""

from __future__ import annotations

import click

from launcher.commands.common import (
    check_known,
    complete_names,
    echo_json,
    load_project,
    with_file,
    with_json,
)


@click.command("config")
@click.argument("name", shell_complete=complete_names)
@with_json
@with_file
@click.pass_context
def command(ctx: click.Context, name: str, as_json: bool) -> None:
    """Show a source's full configuration: its entry with all defaults filled in, and secrets masked."""
    import yaml

    from launcher.environment.values import DEFAULT_DLT
    from launcher.secrets.resolved import resolved

    project = load_project(ctx)
    check_known(project, [name])
    entry = resolved(next(source for source in project.sources if source.name == name), DEFAULT_DLT)
    if as_json:
        echo_json(entry)
    else:
        click.echo(yaml.safe_dump(entry, sort_keys=False, allow_unicode=True, width=10_000), nl=False)
