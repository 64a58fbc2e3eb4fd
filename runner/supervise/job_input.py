"""Where things lie in the container, and what the process is given before dlt is imported."""

from __future__ import annotations

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
class Paths:
    """The container's fixed places; ``contract`` names them, a root before them moves them all."""

    root: str = ""

    @classmethod
    def current(cls, environ: Mapping[str, str] = os.environ) -> Paths:
        """The places of this process."""
        return cls(environ.get(ROOT_VARIABLE, "").rstrip("/"))

    def _at(self, place: str) -> Path:
        return Path(self.root + place)

    @property
    def job_file(self) -> Path:
        return self._at(contract.JOB_FILE)

    @property
    def secrets(self) -> Path:
        return self._at(contract.SECRETS_DIR)

    @property
    def custom_sources(self) -> Path:
        return self._at(contract.CUSTOM_SOURCES_DIR)

    @property
    def verified_sources(self) -> Path:
        return self._at(contract.VERIFIED_SOURCES_DIR)

    @property
    def state(self) -> Path:
        return self._at(contract.STATE_DIR)

    @property
    def data(self) -> Path:
        return self._at(contract.DATA_DIR)

    @property
    def workspace(self) -> Path:
        return self._at(contract.WORKSPACE_DIR)

    @property
    def scratch(self) -> Path:
        return self._at("/tmp")


@dataclass(frozen=True)
class Input:
    """The job and its secret files, by name; ``text`` is never shown."""

    job: contract.JobSpec
    files: Mapping[str, str]
    mounted: bool = False
    """The files were mounted, and stand in the secrets' folder already."""


class InputError(Exception):
    """No job, or one that can't be read."""


def read_input(paths: Paths, descriptor: int = 0) -> Input:
    """The job, from ``JOB_FILE`` or ``JOB_VARIABLE``, else from the first frame on ``descriptor``.

    Not one byte after the frame is read: what follows is the watcher's. Raises InputError.
    """
    try:
        text = os.environ.get(contract.JOB_VARIABLE)
        if paths.job_file.is_file():
            text = paths.job_file.read_text(encoding="utf-8")
        if text is not None:
            return Input(contract.job_from(json.loads(text)), mounted_files(paths.secrets), mounted=True)
        body = json.loads(_read_frame(descriptor))
        files = {str(name): str(text) for name, text in dict(body.get("files") or {}).items()}
        return Input(contract.job_from(body["job"]), files)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as exc:
        raise InputError(f"no job could be read: {type(exc).__name__}: {exc}") from exc


def _read_frame(descriptor: int) -> bytes:
    size = int.from_bytes(_read_exactly(descriptor, contract.FRAME_HEADER_BYTES), "big")
    if size > 64 << 20:
        raise ValueError("the frame on standard input is longer than 64 MiB")
    return _read_exactly(descriptor, size)


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
    names = (contract.SECRETS_FILE, contract.CONFIG_FILE, contract.VALUES_FILE)
    return {name: (folder / name).read_text(encoding="utf-8") for name in names if (folder / name).is_file()}


def write_secrets(folder: Path, files: Mapping[str, str]) -> None:
    """Writes the slice, readable by this user alone. Raises OSError, ValueError for a name with a path."""
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
    """What to set in the process before ``import dlt``.

    A uid without a passwd entry needs HOME, USER and the caches' places; Docker sets HOME to ``/``
    for it, so the container's own value counts for nothing and the job's for all.
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
    """``container.env`` with each ``env:NAME`` replaced by its value from the slice.

    A proxy's password comes this way too. A name that the slice lacks leaves its variable unset.
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
