"""``dltpod schema``: the JSON Schema of ``sources.yml``, for editors."""

from __future__ import annotations

import click

from launcher.commands.common import echo_json


@click.command("schema")
def command() -> None:
    """The JSON Schema of sources.yml.

    Editors complete and check the file with it: write it beside sources.yml and begin that with
    `# yaml-language-server: $schema=sources.schema.json`.
    """
    from launcher.config import schema

    echo_json(schema())
