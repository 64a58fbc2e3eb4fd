"""dlt's own words in ``sources.yml``: write dispositions and schema contracts, those of dlt 1.18 to 1.31.

dlt takes a mapping of any keys and leaves aside those that it doesn't know, so that a slip would load other
rows than were asked for. What an image's own dlt knows of them, which may be older, its runner tells.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, ValidationError, WithJsonSchema
from pydantic_core import InitErrorDetails, PydanticCustomError

from launcher.config.base import Model
from launcher.config.forms import choice, form, matches
from launcher.errors import near_miss

DISPOSITIONS = ("append", "replace", "merge", "skip")
STRATEGIES = ("delete-insert", "upsert", "insert-only", "scd2", "cdc")
CONTRACT_MODES = ("evolve", "discard_value", "discard_row", "freeze")
_WITH_STRATEGIES: dict[str, tuple[str, ...]] = {
    "validity_column_names": ("scd2",),
    "active_record_timestamp": ("scd2",),
    "boundary_timestamp": ("scd2",),
    "row_version_column_name": ("scd2", "upsert", "cdc"),
    "skip_unchanged_rows": ("upsert", "cdc"),
    "source_filter": ("delete-insert", "scd2", "upsert", "cdc"),
    "destination_scope": ("delete-insert", "scd2", "cdc"),
}
"""The strategies that read a key; with another one dlt refuses it, or leaves it aside without a word."""


def _timestamp(value: Any) -> str | None:
    known = value is None or (
        isinstance(value, (str, int, float)) and not isinstance(value, bool) and value != ""
    )
    return None if known else "must be a date or a time, such as 9999-12-31"


def _pair(value: tuple[str, ...]) -> str | None:
    return None if len(value) == 2 else "must be two names: the column of the beginning and that of the end"


Text = Annotated[str, matches(r"\S(.*\S)?", "text without blanks at its ends", 2000)]
Condition = Annotated[
    str, form(lambda text: None if text.strip() else "must be an SQL condition", r"[\s\S]*\S[\s\S]*")
]
Timestamp = Annotated[Any, form(_timestamp), WithJsonSchema({"type": ["string", "number", "null"]})]


class WriteDisposition(Model):
    """dlt's mapping of how rows are written."""

    disposition: Annotated[str, choice(DISPOSITIONS)] = Field(description="append, replace, merge or skip.")
    strategy: Annotated[str, choice(STRATEGIES)] | None = Field(
        default=None,
        description="merge: delete-insert, upsert, insert-only, scd2 or cdc; default: the destination's own.",
    )
    deduplicated: bool | None = Field(
        default=None,
        description="merge: true where no key stands twice among a run's rows, so that dlt need not look.",
    )
    validity_column_names: Annotated[tuple[Text, ...], form(_pair)] | None = Field(
        default=None,
        description="scd2: the columns that say from when and until when a row holds.",
        json_schema_extra={"minItems": 2, "maxItems": 2},
    )
    active_record_timestamp: Timestamp = Field(
        default=None, description="scd2: until when rows hold that hold now; default: NULL."
    )
    boundary_timestamp: Timestamp = Field(
        default=None, description="scd2: when a run's changes begin to hold; default: when it runs."
    )
    row_version_column_name: Text | None = Field(
        default=None, description="scd2, upsert and cdc: the column that changes when a row does."
    )
    skip_unchanged_rows: bool | None = Field(
        default=None, description="upsert and cdc: true leaves rows alone that are the same."
    )
    source_filter: Condition | None = Field(
        default=None, description="merge: the SQL condition of the rows that are merged."
    )
    destination_scope: Condition | None = Field(
        default=None,
        description="delete-insert, scd2 and cdc: the SQL condition of the rows that a merge may take away.",
    )

    @property
    def mapping(self) -> dict[str, Any]:
        """What dlt is given: the keys that say something, as an empty boundary_timestamp does."""
        given = self.model_dump(mode="json", exclude_unset=True)
        return {
            key: value for key, value in given.items() if value is not None or key == "boundary_timestamp"
        }


Mode = Annotated[str, choice(CONTRACT_MODES)]


class SchemaContract(Model):
    """dlt's mapping of what may change in the schema."""

    tables: Mode | None = Field(default=None, description="New tables.")
    columns: Mode | None = Field(default=None, description="New columns.")
    data_type: Mode | None = Field(default=None, description="Values of another type than their column's.")

    @property
    def mapping(self) -> dict[str, str]:
        """What dlt is given: the keys that say something."""
        return self.model_dump(exclude_none=True)


def _misplaced(found: WriteDisposition) -> dict[str, str]:
    """Keys that dlt would leave aside, and why."""
    given = [key for key in found.mapping if key != "disposition"]
    if found.disposition != "merge":
        return dict.fromkeys(given, f"is for disposition: merge, not for {found.disposition}")
    wrong = {}
    for key in given:
        readers = _WITH_STRATEGIES.get(key)
        # The destination chooses a strategy where none is given, but never scd2.
        if readers and found.strategy not in readers and (found.strategy is not None or readers == ("scd2",)):
            wrong[key] = f"is for strategy: {' or '.join(readers)}"
    return wrong


def _word_or(
    words: tuple[str, ...], model: type[Model], mapping: str, more: Callable[[Any], dict[str, str]]
) -> Callable[[Any], Any]:
    """One of ``words``, or a mapping that ``model`` checks, each fault at its own key's place."""
    legal = f"must be one of {', '.join(words)}, or a mapping {mapping}"

    def validated(value: Any) -> Any:
        if isinstance(value, dict):
            made = model.model_validate_json(json.dumps(value))
            faults = [
                InitErrorDetails(
                    type=PydanticCustomError("form", "{wrong}", {"wrong": wrong}), loc=(key,), input=None
                )
                for key, wrong in more(made).items()
            ]
            if faults:
                raise ValidationError.from_exception_data(model.__name__, faults, hide_input=True)
            return made
        if value is None or value in words:
            return value
        close = near_miss(value, words) if isinstance(value, str) else ""
        raise PydanticCustomError("form", "{wrong}", {"wrong": legal + close})

    return validated


Disposition = Annotated[
    Annotated[str, choice(DISPOSITIONS)] | WriteDisposition,
    BeforeValidator(
        _word_or(DISPOSITIONS, WriteDisposition, "with 'disposition' and 'strategy'", _misplaced)
    ),
]
Contract = Annotated[
    Mode | SchemaContract,
    BeforeValidator(
        _word_or(CONTRACT_MODES, SchemaContract, "of tables, columns, data_type to them", lambda made: {})
    ),
]
