"""One DuckDB version for all sources that share a file: an old one can't open a new one's."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from packaging.requirements import InvalidRequirement
from packaging.requirements import Requirement as Parsed

from launcher.config.models import Project, Source
from launcher.environment import requirement_files
from launcher.environment.values import Requirement
from launcher.errors import ConfigurationError

DEFAULT = "2.0.0"
FOR_OLD_PYTHON = {"3.10": "1.5.6"}
"""The newest DuckDB that a Python has, where it can't have the default."""


@dataclass(frozen=True)
class _Group:
    """The sources of one destination: their names, what they pin, and a source of each Python."""

    names: frozenset[str]
    pins: Mapping[str, tuple[str, str]]
    pythons: Mapping[str, str]


class DuckdbPins:
    """What the sources of a project pin, found once for each destination."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._groups: dict[str, _Group] = {}

    def pin(self, source: Source, requirements: Sequence[Requirement]) -> Requirement | None:
        """The DuckDB that ``source`` must have so that all sources of its destination can open the file.

        A ``duckdb==X`` in any of their requirements decides for all; else the default; else, where every
        one of them runs on a Python too old for that, the newest that this Python has. None where the
        source pins it itself. Raises ConfigurationError where two sources can't have one version.
        """
        group = self._group(source)
        own = next((version for version in (_exact(item) for item in requirements) if version), None)
        if own is not None:
            for name, (version, place) in group.pins.items():
                if version != own:
                    raise _conflict(source.name, own, name, version, place)
            return None
        if group.pins:
            name, (version, place) = next(iter(group.pins.items()))
            other = next((n for n, (v, _) in group.pins.items() if v != version), None)
            if other is not None:
                raise _conflict(name, version, other, *group.pins[other])
            return Requirement(f"duckdb=={version}", f"{place}, whose DuckDB file '{source.name}' shares")
        most = FOR_OLD_PYTHON.get(source.container.python)
        newer = next((python for python in group.pythons if python not in FOR_OLD_PYTHON), None)
        if most is not None and newer is not None:
            raise ConfigurationError(
                f"source '{source.name}' (Python {source.container.python}, DuckDB {most} at most) can't open"
                f" the file that '{group.pythons[newer]}' (Python {newer}) writes with DuckDB {DEFAULT}",
                "container.python: '3.11' or newer there, or"
                f" defaults.container.requirements: ['duckdb=={most}']",
            )
        if most is not None:
            most = FOR_OLD_PYTHON[min(group.pythons)]
        return Requirement(f"duckdb=={most or DEFAULT}", "one DuckDB for all sources that share its file")

    def _group(self, source: Source) -> _Group:
        if source.destination not in self._groups:
            self._groups[source.destination] = self._of(
                [s for s in self._project.sources if s.destination == source.destination and s.enabled]
            )
        group = self._groups[source.destination]
        if source.name in group.names:
            return group
        alone = self._of([source])  # a disabled one, which counts for itself alone
        return _Group(
            group.names | alone.names, {**group.pins, **alone.pins}, {**alone.pythons, **group.pythons}
        )

    def _of(self, sources: Sequence[Source]) -> _Group:
        pins = {s.name: found for s in sources if (found := _pinned(self._project, s)) is not None}
        pythons: dict[str, str] = {}
        for source in sources:
            pythons.setdefault(source.container.python, source.name)
        return _Group(frozenset(s.name for s in sources), pins, pythons)


def _pinned(project: Project, source: Source) -> tuple[str, str] | None:
    place = project.origin(source.name)
    own = [Requirement(text, place) for text in source.container.requirements]
    # Another source's unreadable file or folder is reported when that source is described.
    with contextlib.suppress(ConfigurationError, PermissionError):
        module = source.dlt_native.source_module
        own += requirement_files.of_module(project.custom_sources, module, root=project.root)
    for requirement in own:
        version = _exact(requirement)
        if version:
            return version, requirement.origin
    return None


def _exact(requirement: Requirement) -> str | None:
    try:
        parsed = Parsed(requirement.text)
    except InvalidRequirement:
        return None
    if parsed.name.lower() != "duckdb":
        return None
    return next((item.version for item in parsed.specifier if item.operator == "=="), None)


def _conflict(name: str, version: str, other: str, other_version: str, place: str) -> ConfigurationError:
    return ConfigurationError(
        f"sources '{name}' (duckdb=={version}) and '{other}' (duckdb=={other_version}, {place})"
        " share a DuckDB file, and an old DuckDB can't open a new one's",
        "pin one version in both, or give one of them a destination of its own",
    )
