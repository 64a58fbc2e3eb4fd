"""Recovery for destinations that store files, where rows can't be deleted by SQL."""

from __future__ import annotations

import contextlib
import json
import re
import typing

from dlt.common.destination.exceptions import DestinationUndefinedEntity

from runner.explain.wording import counted
from runner.load.session import Session

_LOAD_ID = re.compile(r"(?<!\d)\d{10}\.\d+(?!\d)")


def completed_loads(client: typing.Any) -> set[str]:
    """The ids of the loads that a filesystem destination lists as completed."""
    names = (str(path).rsplit("/", 1)[-1] for path in table_files(client, client.schema.loads_table_name))
    return {found[0] for found in (_LOAD_ID.findall(name) for name in names) if found}


def forget_loads(client: typing.Any, load_ids: typing.Collection[str]) -> None:
    """Removes these loads from the destination's list of completed loads."""
    for path in table_files(client, client.schema.loads_table_name):
        if set(_LOAD_ID.findall(path.rsplit("/", 1)[-1])) & set(load_ids):
            client.fs_client.rm_file(path)


def forget_early_states(client: typing.Any, pipeline_name: str) -> None:
    """Deletes the pipeline's states of loads that were never completed.

    dlt stores a load's state before the load is complete, and restores the newest state even if its load was
    never completed.
    """
    done = completed_loads(client)
    for path in table_files(client, client.schema.state_table_name):
        name = path.rsplit("/", 1)[-1].rsplit("__", 2)
        if len(name) == 3 and name[0] == pipeline_name and name[1] not in done:
            client.fs_client.rm_file(path)


def sweep_files(
    session: Session, client: typing.Any, schema: typing.Any, names: typing.Sequence[str]
) -> None:
    """Deletes files of loads that were never completed.

    This needs a layout with ``{load_id}``, as dlt's default has; without it, a note says what may be doubled.
    """
    layout = getattr(getattr(client, "config", None), "layout", None)
    if not hasattr(client, "list_table_files") or layout is None:
        session.steps.note(
            "this destination can't be searched for rows of a load that was cut off: if one was, "
            "they are there twice"
        )
        return
    if "{load_id}" not in layout:
        session.steps.note(
            "the files' layout doesn't name the load (no {load_id}), so files of a load that was "
            "cut off can't be told from others, and their rows may stand there twice"
        )
        return
    done = completed_loads(client)
    deleted = 0
    for name in names:
        if schema.tables[name].get("table_format") in ("delta", "iceberg"):
            continue
        for path in table_files(client, name):
            found = _LOAD_ID.findall(str(path).rsplit(f"/{client.dataset_name}/", 1)[-1])
            if found and not done & set(found):
                client.fs_client.rm_file(path)
                deleted += 1
    if deleted:
        session.steps.note(
            f"removed, and written again: {counted(deleted, 'file')} of a load that was cut off"
        )


def table_files(client: typing.Any, table: str) -> list[str]:
    """The files of a table; none where there is no such table, or where the destination stores no files."""
    try:
        return [str(path) for path in client.list_table_files(table)]
    except (AttributeError, FileNotFoundError, DestinationUndefinedEntity):
        return []


def table_rows(client: typing.Any, table: str) -> list[dict[str, typing.Any]]:
    """The rows of one of dlt's own tables, each of which is a file. Files that can't be read are left out."""
    rows = []
    for path in sorted(table_files(client, table)):
        with contextlib.suppress(ValueError):
            row = json.loads(client.fs_client.read_text(path, encoding="utf-8"))
            rows += [row] if isinstance(row, dict) else []
    return rows
