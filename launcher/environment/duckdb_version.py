"""One DuckDB version for all sources that share a file: an old one can't open a new one's."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

from packaging.requirements import InvalidRequirement
from packaging.requirements import Requirement as Parsed

from launcher.config.models import Project, Source
from launcher.environment import requirement_files
from launcher.environment.requirement import Requirement
from launcher.errors import ConfigurationError

DEFAULT = "2.0.0"
FOR_OLD_PYTHON = {"3.10": "1.5.6"}
"""The newest DuckDB that a Python has, where it can't have the default."""


def pin(project: Project, source: Source, requirements: Sequence[Requirement]) -> Requirement | None:
    """The DuckDB that ``source`` must have so that all sources of its destination can open the file.

    A ``duckdb==X`` in any of their requirements decides for all; else the default; else, where every
    one of them runs on a Python too old for that, the newest that this Python has. None where the
    source pins it itself. Raises ConfigurationError where two sources can't have one version.
    """
    group = [other for other in project.sources if other.destination == source.destination and other.enabled]
    if source not in group:
        group.append(source)
    pins = {
        name: found for name, found in ((other.name, _pinned(project, other)) for other in group) if found
    }
    own = next((version for version in (_exact(item) for item in requirements) if version), None)
    if own is not None:
        for name, (version, place) in pins.items():
            if version != own:
                raise _apart(source.name, own, name, version, place)
        return None
    if pins:
        name, (version, place) = next(iter(pins.items()))
        others = {v for v, _ in pins.values()}
        if len(others) > 1:
            other = next(n for n, (v, _) in pins.items() if v != version)
            raise _apart(name, version, other, *pins[other])
        return Requirement(f"duckdb=={version}", f"{place}, whose DuckDB file '{source.name}' shares")
    pythons = {other.container.python for other in group}
    old = sorted(python for python in pythons if python in FOR_OLD_PYTHON)
    if not old or source.container.python not in FOR_OLD_PYTHON:
        return Requirement(f"duckdb=={DEFAULT}", "one DuckDB for all sources that share its file")
    if pythons <= set(FOR_OLD_PYTHON):
        return Requirement(
            f"duckdb=={FOR_OLD_PYTHON[old[0]]}", "one DuckDB for all sources that share its file"
        )
    newer = next(item for item in group if item.container.python not in FOR_OLD_PYTHON)
    python = source.container.python
    most = FOR_OLD_PYTHON[python]
    raise ConfigurationError(
        f"source '{source.name}' (Python {python}, DuckDB {most} at most) can't open the file that"
        f" '{newer.name}' (Python {newer.container.python}) writes with DuckDB {DEFAULT}",
        f"container.python: '3.11' or newer there, or defaults.container.requirements: ['duckdb=={most}']",
    )


def _pinned(project: Project, source: Source) -> tuple[str, str] | None:
    place = f"{project.file.name}:{project.lines.get(source.name, 1)} ({source.name})"
    own = [Requirement(text, place) for text in source.container.requirements]
    # Another source's unreadable file is that source's fault, told when it is described itself.
    with contextlib.suppress(ConfigurationError):
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


def _apart(name: str, version: str, other: str, other_version: str, place: str) -> ConfigurationError:
    return ConfigurationError(
        f"sources '{name}' (duckdb=={version}) and '{other}' (duckdb=={other_version}, {place})"
        " share a DuckDB file, and an old DuckDB can't open a new one's",
        "pin one version in both, or give one of them a destination of its own",
    )
