"""A job's own secrets and configuration, and nothing of another source's.

``.dlt/secrets.toml``, ``.dlt/config.toml`` and ``.env`` stay with the launcher. Each job gets a slice of
them: two TOML files that dlt reads as they are, and the values of the ``env:NAME`` references in use.
"""

from __future__ import annotations

import contextlib
import functools
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from launcher.config.destinations import EXTRAS, bucket_extra
from launcher.config.faults import modified_at, shown_path
from launcher.config.models import Project, Source
from launcher.config.toml_files import CONFIG, SECRETS, at, read_toml
from launcher.errors import ConfigurationError, did_you_mean
from launcher.secrets import addresses, code, destinations, literals, missing, slices
from launcher.secrets.dotenv import read_dotenv
from launcher.secrets.local_files import Settings
from launcher.secrets.slices import Scope, Slice, Table
from runner.contract import CONFIG_FILE, ENV_REFERENCE, SECRETS_FILE, VALUES_FILE, Destination

DOTENV = ".env"


@dataclass(frozen=True)
class Drivers:
    """What an image needs drivers for: the destination, and the schemes of addresses."""

    destination: Destination
    extras: tuple[str, ...] = ()
    """The dlt extras that the destination needs."""
    own: tuple[str, ...] = ()
    """The schemes of the source's addresses (``postgresql+psycopg2``)."""
    destinations: tuple[str, ...] = ()
    """The schemes of the destination's addresses."""


@dataclass(frozen=True)
class Part:
    """What one job is given of the project: its slice, where its rows go, and its arguments.

    Literals in the arguments that look like secrets are references, whose values are in the slice.
    """

    slice: Slice
    drivers: Drivers
    secrets: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """The contents of the slice's ``secrets.toml``."""
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    resource_kwargs: Mapping[str, Any] = field(default_factory=dict)

    @property
    def destination(self) -> Destination:
        """Where the rows go."""
        return self.drivers.destination


def read_environment(project: Project, environ: Mapping[str, str]) -> Mapping[str, str]:
    """The variables of ``.env`` in the project's root and of ``environ``, which wins.

    Raises ConfigurationError where ``.env``, ``secrets.toml`` or ``config.toml`` can't be read. All sources
    share these files, so this is reported once, before any source starts.
    """
    for relative in (SECRETS, CONFIG):
        read_toml(project.root / relative)
    return {**read_dotenv(project.root / DOTENV), **environ}


def part_of(
    project: Project, source: Source, environ: Mapping[str, str], overrides: Mapping[str, Any]
) -> Part:
    """What one job is given. ``environ`` is ``read_environment``'s, ``overrides`` are ``--set``'s arguments.

    Raises ConfigurationError: variables without a value (all at once), secrets of the entry's own section
    that are empty, a file that can't be read, a destination file outside ``data/``, connection strings that
    no program can read.
    """
    asked = _Asked(project, source, environ, overrides)
    arguments = literals.take_out(asked.arguments)
    values = {**_values(asked, arguments), **arguments.literals}
    scope = scope_of(project, source)
    secrets, config = _selected(project, scope, environ)
    missing.refuse_empty(project, source, secrets)
    names = sorted({*slices.dotted_keys(secrets), *slices.dotted_keys(config)})
    unseen = _unseen(project, source, secrets, config)
    doubts = _addresses(asked, {**_settings(secrets, environ), **_settings(config, environ)}, values)
    found = destinations.settings(project, source, secrets, config)
    drivers = _drivers(source, secrets, config, found, environ)
    secrets, config = slices.arrange(secrets, config, scope)
    destinations.map_into(source.pipeline_name, found, secrets, config)
    files = {SECRETS_FILE: _toml(secrets), CONFIG_FILE: _toml(config)}
    if values:
        files[VALUES_FILE] = json.dumps(values, ensure_ascii=False)
    slice = Slice(
        files={name: text for name, text in files.items() if text},
        warnings=(*_warnings(asked, arguments), *doubts, *unseen),
        names=tuple(names),
        sections=scope.natives,
    )
    both = arguments.kwargs
    return Part(slice, drivers, secrets, both["function_kwargs"], both["resource_kwargs"])


def all_destinations(project: Project, environ: Mapping[str, str]) -> tuple[Destination, ...]:
    """The destinations of all sources, each once. One whose settings are wrong is left out."""
    found = []
    pipelines = {
        name.partition("__DESTINATION__")[0].lower() for name in environ if "__DESTINATION__" in name
    }
    with contextlib.suppress(ConfigurationError):
        pipelines |= {*read_toml(project.root / SECRETS), *read_toml(project.root / CONFIG)}
    # Sources without settings of their own have the same one, so one of each destination is enough.
    differing = {
        (s.destination, s.pipeline_name if {s.pipeline_name, s.pipeline_name.lower()} & pipelines else ""): s
        for s in project.sources
    }
    for source in differing.values():
        # What a source's code says only matters for its own secrets, so no code is read here.
        scope = scope_of(project, source, read_code=False)
        with contextlib.suppress(ConfigurationError):
            secrets, config = _selected(project, scope, environ)
            found.append(destinations.resolve(destinations.settings(project, source, secrets, config)))
    return tuple(dict.fromkeys(found))


