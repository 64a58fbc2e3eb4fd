"""``dltpod init``: a project in a bare folder."""

from __future__ import annotations

from pathlib import Path

import click

from launcher.commands.new import complete_kinds, finish, kind_of


@click.command("init")
@click.argument("kind", default="python", shell_complete=complete_kinds)
@click.option("--name", metavar="NAME", help="The name of the first source.")
def command(kind: str, name: str | None) -> None:
    """Create a project in this folder: sources.yml with a first source, .dlt/secrets.toml, .gitignore.

    KIND is python (the default), rest_api, sql_database, filesystem, or one of dlt's verified sources.
    Existing files are not overwritten.
    """
    from launcher.config.models import VerifiedSources
    from launcher.host import rights
    from launcher.start import plan
    from launcher.start.kinds import KINDS

    root = Path.cwd()
    click.get_current_context().find_root().with_resource(rights.rights(root))
    name = name or (KINDS[kind].usual if kind in KINDS else kind)
    finish(plan.first(root, name, kind_of(kind, name, VerifiedSources(), root)))
