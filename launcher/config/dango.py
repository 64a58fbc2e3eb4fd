"""A Dango project's ``.dango/sources.yml``, read as it stands.

Dango (getdango) keeps all its sources in that file; ``dlt_native`` entries are run here, the others are left
to it. It writes ``version: "1.0"``, ignores keys that it does not know and reads names in any case.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from launcher.config.document import Document, read_text
from launcher.config.models import Foreign, Source
from launcher.config.toml_files import at
from launcher.errors import ConfigurationError, did_you_mean

FOLDER = ".dango"
_VERSIONS = ("1.0", "1", 1, 1.0)


def is_dango(file: Path) -> bool:
    """Whether the file lies in a Dango project's own folder; the project's root is then the folder above."""
    return file.parent.name == FOLDER


def warehouse(root: Path) -> str | None:
    """The DuckDB file that ``.dango/project.yml`` names for all of Dango; None where it names none."""
    file = root / FOLDER / "project.yml"
    try:
        path = at(Document(file, read_text(file)).data, "platform.duckdb_path")
    except ConfigurationError:
        return None
    return path if isinstance(path, str) and path else None


def adapt(document: Document) -> tuple[dict[str, Any], list[int], list[Foreign]]:
    """The file's data as ``sources.yml`` would have it, each entry's place in the file, and the other types'.

    What can't be made sense of stays as it is, for the models to refuse.
    """
    data = dict(document.data)
    if data.get("version") in _VERSIONS:
        data.pop("version")
    entries = data.get("sources")
    if not isinstance(entries, list):
        return data, [], []
    kept: dict[int, Any] = {}
    foreign: list[Foreign] = []
    for i, entry in enumerate(entries):
        kind = entry.get("type") if isinstance(entry, dict) else None
        if isinstance(kind, str) and kind != "dlt_native":
            name = entry["name"] if isinstance(entry.get("name"), str) else f"[{i}]"
            foreign.append(Foreign(name=name, type=kind, line=document.line(("sources", i))))
        else:
            kept[i] = _entry(entry) if isinstance(entry, dict) else entry
    return {**data, "sources": list(kept.values())}, list(kept), foreign


def _entry(entry: dict[str, Any]) -> dict[str, Any]:
    """An entry without the keys that are Dango's alone; a misspelt one of ours stays, to be refused."""
    own = set(Source.model_fields)
    kept = {key: value for key, value in entry.items() if key in own or did_you_mean(key, own)}
    if isinstance(kept.get("name"), str):
        kept["name"] = kept["name"].lower()
    return kept
