"""The container's paths, the job and its secret files, and the variables that are set for dlt."""

from __future__ import annotations

import dataclasses
import json
import os
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from runner import contract

ROOT_VARIABLE = "DLTPOD_ROOT"
"""Names a folder that stands for ``/``, to run the runner outside a container."""


@dataclass(frozen=True)
class _Place:
    """A path of ``Paths``, without the root."""

    path: str

    def __get__(self, paths: Paths, owner: type[Paths]) -> Path:
        return Path(paths.root + self.path)


@dataclass(frozen=True)
class Paths:
    """The container's fixed places, which ``contract`` names; ``root`` stands before each."""

    root: str = ""

    job_file = _Place(contract.JOB_FILE)
    secrets = _Place(contract.SECRETS_DIR)
    custom_sources = _Place(contract.CUSTOM_SOURCES_DIR)
    verified_sources = _Place(contract.VERIFIED_SOURCES_DIR)
    state = _Place(contract.STATE_DIR)
    workspace = _Place(contract.WORKSPACE_DIR)
    scratch = _Place("/tmp")

    @classmethod
    def current(cls, environ: Mapping[str, str] = os.environ) -> Paths:
        """The places of this process."""
        return cls(environ.get(ROOT_VARIABLE, "").rstrip("/"))


@dataclass(frozen=True)
class Input:
    """The job and the text of its secret files, by name."""

    job: contract.JobSpec
    files: Mapping[str, str]
    mounted: bool = False
    """The files are mounted in the secrets' folder, so they needn't be written there."""


class InputError(Exception):
    """There is no job, or it can't be read."""

    code = contract.ExitCode.INTERNAL


class NoInterval(InputError):
    """The container's variables give no interval, though one of them is set."""

    code = contract.ExitCode.CONFIGURATION


def read_input(paths: Paths, descriptor: int = 0) -> Input:
    """The job, from ``JOB_FILE`` or ``JOB_VARIABLE``, else from the first frame on ``descriptor``.

    No byte after the frame is read: the supervisor waits for the end of what follows. Raises InputError.
    """
    try:
        text = os.environ.get(contract.JOB_VARIABLE)
        if paths.job_file.is_file():
            text = paths.job_file.read_text(encoding="utf-8")
        if text is not None:
            job = _with_interval(contract.job_from(json.loads(text)))
            return Input(job, mounted_files(paths.secrets), mounted=True)
        size = int.from_bytes(_read_exactly(descriptor, contract.FRAME_HEADER_BYTES), "big")
        if size > 64 << 20:
            raise ValueError("the frame on standard input is longer than 64 MiB")
        body = json.loads(_read_exactly(descriptor, size))
        files = {str(name): str(text) for name, text in dict(body.get("files") or {}).items()}
        return Input(_with_interval(contract.job_from(body["job"])), files)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as exc:
        raise InputError(f"no job could be read: {type(exc).__name__}: {exc}") from exc


def _with_interval(job: contract.JobSpec) -> contract.JobSpec:
    """The job, with the interval that the container's own variables give it. Raises NoInterval."""
    start, end = (os.environ.get(name) for name in contract.INTERVAL_VARIABLES)
    if job.interval is not None or job.action != "sync" or not (start or end):
        return job
    try:
        return dataclasses.replace(job, interval=contract.interval(start or "", end or ""))
    except ValueError as exc:
        raise NoInterval(f"{' and '.join(contract.INTERVAL_VARIABLES)} give no interval: {exc}") from None


def _read_exactly(descriptor: int, size: int) -> bytes:
    parts = []
    while size:
        part = os.read(descriptor, min(size, 1 << 20))
        if not part:
            raise ValueError("standard input ended before the frame was whole")
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def mounted_files(folder: Path) -> dict[str, str]:
    """The secret files in a folder, text by name. Raises OSError, and ValueError for one that is no text."""
    names = (contract.SECRETS_FILE, contract.CONFIG_FILE, contract.VALUES_FILE)
    return {name: (folder / name).read_text(encoding="utf-8") for name in names if (folder / name).is_file()}


def write_secrets(folder: Path, files: Mapping[str, str]) -> None:
    """Writes secret files, readable by this user alone. Raises OSError, ValueError for a name with a path."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name, text in files.items():
        if name != Path(name).name:
            raise ValueError(f"not a file name: {name!r}")
        descriptor = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(text)


def values_of(files: Mapping[str, str]) -> dict[str, typing.Any]:
    """The values of ``env:NAME`` references. Raises ValueError where the file is no JSON object."""
    values = json.loads(files.get(contract.VALUES_FILE) or "{}")
    if not isinstance(values, dict):
        raise ValueError(f"{contract.VALUES_FILE} is not a JSON object")
    return values


def environment_for(job: contract.JobSpec, paths: Paths, environ: Mapping[str, str]) -> dict[str, str]:
    """The variables to set before ``import dlt``; ``environ`` are those that the process has.

    A uid without a passwd entry needs HOME, USER and folders for caches. Docker sets HOME to ``/`` for it, so
    the container's own value is replaced; what the job sets is kept. Raises ValueError where VALUES_FILE is
    no object.
    """
    scratch = str(paths.scratch)
    wanted = {
        "HOME": scratch,
        "USER": "dltpod",
        "LOGNAME": "dltpod",
        "TMPDIR": scratch,
        "XDG_CACHE_HOME": f"{scratch}/.cache",
        "XDG_CONFIG_HOME": f"{scratch}/.config",
        "MPLCONFIGDIR": f"{scratch}/.config/matplotlib",
        "DLT_DATA_DIR": f"{scratch}/dlt",
        "RUNTIME__DLTHUB_TELEMETRY": "false",
        "PYTHONUNBUFFERED": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    bundle = environ.get("SSL_CERT_FILE") or environ.get("REQUESTS_CA_BUNDLE")
    if bundle:
        names = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "AWS_CA_BUNDLE", "GIT_SSL_CAINFO")
        wanted.update({name: environ.get(name) or bundle for name in names})
    wanted.update(_expanded(job.env, paths))
    # An absolute DLT_CONFIG_FOLDER would turn dlt's global folder into the read-only mount.
    wanted["DLT_PROJECT_DIR"] = str(paths.secrets.parent)
    wanted["DLT_CONFIG_FOLDER"] = paths.secrets.name
    return wanted


def _expanded(env: Mapping[str, str], paths: Paths) -> dict[str, str]:
    """``container.env`` with each ``env:NAME`` replaced by its value from VALUES_FILE.

    A proxy's password comes this way too. A variable whose name has no value there is left out.
    """
    if not any(text.startswith(contract.ENV_REFERENCE) for text in env.values()):
        return dict(env)
    values = values_of(mounted_files(paths.secrets))
    found: dict[str, str] = {}
    for name, text in env.items():
        reference = text.removeprefix(contract.ENV_REFERENCE)
        if reference == text:
            found[name] = text
        elif reference in values:
            found[name] = str(values[reference])
    return found
