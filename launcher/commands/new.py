"""``dltpod new``: a further source."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from launcher.commands import common
from launcher.errors import ConfigurationError, DltpodError, did_you_mean

if TYPE_CHECKING:
    from launcher.config.models import VerifiedSources
    from launcher.start.kinds import Kind
    from launcher.start.plan import Plan


def complete_kinds(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Shell completion of kinds, without verified sources, which may have to be fetched."""
    from launcher.start.kinds import KINDS

    return [kind for kind in KINDS if kind.startswith(incomplete)]


@click.command("new")
@click.argument("name")
@click.option(
    "--from",
    "kind",
    metavar="KIND",
    shell_complete=complete_kinds,
    help="The kind: python, rest_api, sql_database, filesystem or one of dlt's verified sources.",
)
@common.with_project
def command(project: common.Project, name: str, kind: str | None) -> None:
    """Add a source to sources.yml, the names of its secrets to secrets.toml, and the files it needs.

    Existing files are not overwritten. `dltpod sources` lists the kinds for --from.
    """
    from launcher.start import plan

    plan.check_name(name)
    if kind is None:
        raise ConfigurationError(
            "--from is missing: python, rest_api, sql_database, filesystem, or the name of one of dlt's "
            "verified sources",
            f"dltpod new {name} --from python",
        )
    finish(plan.another(project, name, kind_of(kind, name, project.verified_sources, project.root)))


def kind_of(kind: str, name: str, settings: VerifiedSources, root: Path) -> Kind:
    """A new source ``name``, of one of KINDS or of a verified source. Raises ConfigurationError else."""
    from launcher.environment.values import DEFAULT_PYTHON
    from launcher.environment.verified_sources import Repository
    from launcher.start import kinds, verified

    if kind in kinds.KINDS:
        return kinds.make(kind, name)
    verified_sources = Repository(settings, root=root, environ=os.environ, say=common.say)
    try:
        names = set(verified_sources.names())
    except DltpodError as error:
        if near := did_you_mean(kind, kinds.KINDS):
            raise ConfigurationError(f"there is no kind of source '{kind}'{near}") from None
        raise ConfigurationError(
            f"'{kind}' is none of {', '.join(kinds.KINDS)}\n"
            f"can't check whether it is a verified source: {error.message}",
            error.hint,
        ) from None
    if kind not in names:
        raise ConfigurationError(
            f"there is no kind of source '{kind}'{did_you_mean(kind, {*kinds.KINDS, *names})}",
            "`dltpod sources` lists them",
        )
    return verified.make(verified_sources, kind, name, DEFAULT_PYTHON)


def finish(plan: Plan) -> None:
    """Write the plan's files, and print which they are and what to do next. Raises as ``carry_out``."""
    from launcher.config.faults import shown_path
    from launcher.console.summary import own_command
    from launcher.console.text import style, table
    from launcher.start.write import carry_out

    carry_out(plan.changes)
    rows = [
        ["made " if change.before is None else "added", shown_path(change.file), change.what]
        for change in plan.changes
    ]
    click.echo(table(["", "", ""], rows, whole=True).lstrip("\n"))
    file = common.given_file()
    given = f"--file {file} " if file else ""
    steps = [f"fill in {todo}" for todo in plan.todo]
    if steps:
        steps.append(f"{own_command()} check {given}{plan.name}")
    steps.append(f"{own_command()} sync {given}{plan.name}")
    click.echo("\n" + style("next", "bold") + "   " + "\n       ".join(steps))
