"""``dltpod list``: the sources, for people and for CI."""

from __future__ import annotations

from typing import Any

import click

from launcher.commands import common
from launcher.console.text import table


@click.command("list")
@common.with_names
@common.with_tags
@click.option("--changed-since", metavar="REF", help="Only sources that changed since this git ref.")
@common.with_json
@common.with_project
def command(
    project: common.Project,
    names: tuple[str, ...],
    tags: tuple[str, ...],
    changed_since: str | None,
    as_json: bool,
) -> None:
    """List the sources in sources.yml.

    With --changed-since, only sources whose entry, code, lock or mounted files changed since a git ref,
    for the matrix of a CI job.
    """
    common.check_known(project, names, tags)
    sources = [
        s for s in project.sources if (not tags or set(tags) & set(s.tags)) and (not names or s.name in names)
    ]
    if changed_since is not None:
        from launcher.changes.affected import changed_sources

        touched = changed_sources(project, changed_since)
        sources = [s for s in sources if s.name in touched]
    if as_json:
        common.echo_json([_plain(project, s) for s in sources])
        return
    rows = [
        [
            s.name,
            f"{s.dlt_native.source_module}.{s.dlt_native.source_function}",
            s.destination,
            s.schedule or "",
            ",".join(s.tags),
            "" if s.enabled else "disabled",
            s.description,
        ]
        for s in sources
    ]
    if rows:
        click.echo(table(["source", "function", "destination", "schedule", "tags", "", "description"], rows))
    for foreign in project.foreign:
        click.echo(f"{foreign.name}: type {foreign.type}, not dlt_native, ignored", err=True)


def _plain(project: common.Project, source: common.Source) -> dict[str, Any]:
    native = source.dlt_native
    return {
        "name": source.name,
        "enabled": source.enabled,
        "description": source.description,
        "tags": list(source.tags),
        "schedule": source.schedule,
        "destination": source.destination,
        "module": native.source_module,
        "function": native.source_function,
        "pipeline": source.pipeline_name,
        "dataset": source.dataset_name,
        "python": source.container.python,
        "base_image": project.base_image.replace("{python}", source.container.python),
    }
