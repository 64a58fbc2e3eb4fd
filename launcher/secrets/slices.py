"""Cuts one entry's part out of ``secrets.toml`` and ``config.toml``, and puts it where dlt looks first.

Facts, of dlt 1.5 to 1.31 (``dlt.common.configuration.resolve``): a key is looked for at
``<pipeline>.sources.<section>.<name>``, then with fewer and fewer sections down to ``<pipeline>``, then the
same without the pipeline. So an entry's own keys, put at ``[<pipeline>.sources]``, win over all other native
places. dlt merges nested tables of all places key by key, so a key that the entry gives is removed from the
others: credentials as a whole, and of any other table (a resource's section) the keys of the entry's table.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from launcher.config import toml_files
from launcher.config.forms import RESERVED_NAMES
from launcher.errors import ConfigurationError
from launcher.secrets.literals import copied

Table = dict[str, Any]

OWN_SECTIONS = tuple(sorted(RESERVED_NAMES - {"sources", "destination", "credentials"}))
"""dlt's own tables: runtime, extract, normalize, load, data_writer, schema."""


@dataclass(frozen=True)
class Slice:
    """One job's own secrets and configuration: file name below SECRETS_DIR to its text."""

    files: Mapping[str, str] = field(repr=False)
    warnings: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    """Dotted keys that the files hold, for near misses in messages about missing secrets."""
    sections: tuple[str, ...] = ()
    """Names of the sections below ``[sources]`` in the files, besides the source's own."""


@dataclass(frozen=True)
class Scope:
    """Which parts of the files are this entry's."""

    name: str
    pipeline: str
    sections: tuple[str, ...]
    """What dlt calls its module, the likeliest first."""
    function: str
    destination: str
    entries: frozenset[str]
    """Names of all entries. A section that has the name of another entry is never a fallback."""
    more: tuple[str, ...] = ()
    """``secret_sections``: dotted paths."""
    parameters: frozenset[str] = frozenset()
    """Parameters of its code. A table of such a name is one value, as credentials are."""

    @property
    def natives(self) -> tuple[str, ...]:
        """Names below ``[sources]`` that are native fallbacks, sorted."""
        return tuple(sorted({*self.sections, self.function} - self.entries - {self.name}))

    def is_other(self, section: str) -> bool:
        """Whether a section is named after another entry."""
        return section != self.name and section in self.entries


@dataclass(frozen=True)
class File:
    """One of the two files."""

    table: Mapping[str, Any]

    @functools.cached_property
    def shared(self) -> Table:
        """What every entry may see, but for a value below ``sources`` that is named after another entry."""
        table = self.table
        shared = {key: value for key, value in table.items() if key != "sources" and not _is_table(value)}
        shared |= _at(table, (*OWN_SECTIONS, "credentials"))
        heads = [head for head in ("sources", "destination") if isinstance(table.get(head), Mapping)]
        return shared | {head: _shared(table[head]) for head in heads}

    def part_for(self, scope: Scope) -> Table:
        """What this entry may see of the file, as it stands there. Its inner tables are the file's own."""
        part = dict(self.shared)
        part.pop(scope.pipeline, None)
        if "sources" in part:
            shared = {key: value for key, value in part["sources"].items() if not scope.is_other(key)}
            part["sources"] = shared | _at(self.table["sources"], (scope.name, *scope.natives))
        if isinstance(part.get("destination"), Mapping):
            part["destination"] = part["destination"] | _at(self.table["destination"], (scope.destination,))
        if isinstance(self.table.get(scope.pipeline), Mapping):
            own = part[scope.pipeline] = dict(self.table[scope.pipeline])
            if isinstance(own.get("sources"), Mapping):
                own["sources"] = {k: value for k, value in own["sources"].items() if not scope.is_other(k)}
            if isinstance(own.get("destination"), Mapping):
                below = own["destination"]
                own["destination"] = _shared(below) | _at(below, (scope.destination,))
        for path in scope.more:
            if (found := toml_files.at(self.table, path)) is not None:
                put(part, path.split("."), found)
        return part


def _shared(table: Mapping[str, Any]) -> Table:
    """The values of a table, and credentials."""
    return {key: value for key, value in table.items() if key == "credentials" or not _is_table(value)}


def _is_table(value: Any) -> bool:
    return isinstance(value, Mapping) or (isinstance(value, list) and any(_is_table(item) for item in value))


def _at(table: Mapping[str, Any], keys: Iterable[str]) -> Table:
    return {key: table[key] for key in keys if key in table}