def drivers_for(project: Project, source: Source, environ: Mapping[str, str]) -> Drivers:
    """Where the source's rows go, and the drivers for that. ``environ`` is ``read_environment``'s.

    Raises ConfigurationError: no such destination, a file outside ``data/``, a file that can't be read.
    """
    secrets, config = _selected(project, scope_of(project, source), environ)
    return _drivers(source, secrets, config, destinations.settings(project, source, secrets, config), environ)


def _drivers(
    source: Source,
    secrets: Mapping[str, Any],
    config: Mapping[str, Any],
    found: Settings,
    environ: Mapping[str, str],
) -> Drivers:
    bucket = found.table.get("bucket_url")
    extras = (EXTRAS.get(found.type), bucket_extra(bucket) if isinstance(bucket, str) else None)
    own = [{key: part for key, part in table.items() if key != "destination"} for table in (secrets, config)]
    return Drivers(
        destinations.resolve(found),
        tuple(extra for extra in extras if extra),
        _schemes((*own, source.dlt_native.function_kwargs, source.container.env), environ),
        _schemes((found.table,), environ),
    )


def _schemes(tables: Sequence[Mapping[str, Any]], environ: Mapping[str, str]) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for path, text in (pair for table in tables for pair in literals.strings(table)):
        if literals.is_reference(text):
            text = environ.get(text.removeprefix(ENV_REFERENCE), "")
        scheme, colon, _ = text.strip().lower().partition("://")
        if colon or path.rpartition(".")[2] == "drivername":
            found[scheme] = None
    return tuple(name for name in found if re.fullmatch(r"[a-z][a-z0-9_+.-]{0,40}", name))


def scope_of(project: Project, source: Source, *, read_code: bool = True) -> Scope:
    """What of the secrets' files is this source's. What its code says is left out without ``read_code``."""
    native = source.dlt_native
    sections: tuple[str, ...] = ()
    parameters: frozenset[str] = frozenset()
    if read_code:
        sections, parameters = code.sections_for(project, native.source_module, native.source_function)
    return Scope(
        name=source.name,
        pipeline=source.pipeline_name,
        sections=sections,
        function=native.source_function,
        destination=source.destination,
        entries=project.names,
        more=native.secret_sections,
        parameters=parameters,
    )


def _selected(project: Project, scope: Scope, environ: Mapping[str, str]) -> tuple[Table, Table]:
    """The source's part of both files, with what the environment says over it."""
    paths = [project.root / name for name in (SECRETS, CONFIG)]
    secrets, config = (_file(path, modified_at(path)).part_for(scope) for path in paths)
    folded = slices.fold(environ, scope, secrets, config)
    own = {name: folded.pop(name) for name in slices.OWN_SECTIONS if name in folded}
    # dlt's own settings are no secrets: unless secrets.toml has them, "INFO" must not be masked in every line
    in_secrets = {name: table for name, table in own.items() if name in secrets}
    return (
        slices.File(slices.merge(secrets, {**folded, **in_secrets})).part_for(scope),
        slices.File(slices.merge(config, own)).part_for(scope),
    )


@functools.lru_cache(maxsize=8)
def _file(path: Path, moment: int | None) -> slices.File:
    return slices.File(read_toml(path))


@dataclass(frozen=True)
class _Asked:
    """A source with the variables and the ``--set`` arguments of one run."""

    project: Project
    source: Source
    environ: Mapping[str, str] = field(repr=False)
    overrides: Mapping[str, Any] = field(repr=False)

    @property
    def entry(self) -> str:
        """``sources.yml:12: jira``, for messages."""
        return f"{self.project.line(self.source.name)}: {self.source.name}"

    @property
    def arguments(self) -> dict[str, dict[str, Any]]:
        native = self.source.dlt_native
        return {
            "function_kwargs": {**native.function_kwargs, **self.overrides},
            "resource_kwargs": dict(native.resource_kwargs),
        }

    def place(self, path: str) -> str:
        """Where the argument at a dotted path was given: in the entry, or for this run alone."""
        kind, _, argument = path.partition(".")
        given = re.split(r"[.\[]", argument, maxsplit=1)[0]
        return f"--set {argument}" if kind == "function_kwargs" and given in self.overrides else path


