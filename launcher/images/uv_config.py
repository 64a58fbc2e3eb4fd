"""Addresses of indexes as a uv.toml. Pure.

uv fills in ``${NAME}`` from its environment in any address that a package asks for. So no step hands it an
address with a password by a variable. Source: uv's reference, 'Settings' and 'Environment variables'.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

from launcher.config.toml_files import tomllib

IN_FILE = re.compile(
    r"UV_(INDEX|DEFAULT_INDEX|INDEX_URL|EXTRA_INDEX_URL|FIND_LINKS|INDEX_[A-Z0-9_]+_(USERNAME|PASSWORD))"
)
"""The variables whose place is the file."""
_LISTS = ("extra-index-url", "find-links")

Table = dict[str, Any]


def read(text: str) -> Table | None:
    """The tables of a user's uv.toml; None where it is malformed: uv itself reports that best."""
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return None
    parts = [table, table.get("pip", {})]
    if not all(isinstance(part, dict) for part in parts):
        return None
    lists = [part.get(key, []) for part in parts for key in (*_LISTS, "index")]
    fit = all(isinstance(item, list) for item in lists) and all(
        isinstance(item, dict) and isinstance(item.get("url"), str)
        for part in parts
        for item in part.get("index", [])
    )
    return table if fit else None


def merged(table: Mapping[str, Any], values: Mapping[str, str]) -> Table:
    """``table`` with what variables set, which win over it as they do in uv."""
    made = {**table}
    first = [{**_index(values["UV_DEFAULT_INDEX"]), "default": True}] if "UV_DEFAULT_INDEX" in values else []
    first += [_index(word) for word in values.get("UV_INDEX", "").split()]
    names = {item["name"] for item in first if "name" in item}
    kept = [
        item
        for item in table.get("index", ())
        if item.get("name") not in names and not ("UV_DEFAULT_INDEX" in values and item.get("default"))
    ]
    if first or kept:
        made["index"] = [{**item, "url": _address(item, values)} for item in (*first, *kept)]
    pip = {**table.get("pip", {})}
    if "UV_INDEX_URL" in values:
        pip["index-url"] = values["UV_INDEX_URL"]
    for key, name in zip(_LISTS, ("UV_EXTRA_INDEX_URL", "UV_FIND_LINKS"), strict=True):
        if name in values:
            pip[key] = [*re.split(r"[\s,]+", values[name].strip()), *pip.get(key, ())]
    return {**made, "pip": pip} if pip else made


def only(table: Mapping[str, Any], wanted: Callable[[str], bool]) -> Table:
    """Only the addresses that ``wanted`` accepts, and no other setting."""
    made: Table = {}
    indexes = [item for item in table.get("index", ()) if wanted(item["url"])]
    if indexes:
        made["index"] = indexes
    if table.get("no-index"):
        made["no-index"] = True
    if wanted(str(table.get("index-url", ""))):
        made["index-url"] = table["index-url"]
    for key in _LISTS:
        if found := [address for address in table.get(key, ()) if wanted(str(address))]:
            made[key] = found
    pip = only(table["pip"], wanted) if table.get("pip") else {}
    return {**made, "pip": pip} if pip else made


def indexes_only(table: Mapping[str, Any]) -> Table:
    """Only the indexes of ``table``, without PyPI: to ask whether they know a package."""
    parts = [table, table.get("pip", {})]
    items = [
        {key: value for key, value in item.items() if key != "explicit"} for item in table.get("index", ())
    ]
    for part in parts:
        items += [{"url": address} for address in part.get("extra-index-url", ())]
        items += [{"url": part["index-url"]}] if part.get("index-url") else []
    files = [address for part in parts for address in part.get("find-links", ())]
    if not any(item.get("default") for item in items):
        items = [*items[:-1], {**items[-1], "default": True}] if items else []
    made: Table = {"find-links": files} if files else {}
    return {**made, "index": items} if items else {**made, "no-index": True}


def map_addresses(table: Mapping[str, Any], change: Callable[[str], str]) -> Table:
    """``table`` with each address of an index as ``change`` makes it."""
    made = {**table}
    if "index" in table:
        made["index"] = [{**item, "url": change(item["url"])} for item in table["index"]]
    if "index-url" in table:
        made["index-url"] = change(str(table["index-url"]))
    for key in _LISTS:
        if key in table:
            made[key] = [change(str(address)) for address in table[key]]
    return {**made, "pip": map_addresses(table["pip"], change)} if "pip" in table else made


def for_pip(table: Mapping[str, Any]) -> dict[str, str]:
    """The addresses as pip's variables, for the step that has no uv yet."""
    part = {**table, **table.get("pip", {})}
    indexes = [item for item in table.get("index", ()) if not item.get("explicit")]
    first = next((item["url"] for item in indexes if item.get("default")), part.get("index-url"))
    more = [item["url"] for item in indexes if not item.get("default")] + part.get("extra-index-url", [])
    found = {"PIP_INDEX_URL": first, "PIP_EXTRA_INDEX_URL": " ".join(more)}
    return {name: value for name, value in found.items() if value}


def with_login(address: str, user: str, password: str) -> str:
    """The address with this user and password before its host, in place of what stands there."""
    parts = urlsplit(address)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{quote(user, safe='')}:{quote(password, safe='')}@{host}"))


def _index(word: str) -> Table:
    """``name=address``, or an address."""
    name, equals, address = word.partition("=")
    return {"name": name, "url": address} if equals and ":" not in name else {"url": word}


def _address(index: Mapping[str, Any], values: Mapping[str, str]) -> str:
    """An index's address with the credentials that variables have for its name."""
    address = str(index["url"])
    prefix = "UV_INDEX_" + re.sub(r"[^A-Z0-9]", "_", str(index.get("name", "")).upper())
    user, password = values.get(f"{prefix}_USERNAME", ""), values.get(f"{prefix}_PASSWORD", "")
    if not index.get("name") or not (user or password):
        return address
    return with_login(address, user, password)
