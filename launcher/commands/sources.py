"""``dltpod sources``: the kinds of sources that can be added."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from launcher.commands import common
from launcher.console.text import columns, cut, table
from launcher.errors import ConfigurationError, DltpodError, near_miss

if TYPE_CHECKING:
    from launcher.start.offers import Offer


@click.command("sources")
@click.argument("word", required=False)
@common.with_json
@common.with_file
def command(word: str | None, as_json: bool) -> None:
    """List the sources you can add: dlt's own, dlt's verified sources, and modules in custom_sources/.

    With WORD, only those with this word in their name or description. Verified sources are fetched once.
    """
    from launcher.config.models import VerifiedSources
    from launcher.start import offers

    project = _project()
    found = [*offers.core(), *(offers.custom(project) if project else ())]
    unasked: DltpodError | None = None
    try:
        found += offers.verified(
            common.repository(
                project.verified_sources if project else VerifiedSources(),
                project.root if project else Path.cwd(),
            )
        )
    except DltpodError as error:
        unasked = error
    names = [offer.name for offer in found]
    if word is not None:
        found = [offer for offer in found if word.lower() in f"{offer.name} {offer.text}".lower()]
    if as_json:
        common.echo_json([asdict(offer) for offer in found])
    elif found:
        click.echo(_table(found))
    elif word is not None:
        click.echo(f"no source has '{word}' in its name or description{near_miss(word, names)}", err=True)
    if unasked is not None:
        click.echo(f"dlt's verified sources are not listed: {unasked.message}", err=True)
        if unasked.hint:
            click.echo(f"  hint: {unasked.hint}", err=True)


def _project() -> common.Project | None:
    """The project; None where there is none, unless one was asked for."""
    from launcher import config

    try:
        config.find_file(Path.cwd(), common.given_file(), os.environ)
    except ConfigurationError:
        if common.given_file():
            raise
        return None
    return common.load_project()


def _table(found: list[Offer]) -> str:
    rows = [[offer.name, offer.origin, offer.text] for offer in found]
    header = ["source", "from", "what it is"]
    if (width := columns()) is not None:
        others = sum(2 + max(len(line[i]) for line in (header, *rows)) for i in (0, 1))
        rows = [[*row, cut(text, max(width - others, 20))] for *row, text in rows]
    return table(header, rows)
