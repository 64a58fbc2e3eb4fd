"""``dltpod schema``: the JSON Schema of ``sources.yml``, for editors."""

from __future__ import annotations

import click

from launcher.commands import common


@click.command("schema")
def command() -> None:
    """Print the JSON Schema of sources.yml.

    Editors use it to complete and check the file. Save it as sources.schema.json beside sources.yml, and
    add this first line to sources.yml: `# yaml-language-server: $schema=sources.schema.json`.
    """
    from launcher.config import schema

    common.echo_json(schema())
