"""An entry with all defaults filled in, and without secrets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from launcher.config.models import Source
from launcher.secrets import literals

MASK = "***"
_WHOLE = ("function_kwargs", "resource_kwargs", "env", "write_disposition", "schema_contract")
"""Keys whose empty values are meaningful."""


def resolved(source: Source, dlt: str) -> dict[str, Any]:
    """The entry as ``sources.yml`` would say it in full, in the file's order; what is empty is left out.

    ``dlt`` is the version of those that name none. Literals that look like secrets are ``***``, and
    ``env:NAME`` stays as it stands.
    """
    entry = source.model_dump(mode="json")
    native, container = entry["dlt_native"], entry["container"]
    native |= {"pipeline_name": source.pipeline_name, "dataset_name": source.dataset_name}
    container["dlt"] = source.container.dlt or f"=={dlt}"
    for key in ("write_disposition", "schema_contract"):
        said = getattr(source.dlt_native, key)
        native[key] = said if said is None or isinstance(said, str) else said.mapping
    for table, key in ((native, "function_kwargs"), (native, "resource_kwargs"), (container, "env")):
        table[key] = literals.replaced(table[key], lambda path, literal: MASK)
    found: dict[str, Any] = _filled(entry)
    return found


def _filled(table: Mapping[str, Any]) -> dict[str, Any]:
    """``table`` without empty values."""
    found = {
        key: _filled(value) if isinstance(value, Mapping) and key not in _WHOLE else value
        for key, value in table.items()
    }
    return {key: value for key, value in found.items() if value not in (None, "", [], {})}
