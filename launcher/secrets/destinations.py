"""A source's destination, and how the container's configuration files name it.

A destination that is a file lies below ``data/``, the only folder of the host that the container may write
to; it is mounted at ``/data``.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from launcher.config.destinations import EXTRAS
from launcher.config.faults import shown_path
from launcher.config.models import Project, Source
from launcher.errors import ConfigurationError, did_you_mean
from launcher.secrets.local_files import Settings, local_of
from launcher.secrets.slices import Table, merge, put
from runner.contract import DATA_DIR, Destination


def settings(
    project: Project, source: Source, secrets: Mapping[str, Any], config: Mapping[str, Any]
) -> Settings:
    """What the selected files say of a source's destination. The pipeline's own tables win, then secrets."""
    name = source.destination
    merged: Table = {}
    for below in _tables(source.pipeline_name, config, secrets):
        if below.get("credentials") is not None:
            merged = merge(merged, {"credentials": below["credentials"]})
        if isinstance(below.get(name), Mapping):
            merged = merge(merged, below[name])
    kind = merged.get("destination_type")
    where = f"{project.line(source.name)}: {source.name}"
    return Settings(project, where, name, kind if isinstance(kind, str) and kind else name, merged)


def _tables(pipeline: str, *files: Mapping[str, Any]) -> list[Any]:
    """Each ``destination`` table of the files, those of the pipeline last."""
    own = [file.get(pipeline) for file in files]
    places = [*files, *(table for table in own if isinstance(table, Mapping))]
    return [below for place in places if isinstance(below := place.get("destination"), Mapping)]


def resolve(found: Settings) -> Destination:
    """The destination for the job. Raises ConfigurationError: unknown, or a file outside ``data/``."""
    if found.type not in EXTRAS and "." not in found.type:
        close = did_you_mean(found.type, EXTRAS)
        raise ConfigurationError(
            f"{found.where}: '{found.type}' is not a destination of dlt{close}.",
            f"dlt's are: {', '.join(sorted(EXTRAS))}",
        )
    name = "" if found.name == found.type else found.name
    local = local_of(found)
    if local is None:
        url = found.table.get("bucket_url")
        # A bucket's address is shown without its query, which may contain a secret.
        shown = url.partition("?")[0] if isinstance(url, str) and "@" not in url else ""
        return Destination(found.type, name, shown=shown or found.name)
    return Destination(found.type, name, local.inside, local.lock, shown_path(local.file))


def folder_of(destination: Destination) -> PurePosixPath | None:
    """The destination's folder below ``/data``, the only one that its sources may see.

    For a database, the folder that contains its file, because it writes files beside it. For a lake, whose
    catalog and files may be in different folders, ``/data``. None for a destination in the network.
    """
    if destination.file is None:
        return None
    kind = destination.kind
    if kind == "ducklake":
        return PurePosixPath(DATA_DIR)
    file = PurePosixPath(destination.file)
    return file.parent if kind in ("duckdb", "sqlalchemy") else file


def map_into(pipeline: str, found: Settings, secrets: Table, config: Table) -> None:
    """Change both tables so that they name a file destination by its path in the container.

    Raises ConfigurationError as ``local_of``.
    """
    local = local_of(found)
    if local is None:
        return
    for below in _tables(pipeline, secrets, config):
        for path in local.settings:
            for table in (below.get(found.name), below if path[0] == "credentials" else None):
                _take_out(table, path)
    for path, value in local.settings.items():
        if value is not None:
            # dlt takes no credentials from config.toml
            put(secrets if path[0] == "credentials" else config, ("destination", found.name, *path), value)
    for file in (secrets, config):
        _drop_empty(file, ("destination", found.name))


def _take_out(table: Any, path: tuple[str, ...]) -> None:
    for step in path[:-1]:
        table = table.get(step) if isinstance(table, dict) else None
    if isinstance(table, dict):
        table.pop(path[-1], None)


def _drop_empty(table: Table, path: tuple[str, ...]) -> None:
    if path and isinstance(table.get(path[0]), dict):
        _drop_empty(table[path[0]], path[1:])
    for key in [key for key, value in table.items() if value == {} and (not path or key == path[0])]:
        del table[key]
