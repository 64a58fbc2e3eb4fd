"""``dltpod state``: show the cursors of a source, or set them back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from launcher.commands import common
from launcher.console.text import ago, columns, folded, table
from launcher.errors import ConfigurationError, DltpodError, did_you_mean


def _pairs(_: click.Context, __: click.Parameter, pairs: tuple[str, ...]) -> dict[str, str]:
    found = {}
    for pair in pairs:
        place, equals, value = pair.partition("=")
        if not equals or not value or "." not in place:
            raise ConfigurationError(
                f"--set takes RESOURCE.PATH=VALUE, not '{pair}'", "--set orders.updated_at=2026-01-01"
            )
        found[place] = value
    return found


@click.command("state")
@click.argument("name", shell_complete=common.complete_names)
@click.option(
    "--set",
    "values",
    multiple=True,
    metavar="RESOURCE.PATH=VALUE",
    callback=_pairs,
    help="Set a cursor, with the next load. Can be given several times.",
)
@click.option(
    "--reset", multiple=True, metavar="RESOURCE", help="Forget a resource's cursors, with the next load."
)
@click.option("--undo", is_flag=True, help="Take back changes that wait for the next load.")
@common.with_json
@common.with_project
def command(
    project: common.Project,
    name: str,
    values: dict[str, str],
    reset: tuple[str, ...],
    undo: bool,
    as_json: bool,
) -> None:
    """Show a source's cursors, schema versions and last load, as its destination holds them.

    A change waits for the next sync and is stored in one transaction with its rows. Loaded rows stay: without
    a primary key and `merge`, rows that are read again are loaded twice.
    """
    from launcher.engines.docker.inspect import ask
    from launcher.runs import edits

    (source,) = common.choose(project, (name,))
    if undo:
        waiting = edits.waiting(project.private, name)
        if waiting:
            edits.done(project.private, name, waiting["id"])
        click.echo(f"{name}: {'taken back' if waiting else 'no change waits'}", err=True)
        return
    answer = ask(*common.inspection_plan(project, source), "state")
    if "error" in answer:
        hint = "is the destination up, and are its address and credentials right?"
        raise DltpodError(f"{name}: {answer['error']}", hint)
    if values or reset:
        _known(name, answer, values, reset)
        edits.ask(project.private, name, set=values, reset=reset)
    waiting = edits.waiting(project.private, name)
    if waiting and waiting["id"] == answer["edit"]:
        edits.done(project.private, name, waiting["id"])
        waiting = {}
    if as_json:
        shown = {key: found for key, found in answer.items() if key != "edit"}
        common.echo_json({**shown, "waiting": {key: waiting.get(key) for key in ("set", "reset") if waiting}})
        return
    click.echo("\n".join(screen(name, answer, waiting, columns())))


def _known(name: str, answer: Mapping[str, Any], values: Mapping[str, str], reset: tuple[str, ...]) -> None:
    """Raise ConfigurationError for a cursor or a resource that the state doesn't have."""
    for what, asked, there in (
        ("cursor", tuple(values), list(answer["cursors"])),
        ("state of a resource", reset, answer["resources"]),
    ):
        for place in asked:
            if place not in there:
                more = did_you_mean(place, there) or (f"; there are {', '.join(there)}" if there else "")
                raise ConfigurationError(f"{name} has no {what} '{place}'{more}", f"`dltpod state {name}`")


def screen(name: str, answer: Mapping[str, Any], waiting: Mapping[str, Any], width: int | None) -> list[str]:
    """The cursors as a table, what else is known, and the changes that wait."""
    cursors = answer["cursors"]
    if not answer["schemas"]:
        return [f"{name}: nothing of this source is at its destination yet"]
    lines = []
    if cursors:
        rows = [[place, found["value"], found["kind"]] for place, found in cursors.items()]
        lines += [*table(["cursor", "value", "kind"], rows, width=width, drop=[2]).splitlines(), ""]
    else:
        lines += ["no cursor: each sync reads all", ""]
    versions = ", ".join(f"{schema} version {version}" for schema, version in answer["schemas"].items())
    lines += folded(versions, width, first="schema     ", then=" " * 11)
    if answer["last_load"]:
        lines.append(f"last load  {_when(answer['last_load'])}")
    changes = [
        f"{place}: {cursors[place]['value'] if place in cursors else '?'} becomes {value}"
        for place, value in waiting.get("set", {}).items()
    ]
    changes += [f"{resource}: its cursors are forgotten" for resource in waiting.get("reset", ())]
    for change in changes:
        lines += folded(change, width, first="next load  ", then=" " * 11)
    if changes:
        lines += ["", f"`dltpod sync {name}` makes the change, `dltpod state {name} --undo` takes it back"]
    return lines


def _when(moment: str) -> str:
    try:
        return f"{moment}, {ago(moment)}"
    except (ValueError, TypeError):
        return moment
