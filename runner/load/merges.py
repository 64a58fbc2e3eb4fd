"""Says which tables ask for a merge and are appended to instead: dlt does that without a word of its own."""

from __future__ import annotations

import typing

from runner.load import compat, intervals
from runner.load.session import Session


def note_repeats(session: Session, known: typing.Collection[str]) -> None:
    """Notes the tables that whole resources were appended to once more; ``known`` are those with rows before.

    A resource goes by what it has read before if it has a cursor or keeps a state of its own.
    """
    state = session.pipeline.state.get("sources") or {}
    loaded = session.tables_with_rows()
    repeated = []
    for schema in session.known_schemas():
        kept = (state.get(schema.name) or {}).get("resources") or {}
        for table in schema.data_tables():
            name = str(table["name"])
            whole = table.get("write_disposition") == "append" and not kept.get(table.get("resource"))
            if name in loaded and name in known and not table.get("parent") and whole:
                repeated.append(name)
    if repeated:
        session.steps.note(
            f"{', '.join(repeated)}: without a cursor all rows are appended at each run; to have each once, "
            "write dlt_native: {write_disposition: replace}, or merge where there is a key"
        )


def loaded_only_by_intervals(session: Session) -> set[str]:
    """The resources that have loaded intervals, and nothing yet by their cursor."""
    return {
        resource
        for kept in (session.pipeline.state.get("sources") or {}).values()
        for resource, state in (kept.get("resources") or {}).items()
        if state.get(intervals.MARK) and not state.get("incremental")
    }


def note_after_intervals(session: Session, by_interval: typing.Collection[str]) -> None:
    """Notes the tables that a first sync by the cursor has appended to, after intervals."""
    if session.job.interval is not None:
        return
    loaded = session.tables_with_rows()
    twice = [
        str(table["name"])
        for schema in session.known_schemas()
        for table in schema.data_tables()
        if table["name"] in loaded and not table.get("parent") and table.get("resource") in by_interval
        if table.get("write_disposition") == "append"
    ]
    if twice:
        session.steps.note(
            f"{', '.join(twice)}: appended from the cursor's beginning on, after intervals: rows that both "
            "have are there twice; to have each once, give it a key and write_disposition: merge"
        )


def note_appends(session: Session) -> None:
    """Notes the tables of this run whose rows will be there twice if they come again.

    A table without a key is appended to by the strategy delete-insert, and any table where the destination
    knows no strategy at all (plain files).
    """
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
            strategy = compat.merge_strategy(session.pipeline, schema.tables, table)
            if strategy is None:
                no_merge.append(str(table["name"]))
            elif strategy == "delete-insert" and not compat.has_key(table):
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
