"""Secrets that are missing or still empty, and the line that would share those of another section."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from launcher.config.faults import shown_path
from launcher.config.models import Project, Source
from launcher.config.toml_files import SECRETS, at, read_toml
from launcher.errors import ConfigurationError
from launcher.secrets import literals
from launcher.secrets.slices import Table

_MISSING = re.compile(r"missing (?:secret|setting)s? (?P<names>'.*?') for source '")
"""How the runner's messages begin (``runner.explain.credentials``)."""


def line_for(project: Project, source: Source, names: Iterable[str]) -> str:
    """The line to write if exactly one other section below ``[sources]`` has half of ``names``; else "".

    Half, because a single field like ``email`` may be in any section.
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
    """The keys that have a value, of a section and of its credentials."""
    below = table.get("credentials")
    both = {**table, **(below if isinstance(below, Mapping) else {})}
    return {key for key, value in both.items() if str(value).strip()} - {"credentials"}


def refuse_empty(project: Project, source: Source, secrets: Table) -> None:
    """Raise ConfigurationError for empty values in the entry's own section, or in those that it shares.

    Keys of a shared section that its own section has too are left out.
    """
    own = f"sources.{source.name}"
    sections: dict[str, list[str]] = {}
    for section in dict.fromkeys((own, *source.dlt_native.secret_sections)):
        table = at(secrets, section)
        for key, value in table.items() if isinstance(table, Mapping) else ():
            if section != own and key in (at(secrets, own) or {}):
                continue
            for path, text in literals.strings(value, f"{section}.{key}"):
                if not text.strip():
                    above, _, name = path.rpartition(".")
                    sections.setdefault(above, []).append(name)
    if sections:
        words = "; ".join(f"[{section}] {', '.join(keys)}" for section, keys in sections.items())
        verb = "are" if sum(map(len, sections.values())) > 1 else "is"
        raise ConfigurationError(
            f"{project.line(source.name)}: {words} {verb} empty.",
            f"Give a value in {shown_path(project.root / SECRETS)}, or remove the line.",
        )
