"""The destination of a job as dlt knows it, and what its errors mean."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import re
import stat
import time
import typing
from collections.abc import Callable
from pathlib import Path

from runner.contract import Destination, ExitCode, Failure, FailureKind
from runner.explain.causes import unwrap
from runner.explain.classify import JobFailed
from runner.explain.wording import one_line
from runner.load.progress import Steps

_NEWER_FILE = re.compile(
    r"database file with version number|newer version of DuckDB|storage version is not supported"
    r"|created with a newer|Trying to read a database file",
    re.IGNORECASE,
)
_LOCKED = re.compile(r"Could not set lock on file|Conflicting lock is held", re.IGNORECASE)
_HOLDER = re.compile(r"Conflicting lock is held in (?P<what>.*?) ?\(PID (?P<pid>\d+)\)")
_DATABASES = ("duckdb", "sqlalchemy", "ducklake")
"""Types whose ``file`` is a database's where it has a lock; that of others is a folder."""
_BESIDE = (".wal", ".checkpoint", ".recovery", ".tmp", "-wal", "-shm", "-journal")
"""What DuckDB and SQLite open beside a database's file begins so after its name."""
PATIENCE = 30.0
"""Seconds to wait for a DuckDB file that a process other than a run of dltpod has locked."""

T = typing.TypeVar("T")


def build(
    destination: Destination, connection: typing.Any = None, file_format: str | None = None
) -> typing.Any:
    """dlt's destination factory. Credentials are read later, from the job's configuration.

    ``connection`` is one to DuckDB that is open already, instead of the file. ``file_format`` is that of load
    files; without it ``[normalize] loader_file_format`` in the configuration chooses, where the destination
    takes that. Raises JobFailed (configuration) for a ``file_format`` that it doesn't take, and dlt's own
    exceptions for a type that dlt doesn't know.
    """
    import dlt
    from dlt.common.destination import Destination as Factory

    options: dict[str, typing.Any] = {}
    if destination.name and destination.name != destination.type:
        options["destination_name"] = destination.name
    kind = destination.kind
    if kind == "duckdb":
        if destination.file:
            options["credentials"] = connection or destination.file
        if importlib.util.find_spec("pyarrow") is not None:
            # DuckDB reads Parquet by itself; dlt's default there, INSERT statements, takes 8 times
            # as long and 15 times the memory
            options["preferred_loader_file_format"] = "parquet"
    elif kind == "filesystem" and destination.file:
        options["bucket_url"] = destination.file
    wanted = file_format or dlt.config.get("normalize.loader_file_format")
    if wanted:
        capabilities = Factory.from_reference(destination.type, **options).capabilities()
        found = capabilities.supported_loader_file_formats or ()
        # the others are dlt's own affair
        taken = [name for name in found if name in ("parquet", "jsonl", "csv", "insert_values")]
        if not taken or str(wanted) in taken:
            options["preferred_loader_file_format"] = str(wanted)
        elif file_format:
            raise JobFailed.of(
                FailureKind.CONFIGURATION,
                f"destination {kind} takes load files as {', '.join(taken)}, not as {wanted}",
                "correct dlt_native.loader_file_format, or leave it out",
            )
    return Factory.from_reference(destination.type, **options)


def check_file(destination: Destination) -> None:
    """Nothing but regular files lie where the destination's database is opened.

    Whoever shares the folder may have put a FIFO there, which would be waited for without end, or a link.
    The same holds for what belongs to the database and stands beside it. Raises JobFailed, saying which.
    """
    if destination.kind not in _DATABASES or not destination.lock or not destination.file:
        return
    file = Path(destination.file)
    # dlt gives each dataset a SQLite file of its own: rows__raw_shop.db beside rows.db
    beside = (*(f"{file.name}{end}" for end in _BESIDE), f"{file.stem}__")
    names = [file.name]
    with contextlib.suppress(FileNotFoundError):
        names += sorted(name for name in os.listdir(file.parent) if name.startswith(beside))  # noqa: PTH208
    for name in names:
        try:
            mode = file.with_name(name).lstat().st_mode
        except FileNotFoundError:
            continue
        # DuckDB spills into a folder of its own
        if stat.S_ISREG(mode) or (stat.S_ISDIR(mode) and name == f"{file.name}.tmp"):
            continue
        place = shown(destination).removesuffix(file.name) + name
        raise JobFailed.of(
            FailureKind.DESTINATION_UNREACHABLE,
            f"{place} is {_kind(mode)}, not a regular file, so it is not opened",
            "see what has put it there: sources that load into one folder can change each other's files",
        )


def _kind(mode: int) -> str:
    if stat.S_ISLNK(mode):
        return "a link"
    if stat.S_ISDIR(mode):
        return "a folder"
    return "a FIFO" if stat.S_ISFIFO(mode) else "a socket or device"


def shown(destination: Destination) -> str:
    """How people are told where the rows are."""
    return destination.shown or destination.file or destination.name or destination.type


def retry_while_locked(steps: Steps, destination: Destination, action: Callable[[], T]) -> T:
    """Does ``action``, which opens the destination, and repeats it while its DuckDB file is locked.

    Returns what ``action`` returns. Raises JobFailed if the file stays locked for ``PATIENCE`` seconds, or
    was written by a newer DuckDB than this one; any other exception as it comes.
    """
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return action()
        except Exception as exc:
            text = " ".join(str(link) for link in unwrap(exc))
            if destination.file is not None and _NEWER_FILE.search(text):
                raise JobFailed(_too_new(destination, text), ExitCode.CONFIGURATION) from exc
            if destination.file is None or not _LOCKED.search(text):
                raise
            if time.monotonic() >= deadline:
                raise _locked(destination, text) from exc
            with steps.step("wait"):
                time.sleep(0.25)


def _locked(destination: Destination, text: str) -> JobFailed:
    found = _HOLDER.search(text)
    holder = "another process"
    # another container's or the host's processes have no number in this one: DuckDB then says 0
    if found and found["pid"] != "0":
        holder = f"process {found['pid']} ({found['what'].strip() or 'unknown program'})"
    return JobFailed.of(
        FailureKind.DESTINATION_UNREACHABLE,
        f"{shown(destination)} is held open by {holder}, which is no run of dltpod",
        "close whatever has it open (a notebook, a DuckDB shell), then sync again",
        transient=True,
    )


def _too_new(destination: Destination, text: str) -> Failure:
    import duckdb

    return Failure(
        FailureKind.DESTINATION_UNREACHABLE,
        f"{shown(destination)} was written by a newer DuckDB than this environment's "
        f"{duckdb.__version__}: {one_line(text, 160)}",
        'raise it for this source: container: {requirements: ["duckdb>=…"]}, or give it a file of its own',
    )


def driver_versions(destination: Destination) -> dict[str, str]:
    """Versions of the packages that dlt's extra for the destination names, by distribution name."""
    from importlib import metadata

    # of files most are Parquet, and that extra names what reads buckets alone
    extras = f"{destination.kind}|parquet" if destination.kind == "filesystem" else destination.kind
    wanted = re.compile(rf"([\w.-]+).*extra == ['\"]({extras})['\"]")
    found = {}
    for name in (named[1] for named in map(wanted.match, metadata.requires("dlt") or ()) if named):
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found
