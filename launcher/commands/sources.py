"""``dltpod sources``: the kinds of sources that can be added."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import click

from launcher.commands import common
from launcher.console.text import columns, cut, table
from launcher.errors import ConfigurationError, DltpodError, did_you_mean

_KEYS = ("name", "origin", "text")
"""What is known of each source. ``origin`` is own (code to be written), dlt, verified, or custom (code that
exists). ``name`` is what ``--from`` takes, except for custom.
"""


@click.command("sources")
@click.argument("word", required=False)
@common.with_json
@common.with_common_options
def command(word: str | None, as_json: bool) -> None:
    """List the sources you can add: dlt's own, dlt's verified sources, and modules in custom_sources/.

    With WORD, only those with this word in their name or description, or that read a database or a store of
    this name. Verified sources are fetched once.
    """
    from launcher.start.kinds import KINDS

    project = _project()
    found = [(name, "own" if name == "python" else "dlt", kind.about) for name, kind in KINDS.items()]
    found += _custom(project) if project else ()
    unasked: DltpodError | None = None
    try:
        found += _verified(project)
    except DltpodError as error:
        unasked = error
    more = {name: kind.words for name, kind in KINDS.items()}
    names = [*(name for name, _, _ in found), *" ".join(more.values()).split()]
    if word is not None:
        found = [o for o in found if word.lower() in f"{o[0]} {o[2]} {more.get(o[0], '')}".lower()]
    if as_json:
        common.echo_json([dict(zip(_KEYS, each, strict=True)) for each in found])
    elif found:
        click.echo(_table(found))
    elif word is not None:
        click.echo(f"no source has '{word}' in its name or description{did_you_mean(word, names)}", err=True)
    if unasked is not None:
        click.echo(f"dlt's verified sources are not listed: {unasked.message}", err=True)
        if unasked.hint:
            click.echo(f"  hint: {unasked.hint}", err=True)


def _project() -> common.Project | None:
    """The project; None where there is none. Raises ConfigurationError where ``--file`` names none."""
    from launcher import config

    try:
        config.find_file(Path.cwd(), common.given_file(), os.environ)
    except ConfigurationError:
        if common.given_file():
            raise
        return None
    return common.load_project()


def _custom(project: common.Project) -> Iterator[tuple[str, str, str]]:
    """The modules and packages of ``custom_sources/``."""
    from launcher.secrets import code
    from launcher.start.verified import title

    places = project.custom_sources.glob("[!_]*")
    for name in sorted({place.stem for place in places if place.suffix == ".py" or place.is_dir()}):
        file = code.custom_file(project, name)
        if file is not None:
            yield name, "custom", title(file)


def _verified(project: common.Project | None) -> Iterator[tuple[str, str, str]]:
    """dlt's verified sources. Raises DltpodError where they can't be fetched."""
    from launcher.config.models import VerifiedSources
    from launcher.environment.verified_sources import Repository
    from launcher.start import kinds, verified

    settings = project.verified_sources if project else VerifiedSources()
    root = project.root if project else Path.cwd()
    repository = Repository(settings, root=root, environ=os.environ, say=common.say)
    for name in sorted(set(repository.names()) - set(kinds.KINDS)):
        file = verified.module_of(repository, name)
        yield name, "verified", verified.title(file) if file is not None else ""


def _table(found: list[tuple[str, str, str]]) -> str:
    header = ("source", "from", "what it is")
    if (width := columns()) is not None:
        others = sum(2 + max(len(line[i]) for line in (header, *found)) for i in (0, 1))
        found = [(name, of, cut(text, max(width - others, 20))) for name, of, text in found]
    return table(header, found)