def fold(environ: Mapping[str, str], scope: Scope, *spellings: Mapping[str, Any]) -> Table:
    """The variables that dlt would read for this entry (``SOURCES__JIRA__TOKEN``) as tables.

    Names are in lower case, unless ``scope`` or ``spellings`` have the same name in another case. Raises
    ConfigurationError as ``require_text``.
    """
    # Few variables have the form at all, and this is asked for each source.
    nested = [name for name in environ if "__" in name]
    # Named after another entry, a variable is that entry's, in whatever case a file has the name.
    others = scope.entries.intersection(part for name in nested for part in name.lower().split("__"))
    sections = (*others, *scope.sections, scope.function, scope.name)
    known: Table = {"sources": {name: {} for name in sections}, "destination": {scope.destination: {}}}
    known[scope.pipeline] = {"sources": copied(known["sources"])}
    for path in scope.more:
        if toml_files.at(known, path) is None:
            put(known, path.split("."), {})
    heads = {key.lower() for key in (*known, *OWN_SECTIONS)}
    folded: Table = {}
    for variable in sorted(nested, key=lambda name: (name.count("__"), name)):
        parts = variable.lower().split("__")
        named = parts[0] in heads and all(parts) and re.fullmatch(r"[A-Z0-9_]+", variable)
        if named and environ[variable]:
            require_text(variable, environ[variable])
            put(folded, _spelt(parts, (known, *spellings)), environ[variable])
    return folded


def require_text(variable: str, value: str) -> None:
    """Raise ConfigurationError where a variable holds bytes that are no UTF-8."""
    if not value.isascii() and any("\ud800" <= c <= "\udfff" for c in value):
        raise ConfigurationError(f"The variable {variable} is not UTF-8 text.", "Set it again, as UTF-8.")


def _spelt(parts: list[str], tables: Iterable[Mapping[str, Any]]) -> list[str]:
    here = list(tables)
    spelt = []
    for part in parts:
        found = next((key for table in here for key in table if key.lower() == part), part)
        spelt.append(found)
        here = [table[found] for table in here if isinstance(table.get(found), Mapping)]
    return spelt


def put(table: Table, path: Sequence[str], value: Any) -> None:
    """Set a value at a path of keys; tables on the way are made."""
    for step in path[:-1]:
        below = table.get(step)
        if not isinstance(below, dict):
            below = table[step] = {}
        table = below
    table[path[-1]] = value


def merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> Table:
    """``above`` over ``below``, table by table; a copy."""
    merged: Table = {key: copied(value) for key, value in below.items()}
    for key, value in above.items():
        if isinstance(value, Mapping) and isinstance(merged.get(key), dict):
            merged[key] = merge(merged[key], value)
        else:
            merged[key] = copied(value)
    return merged


def arrange(secrets: Table, config: Table, scope: Scope) -> tuple[Table, Table]:
    """The two selected files with the entry's own keys where dlt looks first, and no other values for these.

    May change the given tables.
    """
    entries = [_entry(table, scope) for table in (secrets, config)]
    for key, value in entries[0].items():
        if isinstance(value, Mapping) != isinstance(entries[1].get(key), Mapping):
            entries[1].pop(key, None)
    both = merge(entries[1], entries[0])
    whole = scope.parameters | {"credentials"}
    own = _shape(both, whole)
    flat = [_hoisted(entry, both, own, whole) for entry in entries]
    given = _shape(merge(flat[1], flat[0]), whole)
    return (
        _arranged(secrets, entries[0], flat[0], own, given, scope),
        _arranged(config, entries[1], flat[1], own, given, scope),
    )


def _entry(table: Table, scope: Scope) -> Table:
    """The entry's own section, over those that it shares (``secret_sections``); credentials taken whole."""
    sources = table.get("sources")
    shared = [path.removeprefix("sources.") for path in reversed(scope.more) if path.startswith("sources.")]
    native = {scope.name, scope.function, *scope.sections}
    entry: Table = {}
    for name in (*(name for name in shared if name not in native), scope.name):
        above = sources.get(name) if isinstance(sources, dict) else None
        if isinstance(above, dict):
            entry = {key: value for key, value in entry.items() if key != "credentials" or key not in above}
            entry = merge(entry, above)
    return entry


def _hoisted(entry: Table, both: Table, own: Table, whole: frozenset[str]) -> Table:
    """``entry`` with what stands in its credentials, where neither file says it outside of them.

    So parameters find it, and configurations within the credentials do, whoever asks: below ``sources``
    dlt looks for a table in a table by its own name alone. Where several have that name, none is meant.
    """
    flat = dict(entry)
    credentials = entry.get("credentials")
    if not isinstance(credentials, Mapping):
        return flat
    flat |= {key: value for key, value in credentials.items() if key not in both and not _is_table(value)}
    names = [name for name, _ in _tables_in(both["credentials"])]
    for name, table in _tables_in(credentials):
        if names.count(name) == 1 and name not in whole and isinstance(both.get(name, {}), Mapping):
            flat[name] = merge(_without(table, own.get(name, {})), flat.get(name, {}))
    return flat


