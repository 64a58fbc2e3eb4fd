"""Which values of a job's secret files are masked: all of ``secrets.toml``, except plain settings.

A setting is plain by its field's name and by its form. In doubt it is secret: under an unknown name, where it
looks like a key, where it holds a password, or where the same value is secret in another place.
"""

from __future__ import annotations

import json
import re
import typing
from collections.abc import Iterable, Iterator, Mapping

from runner import contract
from runner.supervise import addresses

SHORTEST = 3
"""Values of fewer characters are not masked: they occur in every line."""
PLAIN_FIELDS = frozenset(
    {
        "account",
        "account_name",
        "api_version",
        "azure_storage_account_name",
        "base_url",
        "bootstrap_servers",
        "bucket_name",
        "bucket_url",
        "catalog",
        "database",
        "database_name",
        "dataset",
        "dataset_name",
        "db",
        "dbname",
        "destination_type",
        "dialect",
        "domain",
        "driver",
        "drivername",
        "email",
        "endpoint_url",
        "host",
        "hostname",
        "http_path",
        "location",
        "org",
        "organisation",
        "organization",
        "port",
        "project",
        "project_id",
        "region",
        "region_name",
        "role",
        "schema",
        "schema_name",
        "server",
        "server_hostname",
        "site",
        "sslmode",
        "subdomain",
        "timezone",
        "user",
        "user_name",
        "username",
        "warehouse",
        "workspace",
    }
)
"""Fields that name a place or an account, which messages are about. ``docs/sources.md`` lists them."""

_ADDRESSES = frozenset({"bucket_url"})
"""Fields that are plain unless they hold a password: a bucket's name may look like a key."""
_PUBLIC_WORDS = frozenset({"localhost", "host.docker.internal", "true", "false", "none", "null"})
_PLAIN_DATE = re.compile(r"\d{4}-\d\d-\d\d([T ][\d:.]+(Z|[+-]\d\d:?\d\d)?)?")
_HOST = re.compile(r"(?=.*[a-z])[a-z0-9-]+(\.[a-z0-9-]+)+")
_EMAIL = re.compile(r"[^@\s:/]+@[^@\s:/]+\.[A-Za-z]{2,}")
_AT = re.compile(r"[^@\s:/]+@[^@\s:/]+")
"""A mail address, or a user at a server."""
_PASSWORD_NAME = re.compile(r"pass|pwd|secret", re.IGNORECASE)


def secrets_of(
    files: Mapping[str, str],
    environ: Mapping[str, str],
    public: Iterable[str] = (),
    asked: typing.Any = None,
) -> set[str]:
    """The secret values of a job's files, by name: those of ``secrets.toml`` and ``values.json``, save plain
    settings.

    Passwords within connection strings are values too, also in ``config.toml``, in arguments and in the
    proxies of ``environ``. ``public`` are words that are never secret: names of sources, modules,
    destinations. ``asked`` are the job's arguments and variables: an ``env:NAME`` in them says which field a
    value is for.
    """
    found: set[str] = set()
    for key, value in _leaves(_read_toml(files.get(contract.SECRETS_FILE, ""))):
        found |= _secrets_in(value, key)
    for _, value in _leaves([_read_toml(files.get(contract.CONFIG_FILE, "")), asked]):
        found |= addresses.within(value) if isinstance(value, str) else set()
    try:
        values = json.loads(files.get(contract.VALUES_FILE) or "{}")
    except ValueError:
        values = files.get(contract.VALUES_FILE, "")
    fields = _fields(asked)
    for name, value in _leaves(values):
        for field in fields.get(name, {name}):
            found |= _secrets_in(value, field)
    for name, address in environ.items():
        if name.lower().endswith("_proxy"):
            found |= addresses.within(address)
    hidden = {word.lower() for word in public} | _PUBLIC_WORDS
    return {secret for secret in found if not _is_public(secret, hidden)}


def is_plain(field: str, value: str) -> bool:
    """Whether a value is no secret, by its field's name and by its form."""
    name = re.sub(r"[^a-z0-9]+", "_", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", field).lower())
    if name not in PLAIN_FIELDS or addresses.within(value):
        return False
    if name in _ADDRESSES:
        return True
    if "@" in value and not _AT.fullmatch(value):
        return False
    if _HOST.fullmatch(value.partition("://")[2].rstrip("/") or value):
        return True
    return not addresses.looks_like_key(value)


def _fields(asked: typing.Any) -> dict[str, set[str]]:
    """The fields that each ``env:NAME`` is the value of, by NAME."""
    found: dict[str, set[str]] = {}
    for key, value in _leaves(asked):
        if isinstance(value, str) and value.startswith(contract.ENV_REFERENCE):
            found.setdefault(value[len(contract.ENV_REFERENCE) :], set()).add(key)
    return found


def _is_public(secret: str, words: set[str]) -> bool:
    bare = secret.strip()
    if bare.isdigit() and len(bare) < 4:
        return True
    return len(bare) < SHORTEST or bare.lower() in words or bool(_PLAIN_DATE.fullmatch(bare))


def _secrets_in(value: typing.Any, field: str) -> set[str]:
    if isinstance(value, bool) or value is None:
        return set()
    text = str(value)
    found = addresses.within(text)
    if not is_plain(field, text):
        found.add(text)
        if "@" in text and "://" not in text and (_PASSWORD_NAME.search(field) or not _EMAIL.fullmatch(text)):
            found |= addresses.pieces(text)  # code may put it into an address without quoting it
    if text.lstrip().startswith(("{", "[")):
        try:
            inner = json.loads(text)
        except ValueError:
            return found
        for key, leaf in _leaves(inner):
            found |= _secrets_in(leaf, key)
    return found


def _leaves(value: typing.Any, key: str = "") -> Iterator[tuple[str, typing.Any]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _leaves(inner, str(name))
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from _leaves(inner, key)
    else:
        yield key, value


def _read_toml(text: str) -> typing.Any:
    if not text.strip():
        return {}
    try:
        return _parsed_toml(text)
    except ValueError:
        return re.findall(r"[\"']([^\"'\n]+)[\"']", text)  # not valid TOML, but its strings are secret


def _parsed_toml(text: str) -> typing.Any:
    try:
        import tomllib
    except ImportError:  # Python 3.10; dlt itself needs tomlkit
        import tomlkit

        return tomlkit.loads(text).unwrap()
    return tomllib.loads(text)
