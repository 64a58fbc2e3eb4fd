"""What the host's settings bring to a build: index addresses, credentials, certificates. None of it stays.

Source: uv's reference, 'Environment variables'.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import tomli_w

from launcher.errors import without_credentials
from launcher.host.rights import as_invoking_user
from launcher.images import logins, uv_config
from launcher.images.buildkit import Secret

_CA_VARIABLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "PIP_CERT", "CURL_CA_BUNDLE")
_UV_NAMES = re.compile(
    r"^UV_(INDEX|DEFAULT_INDEX|INDEX_URL|EXTRA_INDEX_URL|INDEX_STRATEGY|KEYRING_PROVIDER|INSECURE_HOST|NATIVE_TLS"
    r"|SYSTEM_CERTS|HTTP_TIMEOUT|HTTP_RETRIES|CONCURRENT_DOWNLOADS|EXCLUDE_NEWER|INDEX_[A-Z0-9_]+_(USERNAME|PASSWORD))$"
)
_PIP_TO_UV = {
    "PIP_INDEX_URL": "UV_DEFAULT_INDEX",
    "PIP_EXTRA_INDEX_URL": "UV_INDEX",
    "PIP_TRUSTED_HOST": "UV_INSECURE_HOST",
    "PIP_TIMEOUT": "UV_HTTP_TIMEOUT",
}
_INDEXES = {"UV_DEFAULT_INDEX", "UV_INDEX", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL"}


@dataclass(frozen=True)
class BuildSettings:
    """The host's settings, as secrets for build steps."""

    secrets: tuple[Secret, ...] = ()
    notes: tuple[str, ...] = ()
    closed: bool = False
    """Whether there is an index that asks for credentials. Steps that run foreign code don't see it."""


@as_invoking_user()
def read(environ: Mapping[str, str]) -> BuildSettings:
    """uv's settings, pip's variables, logins of ~/.netrc, the CA bundle: from ``environ`` and uv's files."""
    home = Path(environ.get("HOME") or "/nonexistent")
    values = {name: environ[pip] for pip, name in _PIP_TO_UV.items() if environ.get(pip)}
    if links := [item for item in environ.get("PIP_FIND_LINKS", "").split() if "://" in item]:
        values["UV_FIND_LINKS"] = ",".join(links)
    for name, value in environ.items():
        if value and _UV_NAMES.match(name):
            values[name] = value
    if "UV_INDEX_URL" in environ and "UV_DEFAULT_INDEX" not in environ:
        values.pop("UV_DEFAULT_INDEX", None)
    if "UV_EXTRA_INDEX_URL" in environ and "UV_INDEX" not in environ:
        values.pop("UV_INDEX", None)
    uv_toml = Path(environ.get("UV_CONFIG_FILE") or home / ".config/uv/uv.toml")
    own = uv_toml.read_text(encoding="utf-8", errors="replace") if _readable(uv_toml) else ""
    table = uv_config.read(own)
    known = logins.read(environ)
    indexes = uv_config.map_addresses(
        uv_config.merged(table or {}, values), lambda address: logins.into(address, known)
    )
    open_ones = uv_config.only(indexes, is_open)
    closed = uv_config.only(indexes, lambda address: bool(address) and not is_open(address))
    closed.pop("no-index", None)
    plain = {name: value for name, value in values.items() if not uv_config.IN_FILE.fullmatch(name)}
    bundle = ca_bundle(environ)
    trusted = {"PIP_TRUSTED_HOST": values["UV_INSECURE_HOST"]} if "UV_INSECURE_HOST" in values else {}
    texts = {
        "pip": _assignments({**uv_config.for_pip(indexes), **trusted}),
        "settings": _assignments({**plain, **({"DLTPOD_CLOSED": "1"} if closed else {})}),
        "settings_open": _assignments(
            {name: value for name, value in plain.items() if name != "UV_KEYRING_PROVIDER"}
        ),
        "uv_toml": tomli_w.dumps(indexes) if table is not None else own,
        "uv_toml_open": tomli_w.dumps(open_ones),
        "uv_toml_closed": tomli_w.dumps(uv_config.indexes_only(closed)) if closed else "",
    }
    secrets = [Secret(name, value=text) for name, text in texts.items() if text]
    if bundle is not None:
        secrets.append(Secret("ca", file=bundle))
    return BuildSettings(tuple(secrets), _notes(environ, home, values), closed=bool(closed))


def is_open(address: str) -> bool:
    """Whether an index asks for no credentials, by its address: a step that has none may see it."""
    return bool(address) and without_credentials(address) == address


def _assignments(values: Mapping[str, str]) -> str:
    return "".join(f"{name}={shlex.quote(value)}\n" for name, value in sorted(values.items()))


@as_invoking_user()
def ca_bundle(environ: Mapping[str, str]) -> Path | None:
    """The CA bundle that the host's variables name, where the file is there."""
    for name in _CA_VARIABLES:
        value = environ.get(name)
        if value and _readable(Path(value)):
            return Path(value).resolve()
    return None


def _notes(environ: Mapping[str, str], home: Path, values: Mapping[str, str]) -> tuple[str, ...]:
    """What of pip's settings builds do without: folders of this host, indexes that pip.conf alone names."""
    notes: list[str] = []
    if local := [item for item in environ.get("PIP_FIND_LINKS", "").split() if "://" not in item]:
        notes.append(
            f"find-links {' '.join(local)} is a folder of this host, which a build does not see: left out"
        )
    config = Path(environ.get("XDG_CONFIG_HOME") or home / ".config")
    named = environ.get("PIP_CONFIG_FILE")
    usual = (Path("/etc/pip.conf"), home / ".pip/pip.conf", config / "pip/pip.conf")
    for file in (Path(named),) if named else usual:
        if (
            not values.keys() & _INDEXES
            and _readable(file)
            and "index-url" in file.read_text(errors="replace")
        ):
            notes.append(f"{file} names an index, and builds read uv's settings: set UV_INDEX_URL")
    return tuple(notes)


def _readable(path: Path) -> bool:
    return path.is_file() and os.access(path, os.R_OK)