def _tables_in(table: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for key, value in table.items() if isinstance(table, Mapping) else ():
        if isinstance(value, Mapping):
            yield key, value
            yield from _tables_in(value)


def _yielding(table: Mapping[str, Any], own: Table) -> Table:
    """``table`` without what its inner tables repeat of the entry's top level, which wins."""
    made = dict(table)
    for key, value in table.items():
        if isinstance(value, Mapping):
            made[key] = _yielding(_without(value, own.get(key) or {}), own)
    return made


def _shape(table: Mapping[str, Any], whole: frozenset[str]) -> Table:
    """The keys of ``table`` and of the tables within; None stands for what is taken as one value."""
    return {
        key: _shape(value, whole) if isinstance(value, Mapping) and key not in whole else None
        for key, value in table.items()
    }


def _arranged(table: Table, entry: Table, flat: Table, own: Table, given: Table, scope: Scope) -> Table:
    _hand_root_credentials_to_destination(table, given)
    pipeline = table.get(scope.pipeline)
    for place in (table, pipeline):
        sources = place.get("sources") if isinstance(place, dict) else None
        if isinstance(sources, dict):
            named = {name for name, value in sources.items() if isinstance(value, dict)} - {"credentials"}
            _replace(sources, flat, _omit(given, named), depth=0)
            for name in named - ({scope.name} if place is table else set()):
                _replace(sources[name], flat, given, depth=2)
    if isinstance(pipeline, dict):
        _replace(pipeline, flat, _omit(given, {"sources", "destination"}), depth=0)
    if not entry:
        return table
    first = table[scope.pipeline] = pipeline if isinstance(pipeline, dict) else {}
    below = first.get("sources")
    first["sources"] = _lay_into(below if isinstance(below, dict) else {}, flat, given)
    inner = {key: value for key, value in entry.items() if isinstance(value, dict)}
    places = [(table["sources"], name) for name in scope.sections[:1]]
    places += [(first["sources"], name) for name in scope.sections if inner]
    for sources, name in places:
        if isinstance(sources.get(name, {}), dict):
            sources[name] = _lay_into(sources.get(name, {}), entry, given)
    exact = {key: _yielding(value, own) for key, value in inner.items() if key != scope.function}
    for name in scope.sections if exact else ():
        section = first["sources"][name]
        if isinstance(section, dict) and isinstance(section.get(scope.function, {}), dict):
            section[scope.function] = merge(exact, section.get(scope.function, {}))
    return table


def _omit(table: Table, names: set[str]) -> Table:
    return {key: value for key, value in table.items() if key not in names}


def _lay_into(table: Table, own: Mapping[str, Any], given: Mapping[str, Any]) -> Table:
    """``own`` over ``table``, after taking out of ``table`` what the entry gives in either file."""
    taken = {key: below for key, below in given.items() if key in own or below is not None}
    return merge(_without(table, taken), own)


def _without(table: Mapping[str, Any], given: Mapping[str, Any]) -> Table:
    """``table`` without what the entry gives (a ``_shape``)."""
    return {
        key: _without(value, given[key]) if key in given else value
        for key, value in table.items()
        if key not in given or (isinstance(value, dict) and given[key] is not None)
    }


def _replace(table: Table, flat: Mapping[str, Any], given: Mapping[str, Any], depth: int) -> None:
    """Each key of ``given`` in ``table``, and ``depth`` levels below, becomes the entry's value.

    A table that is no value by itself keeps what the entry's table of that name doesn't say.
    """
    for key in list(table):
        below = table[key]
        if isinstance(below, dict) and given.get(key, {}) is not None:
            if depth:
                _replace(below, flat, given, depth - 1)
            if key in given:
                table[key] = merge(_without(below, given[key]), flat.get(key, {}))
        elif key in given and key in flat:
            table[key] = copied(flat[key])
        elif key in given:
            del table[key]


def _hand_root_credentials_to_destination(table: Table, given: Table) -> None:
    """Root ``credentials`` serve source and destination; where the entry has its own, only the latter."""
    if "credentials" not in given or "credentials" not in table:
        return
    shared = table.pop("credentials")
    destination = table.setdefault("destination", {})
    if isinstance(destination, dict):
        own = destination.get("credentials")
        if own is None:
            destination["credentials"] = shared
        elif isinstance(own, dict) and isinstance(shared, dict):
            destination["credentials"] = merge(shared, own)


def dotted_keys(table: Mapping[str, Any], above: str = "") -> list[str]:
    """Every key that holds a value, as ``sources.jira.token``."""
    found: list[str] = []
    for key, value in table.items():
        path = f"{above}.{key}" if above else key
        found += dotted_keys(value, path) if isinstance(value, Mapping) else [path]
    return found
