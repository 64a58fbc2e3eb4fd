"""Secrets that are still to be filled in, as those of a new entry are."""

from __future__ import annotations

from collections.abc import Mapping

from launcher.config.models import Source
from launcher.config.toml_files import at
from launcher.secrets import literals
from launcher.secrets.slices import Table


def told(source: Source, secrets: Table) -> str:
    """``[SECTION] KEY, KEY; [SECTION] KEY are``, in words that "empty" follows; empty where all have a value.

    Looked at are the entry's own section, and those that it shares but for what its own says.
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
    several = sum(map(len, sections.values())) > 1
    words = "; ".join(f"[{section}] {', '.join(keys)}" for section, keys in sections.items())
    return words and f"{words} {'are' if several else 'is'}"
