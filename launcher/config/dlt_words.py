"""dlt's own words in ``sources.yml``: write dispositions and schema contracts, those of dlt 1.18 to 1.31.

What else a write disposition's mapping may hold depends on the version of dlt, so the image's own dlt is
asked: by ``check --deep``, and by a run before the source starts.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Annotated, Any, Literal, get_args

from pydantic import BeforeValidator, ConfigDict

from launcher.config.forms import Model, fault
from launcher.errors import did_you_mean

Word = Literal["append", "replace", "merge", "skip"]
Mode = Literal["evolve", "discard_value", "discard_row", "freeze"]
DISPOSITIONS: tuple[str, ...] = get_args(Word)
CONTRACT_MODES: tuple[str, ...] = get_args(Mode)


class WriteDisposition(Model):
    """dlt's mapping of how rows are written; other keys are passed on to dlt."""

    model_config = ConfigDict(extra="allow")

    disposition: Word
    """append, replace, merge or skip."""

    @property
    def mapping(self) -> dict[str, Any]:
        """What dlt is given: keys that have a value, and boundary_timestamp, which dlt reads when empty."""
        given = self.model_dump(mode="json")
        return {
            key: value for key, value in given.items() if value is not None or key == "boundary_timestamp"
        }


class SchemaContract(Model):
    """dlt's mapping of what may change in the schema."""

    tables: Mode | None = None
    """New tables."""
    columns: Mode | None = None
    """New columns."""
    data_type: Mode | None = None
    """Values of another type than their column's."""

    @property
    def mapping(self) -> dict[str, str]:
        """What dlt is given: the keys that have a value."""
        return self.model_dump(exclude_none=True)


def _word_or(words: tuple[str, ...], model: type[Model], mapping: str) -> Callable[[Any], Any]:
    """One of ``words``, or a mapping that ``model`` checks, each fault at its own key's place."""
    legal = f"must be one of {', '.join(words)}, or a mapping {mapping}"

    def validated(value: Any) -> Any:
        if isinstance(value, dict):
            return model.model_validate_json(json.dumps(value))
        if value is None or value in words:
            return value
        close = did_you_mean(value, words) if isinstance(value, str) else ""
        raise fault(legal + close)

    return validated


Disposition = Annotated[
    Word | WriteDisposition,
    BeforeValidator(_word_or(DISPOSITIONS, WriteDisposition, "with 'disposition'")),
]
Contract = Annotated[
    Mode | SchemaContract,
    BeforeValidator(_word_or(CONTRACT_MODES, SchemaContract, "of tables, columns, data_type to them")),
]
