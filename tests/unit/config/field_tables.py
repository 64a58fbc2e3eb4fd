"""The tables of docs/sources.md, made of the models' own descriptions.

``python -m tests.unit.config.field_tables`` writes them, and docs/sources.schema.json, anew.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from pydantic_core import PydanticUndefined

from launcher.config import forms, models, schema

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "sources.md"
SCHEMA = ROOT / "docs" / "sources.schema.json"
_PLACE = re.compile(r"(<!-- fields: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def page() -> str:
    """The page with its tables as the models have them now."""
    by_name = {model.__name__: model for model in forms.Model.__subclasses__()}
    return _PLACE.sub(lambda found: f"{found[1]}{_table(by_name[found[2]])}{found[3]}", PAGE.read_text())


def schema_text() -> str:
    """The JSON Schema as a file."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


def _table(model: Any) -> str:
    rows = ["| key | default | |", "|---|---|---|"]
    for name, field in model.model_fields.items():
        escaped = models.descriptions_of(model)[name].replace("|", "\\|")
        rows.append(f"| `{name}` | {_default(field)} | {escaped} |")
    return "\n".join(rows) + "\n"


def _default(field: Any) -> str:
    if field.is_required():
        return "needed"
    value = field.default
    if value is PydanticUndefined or value is None or value in ((), {}, "") or isinstance(value, forms.Model):
        return ""
    return f"`{json.dumps(value) if isinstance(value, (bool, int)) else value}`"


if __name__ == "__main__":
    PAGE.write_text(page())
    SCHEMA.write_text(schema_text())
