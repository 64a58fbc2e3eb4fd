"""What a source can be made of: dlt's own sources, its verified ones, and the project's own code."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from launcher.config.models import Project
from launcher.environment.values import Verified
from launcher.secrets import code
from launcher.start.verified import title

CORE = {
    "python": "code of your own, in custom_sources/",
    "rest_api": "any REST API, by a list of its endpoints",
    "sql_database": "the tables of any database that SQLAlchemy reaches",
    "filesystem": "files of a folder or a bucket: CSV, Parquet, JSON lines",
}


@dataclass(frozen=True)
class Offer:
    """A source that can be had; ``name`` follows ``--from``, but for code of ``custom_sources``."""

    name: str
    origin: str
    """own (code to be written), dlt, verified, or custom: code that is there."""
    text: str


def core() -> Iterator[Offer]:
    """What is there without asking anyone."""
    for name, text in CORE.items():
        yield Offer(name, "own" if name == "python" else "dlt", text)


def custom(project: Project) -> Iterator[Offer]:
    """The modules and packages of ``custom_sources/``."""
    folder = project.custom_sources
    names = {place.stem for place in folder.glob("*") if place.suffix == ".py" or place.is_dir()}
    for name in sorted(name for name in names if not name.startswith("_")):
        file = code.custom_file(project, name)
        if file is not None:
            yield Offer(name, "custom", title(file))


def verified(repository: Verified) -> Iterator[Offer]:
    """dlt's verified sources. Raises ConfigurationError where they can't be had."""
    for name in sorted(set(repository.names()) - set(CORE)):
        file = next(
            (f for f in repository.code(name) if (f.parent.name, f.name) == (name, "__init__.py")), None
        )
        yield Offer(name, "verified", title(file) if file is not None else "")
