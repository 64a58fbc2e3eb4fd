"""Says which tables have rows twice, or will have, because dlt appends to them without saying so."""

from __future__ import annotations

import typing

from runner.load import compat, intervals
from runner.load.session import Session


def loaded_only_by_intervals(session: Session) -> set[str]:
    """The resources that have loaded intervals, and nothing yet by their cursor."""
    return {
        resource
        for kept in (session.pipeline.state.get("sources") or {}).values()
        for resource, state in (kept.get("resources") or {}).items()
        if state.get(intervals.MARK) and not state.get("incremental")
    }


def note_appends(
    session: Session, known: typing.Collection[str], by_interval: typing.Collection[str]
) -> None:
    """Notes the tables of this run in which a row that comes again is there twice, and why.

    A merge appends where the table has no key (strategy delete-insert), and where the destination can't merge
    at all (plain files). Whole resources are appended once more where they have neither a cursor nor a state
    of their own, and rows of intervals where the first sync by the cursor loads them too. ``known`` are the
    tables that had rows before, ``by_interval`` the resources of ``loaded_only_by_intervals`` then.
    """
    state = session.pipeline.state.get("sources") or {}
    normalized = {table for counts in session.counted.values() for table in counts}
    with_rows = session.tables_with_rows()
    no_merge, no_key, repeated, after_intervals = [], [], [], []
    for schema in session.known_schemas():
        kept = (state.get(schema.name) or {}).get("resources") or {}
        for table in schema.data_tables():
            name, resource = str(table["name"]), table.get("resource")
            if table.get("parent") or name not in normalized:
                continue
            if table.get("write_disposition") == "merge":
                strategy = compat.merge_strategy(session.pipeline, schema.tables, table)
                if strategy is None:
                    no_merge.append(name)
                elif strategy == "delete-insert" and not compat.has_key(table):
                    no_key.append(name)
            elif table.get("write_disposition") == "append" and name in with_rows:
                if name in known and not kept.get(resource):
                    repeated.append(name)
                if resource in by_interval and session.job.interval is None:
                    after_intervals.append(name)
    for names, text in (
        (
            no_merge,
            f"destination '{session.job.destination.type}' can't merge, so the rows are appended: "
            "one that comes again is there twice",
        ),
        (
            no_key,
            "merge without a key appends: a row that comes again is there twice; "
            "give the resource a primary_key or merge_key",
        ),
        (
            repeated,
            "without a cursor all rows are appended at each run; to have each once, "
            "write dlt_native: {write_disposition: replace}, or merge where there is a key",
        ),
        (
            after_intervals,
            "appended from the cursor's beginning on, after intervals: rows that both have are there twice; "
            "to have each once, give it a key and write_disposition: merge",
        ),
    ):
        if names:
            session.steps.note(f"{', '.join(names)}: {text}")
