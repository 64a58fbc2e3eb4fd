"""Missing secrets that another section has: the line that shares it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from launcher.config.models import Project, Source
from launcher.config.toml_files import SECRETS, read_toml
from launcher.errors import ConfigurationError

_MISSING = re.compile(r"missing (?:secret|setting)s? (?P<names>'.*?') for source '")
"""How the runner tells of them (``runner.explain.credentials``)."""


def line_for(project: Project, source: Source, names: Iterable[str]) -> str:
    """What to write where exactly one other section below ``[sources]`` has half of ``names``; else empty.

    A field like ``email`` alone is in sections of all kinds.
    """
    try:
        sections = read_toml(project.root / SECRETS).get("sources")
    except ConfigurationError:
        return ""
    wanted = set(names)
    found = [
        name
        for name, table in (sections.items() if isinstance(sections, Mapping) else ())
        if name not in (source.name, "credentials") and isinstance(table, Mapping)
        if wanted and 2 * len(wanted & _keys(table)) >= len(wanted)
    ]
    if len(found) != 1 or f"sources.{found[0]}" in source.dlt_native.secret_sections:
        return ""
    return f"or share [sources.{found[0]}]: dlt_native: {{secret_sections: [sources.{found[0]}]}}"


def line_after(project: Project, source: Source, message: str) -> str:
    """The same for the secrets that a run's message says are missing."""
    told = _MISSING.match(message)
    return line_for(project, source, re.findall(r"'([^'.]+)'", told["names"])) if told else ""


def _keys(table: Mapping[str, object]) -> set[str]:
    below = table.get("credentials")
    return {*table, *(below if isinstance(below, Mapping) else ())} - {"credentials"}
