"""What a pipeline's state holds at the destination: its cursors, its schemas, its last load."""

from __future__ import annotations

import contextlib
import datetime
import typing

from runner.explain.wording import one_line
from runner.load import edits


def state_of(pipeline: typing.Any) -> dict[str, typing.Any]:
    """``cursors``: value and kind by ``resource.path``; ``resources`` that have any state; ``schemas`` with
    their versions; ``last_load``: when it ended, ISO 8601, empty where that can't be asked; ``edit``: the
    change that was made last (see ``edits.apply``). ``pipeline`` has been synced with the destination.
    """
    state = pipeline.state
    found = edits.cursors_of(state)
    sources = state.get("sources") or {}
    return {
        "cursors": {
            place: {"value": _text(cursor.get("last_value")), "kind": type(cursor.get("last_value")).__name__}
            for place, cursor in found.items()
        },
        "resources": sorted({name for kept in sources.values() for name in kept.get("resources") or {}}),
        "schemas": {name: pipeline.schemas[name].version for name in pipeline.schema_names},
        "last_load": _last_load(pipeline),
        "edit": str((sources.get(edits.MARK) or {}).get("edit", "")),
    }


def _text(value: typing.Any) -> str:
    return value.isoformat() if isinstance(value, datetime.date) else one_line(value, 200)


def _last_load(pipeline: typing.Any) -> str:
    with contextlib.suppress(Exception), pipeline.sql_client() as client:  # files have no SQL
        table = client.make_qualified_table_name("_dlt_loads")
        found = client.execute_sql(f"SELECT max(inserted_at) FROM {table} WHERE status = 0")
        return _text(found[0][0]) if found and found[0][0] is not None else ""
    return ""