def _values(asked: _Asked, arguments: literals.Arguments) -> dict[str, str]:
    """The values of the variables that are referred to. Raises ConfigurationError where one has none."""
    env, environ = asked.source.container.env, asked.environ
    names = literals.references([arguments.kwargs, env])
    names = [name for name in names if name not in arguments.literals]
    broken = [asked.place(path) for path in literals.malformed(arguments.kwargs)]
    broken += [f"env.{place}" for place in literals.malformed(env)]
    if broken:
        by_set = all(place.startswith("--set ") for place in broken)
        where = asked.source.name if by_set else asked.entry
        raise ConfigurationError(
            f"{where}: {', '.join(broken)}: begins with env: but names no variable.",
            "Write env:NAME, such as env:API_KEY",
        )
    lacking = [name for name in names if not environ.get(name)]
    if lacking:
        given = arguments.kwargs
        kept = {key: value for key, value in given["function_kwargs"].items() if key not in asked.overrides}
        own = set(literals.references([kept, given["resource_kwargs"], env]))
        raise _lacking(asked, lacking, by_set=own.isdisjoint(lacking))
    for name in names:
        slices.require_text(name, environ[name])
    return {name: environ[name] for name in names}


def _settings(table: Table, environ: Mapping[str, str]) -> dict[str, str]:
    """Every text of a file's part, by where it is: ``[sources.shop] credentials``, or a variable."""
    found = {}
    for path, value in literals.strings(table):
        section, _, key = path.rpartition(".")
        variable = path.upper().replace(".", "__")
        given = environ.get(variable) == value
        found[variable if given else f"[{section}] {key}" if section else key] = value
    return found


def _addresses(asked: _Asked, texts: Mapping[str, str], values: Mapping[str, str]) -> tuple[str, ...]:
    """Warnings of connection strings that some programs misread. Raises ConfigurationError for those that all
    misread: a driver's error would quote the end of the password as a host.
    """
    found = dict(texts)
    for path, text in literals.strings(asked.arguments):
        found[asked.place(path)] = text
    for name, text in asked.source.container.env.items():
        found[f"container.env.{name}"] = text
    given = {f"{ENV_REFERENCE}{name}": value for name, value in values.items()}
    told = {
        f"{place} ({text})" if text in given else place: given.get(text, text)
        for place, text in found.items()
    }
    faults = {place: fault for place, text in told.items() if (fault := addresses.fault_of(text)) is not None}
    if faults:
        raise ConfigurationError(
            "; ".join(f"{asked.entry}: {place}: {fault.value}" for place, fault in faults.items()),
            f"Write {addresses.ENCODED}.",
        )
    return tuple(
        f"{asked.entry}: {place}: some drivers end its user or password too early; write {addresses.ENCODED}"
        for place, text in told.items()
        if addresses.doubtful(text)
    )


def _unseen(project: Project, source: Source, *selected: Table) -> Iterator[str]:
    """Warnings of places that are in the files, and that its code asks for by path but doesn't get.

    Code that asks by ``get`` would take that for a secret that nobody gave, and say nothing.
    """
    file = code.custom_file(project, source.dlt_native.source_module)
    for path, line in code.read_module(file).asked if file is not None else ():
        whole = [at(read_toml(project.root / name), path) for name in (SECRETS, CONFIG)]
        if any(part is not None for part in whole) and all(at(table, path) is None for table in selected):
            section = path if any(isinstance(part, Mapping) for part in whole) else path.rpartition(".")[0]
            place = f"{shown_path(file or project.file)}:{line}"
            yield (
                f"{project.line(source.name)}: {source.name}: {place} reads {path}, which it doesn't get;"
                f" write dlt_native: {{secret_sections: [{section}]}}"
            )


def _lacking(asked: _Asked, names: Sequence[str], *, by_set: bool) -> ConfigurationError:
    """The error for variables without a value, those that aren't set and those that are empty.

    ``by_set``: only arguments of ``--set`` refer to them.
    """
    where, who = (asked.source.name, "--set") if by_set else (asked.entry, "the entry")
    empty = [name for name in names if name in asked.environ]
    missing = [name for name in names if name not in asked.environ]
    told = [name + did_you_mean(name, asked.environ) for name in missing]
    parts = [
        f"{', '.join(group)} {'is' if len(group) == 1 else 'are'} {what}"
        for group, what in ((told, "not set"), (empty, "empty"))
        if group
    ]
    dotenv = shown_path(asked.project.root / DOTENV)
    hint = f"Put {names[0]}=... into {dotenv}, or `export {names[0]}=...`"
    if not missing:
        hint = f"Give {empty[0]} a value, in {dotenv} or in the environment, which wins over it."
    return ConfigurationError(
        f"{where}: {', '.join(parts)}, but {who} uses {'it' if len(names) == 1 else 'them'}.", hint
    )


def _warnings(asked: _Asked, arguments: literals.Arguments) -> tuple[str, ...]:
    """Warnings of literals that look like secrets."""
    places = [asked.place(path) for path in arguments.places]
    places += [
        f"container.env.{key}"
        for key, value in asked.source.container.env.items()
        if literals.looks_secret(key, value)
    ]
    return tuple(
        f"{asked.source.name}: {place} looks like a secret, and the shell's history keeps it; "
        "keep it in .env and give env:NAME"
        if place.startswith("--set ")
        else f"{asked.entry}: {place} looks like a secret; keep it in .env and write env:NAME here"
        for place in places
    )


def _toml(table: Mapping[str, Any]) -> str:
    if not table:
        return ""
    import tomli_w

    return tomli_w.dumps(table)
