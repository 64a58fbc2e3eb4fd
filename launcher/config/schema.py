"""The JSON Schema of ``sources.yml``, from the same models that check it."""

from __future__ import annotations

from typing import Any

from launcher.config.models import File


def schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) that lets an editor complete and check ``sources.yml``."""
    made = File.model_json_schema()
    _without_titles(made)
    made["patternProperties"] = {"^x-": {}}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "dltpod sources.yml", **made}


def _without_titles(value: Any) -> None:
    """pydantic titles every field with its own name, which tells an editor nothing."""
    if isinstance(value, dict):
        if isinstance(value.get("title"), str):
            del value["title"]
        for item in value.values():
            _without_titles(item)
    elif isinstance(value, list):
        for item in value:
            _without_titles(item)
