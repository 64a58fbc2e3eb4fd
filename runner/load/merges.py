"""Says which tables ask for a merge and are appended to instead: dlt does that without a word of its own."""

from __future__ import annotations

from runner.load import compat
from runner.load.session import Session


def note_appends(session: Session) -> None:
    """Notes the tables of this run whose rows will be there twice if they come again.

    A table without a key is appended to by the strategy delete-insert, and any table where the destination
    knows no strategy at all (plain files).
    """
    from dlt.common.schema.utils import get_columns_names_with_prop

    loaded = {table for counts in session.counted.values() for table in counts}
    no_key, no_merge = [], []
    for schema in session.known_schemas():
        for table in schema.data_tables():
            if (
                table["name"] not in loaded
                or table.get("parent")
                or table.get("write_disposition") != "merge"
            ):
                continue
            strategy = compat.merge_strategy(session.pipeline, schema, table)
            if strategy is None:
                no_merge.append(str(table["name"]))
            elif strategy == "delete-insert" and not any(
                get_columns_names_with_prop(table, key) for key in ("primary_key", "merge_key")
            ):
                no_key.append(str(table["name"]))
    if no_merge:
        session.steps.note(
            f"{', '.join(no_merge)}: destination '{session.job.destination.type}' can't merge,"
            " so the rows are appended: one that comes again is there twice"
        )
    if no_key:
        session.steps.note(
            f"{', '.join(no_key)}: merge without a key appends: a row that comes again is there twice;"
            " give the resource a primary_key or merge_key"
        )
