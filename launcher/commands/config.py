"""``dltpod config``: a source's full configuration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from launcher.commands import common
from launcher.config.models import Source
from launcher.secrets import literals


@click.command("config")
@click.argument("name", shell_complete=common.complete_names)
@common.with_json
@common.with_project
def command(project: common.Project, name: str, as_json: bool) -> None:
    """Show a source's full configuration: its entry with all defaults filled in, and secrets masked."""
    import yaml

    from launcher.environment.values import DEFAULT_DLT

    common.check_known(project, [name])
    entry = resolved(next(source for source in project.sources if source.name == name), DEFAULT_DLT)
    if as_json:
        common.echo_json(entry)
    else:
        click.echo(yaml.safe_dump(entry, sort_keys=False, allow_unicode=True, width=10_000), nl=False)


MASK = "***"
_WHOLE = ("function_kwargs", "resource_kwargs", "env", "write_disposition", "schema_contract")
"""Keys whose empty values are meaningful."""


def resolved(source: Source, dlt: str) -> dict[str, Any]:
    """The entry as it would stand in full in ``sources.yml``, in the file's order, without empty values.

    ``dlt`` is the version for a source that names none. Literals that look like secrets become ``***``;
    ``env:NAME`` is kept.
    """
    entry = source.model_dump(mode="json")
    native, container = entry["dlt_native"], entry["container"]
    native |= {"pipeline_name": source.pipeline_name, "dataset_name": source.dataset_name}
    container["dlt"] = source.container.dlt or f"=={dlt}"
    for key in ("write_disposition", "schema_contract"):
        said = getattr(source.dlt_native, key)
        native[key] = said if said is None or isinstance(said, str) else said.mapping
    for table, key in ((native, "function_kwargs"), (native, "resource_kwargs"), (container, "env")):
        table[key] = literals.replaced(table[key], lambda path, literal: MASK)
    return _filled(entry)


def _filled(table: Mapping[str, Any]) -> dict[str, Any]:
    """``table`` without empty values."""
    found = {
        key: _filled(value) if isinstance(value, Mapping) and key not in _WHOLE else value
        for key, value in table.items()
    }
    return {key: value for key, value in found.items() if value not in (None, "", [], {})}
