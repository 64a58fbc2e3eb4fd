"""Destinations that are files of this host: where they are, and how dlt is told so in the container.

In dlt 1.18 to 1.31, such a destination without a path writes to the working directory, which in a container
is lost at its end.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from launcher.config.faults import shown_path
from launcher.config.models import Project
from launcher.errors import ConfigurationError
from runner.contract import DATA_DIR

KeyPath = tuple[str, ...]


@dataclass(frozen=True)
class Settings:
    """What is said of one source's destination, and where its files may lie."""

    project: Project
    where: str
    """``sources.yml:12: jira``, for messages."""
    name: str
    type: str
    table: Mapping[str, Any]
    """``[destination.<name>]`` of both files as one table."""

    @property
    def plain(self) -> bool:
        """Whether the destination has dlt's own name, not one of the user's."""
        return self.name == self.type

    def default(self, plain: str, suffix: str) -> str:
        """The name below ``data/`` where the settings give no path."""
        return f"{plain if self.plain else self.name}{suffix}"


@dataclass(frozen=True)
class Local:
    """A file or folder below ``data/``, and ``[destination.<name>]``'s keys as the container needs them.

    A key whose value is None is removed, because the job names the place.
    """

    file: Path
    inside: str
    lock: str | None = None
    settings: Mapping[KeyPath, Any] = field(default_factory=dict)


def local_of(found: Settings) -> Local | None:
    """The file behind a destination; None where it is reached by network.

    Raises ConfigurationError for a file outside ``data/``, and for none that would outlive the container.
    """
    finder = _FINDERS.get(found.type.rpartition(".")[2])
    return finder(found) if finder is not None else None


def _duckdb(found: Settings) -> Local:
    credentials = found.table.get("credentials")
    within = isinstance(credentials, Mapping)
    text = credentials.get("database") if isinstance(credentials, Mapping) else credentials
    path = _duckdb_path(text, found) or (found.project.warehouse if found.plain else None)
    return _made(
        _below_data(path, found.default("warehouse", ".duckdb"), found),
        found,
        {("credentials", "database") if within else ("credentials",): None},
        locked=True,
    )


def _duckdb_path(text: Any, found: Settings) -> str | None:
    if not isinstance(text, str) or not text.strip():
        return None
    path = re.sub(r"^duckdb:(///)?", "", text.strip()).partition("?")[0]
    if path.startswith(("md:", "motherduck:")):
        raise ConfigurationError(
            f"{found.where}: '{found.name}' is a duckdb destination; these are MotherDuck's.",
            "Use `destination: motherduck` and put them below [destination.motherduck].",
        )
    if path.startswith(":"):
        raise ConfigurationError(
            f"{found.where}: the destination '{found.name}' has no file, so its rows "
            "would be lost with the container.",
            f"Leave its credentials out ({found.project.warehouse}), or name a file below data/.",
        )
    return path or None


def _lance(found: Settings) -> Local | None:
    storage = found.table.get("storage")
    url = storage.get("bucket_url") if isinstance(storage, Mapping) else storage
    return _folder(url, ("storage", "bucket_url"), found.default("lance", ""), found)


def _folder(url: Any, key: KeyPath, default: str, found: Settings) -> Local | None:
    if is_remote(url):
        return None
    path = url.removeprefix("file://") if isinstance(url, str) else None
    file = _below_data(path, default, found)
    return _made(file, found, {key: _inside(file, found)})


def _lancedb(found: Settings) -> Local | None:
    credentials = found.table.get("credentials")
    given = credentials.get("uri") if isinstance(credentials, Mapping) else None
    uri = found.table.get("lance_uri") or given
    if is_remote(uri):
        return None
    file = _below_data(uri if isinstance(uri, str) else None, found.default("lancedb", ".lancedb"), found)
    return _made(file, found, {("lance_uri",): _inside(file, found), ("credentials", "uri"): None})


def _sqlalchemy(found: Settings) -> Local | None:
    path = file_of(found.table.get("credentials"), "sqlite")
    if path is None:
        return None
    file = _below_data(path, "", found)
    return _made(file, found, {("credentials",): f"sqlite:///{_inside(file, found)}"}, locked=True)


def _ducklake(found: Settings) -> Local | None:
    credentials = found.table.get("credentials")
    given = credentials if isinstance(credentials, Mapping) else {}
    catalog, storage = given.get("catalog"), given.get("storage")
    url = storage.get("bucket_url") if isinstance(storage, Mapping) else storage
    settings: dict[KeyPath, Any] = {}
    files: Path | None = None
    if not is_remote(url):
        path = url.removeprefix("file://") if isinstance(url, str) else None
        files = _below_data(path, found.default("ducklake", ".files"), found)
        settings[("credentials", "storage")] = {"bucket_url": _inside(files, found)}
    for driver in ("sqlite", "duckdb"):
        path = file_of(catalog, driver)
        if path is not None or (not catalog and driver == "sqlite"):
            file = _below_data(path, found.default("ducklake", ".sqlite"), found)
            settings[("credentials", "catalog")] = f"{driver}:///{_inside(file, found)}"
            return _made(file, found, settings, locked=True)
    return _made(files, found, settings) if files is not None else None


_FINDERS: Mapping[str, Callable[[Settings], Local | None]] = {
    "duckdb": _duckdb,
    "ducklake": _ducklake,
    "filesystem": lambda found: _folder(
        found.table.get("bucket_url"), ("bucket_url",), found.default("files", ""), found
    ),
    "lance": _lance,
    "lancedb": _lancedb,
    "sqlalchemy": _sqlalchemy,
}


def is_remote(url: Any) -> bool:
    """Whether an address has a scheme that is not that of files."""
    return isinstance(url, str) and "://" in url and not url.startswith("file://")


def file_of(credentials: Any, driver: str) -> str | None:
    """The file of credentials for a database that is one (SQLite, DuckDB); None for any other."""
    if isinstance(credentials, Mapping):
        if str(credentials.get("drivername", "")).split("+")[0] != driver:
            return None
        return str(credentials.get("database") or "") or None
    if not isinstance(credentials, str):
        return None
    match = re.fullmatch(rf"{driver}(?:\+\w+)?:///([^?]+)(?:\?.*)?", credentials.strip())
    return match[1] if match else None


def _made(file: Path, found: Settings, settings: Mapping[KeyPath, Any], *, locked: bool = False) -> Local:
    inside = _inside(file, found)
    folder, _, name = inside.rpartition("/")
    return Local(file, inside, f"{folder}/.{name}.lock" if locked else None, settings)


def _inside(file: Path, found: Settings) -> str:
    return f"{DATA_DIR}/{file.relative_to(found.project.data).as_posix()}"


def _below_data(path: str | None, default: str, found: Settings) -> Path:
    """The host's path. One that begins with ``/data/`` is taken as the container's own name for ``data/``."""
    if path is None or not path.strip():
        return found.project.data / default
    file = Path(os.path.normpath(found.project.root / path))
    if path.startswith(f"{DATA_DIR}/"):
        file = Path(os.path.normpath(found.project.data / path.removeprefix(DATA_DIR).lstrip("/")))
    real, data = Path(os.path.realpath(file)), Path(os.path.realpath(found.project.data))
    if data not in real.parents or found.project.data not in file.parents:
        raise ConfigurationError(
            f"{found.where}: {shown_path(file)}, the file of destination '{found.name}', is not "
            f"below {shown_path(found.project.data)}/, which is all that a source's container can write.",
            f'Move it there and give its place as "data/{file.name}" in [destination.{found.name}].',
        )
    return file
