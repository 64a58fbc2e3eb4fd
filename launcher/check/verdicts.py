"""Verdicts on sources that need no container: what the files alone can tell.

``dltpod check`` prints these rows; ``check --deep`` adds what the source's own container says.
"""

from __future__ import annotations

import contextlib
import json
import re
import stat
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from launcher.check import code as check_code
from launcher.check.code import Level, Row
from launcher.config.faults import shown_path
from launcher.config.models import Project, Source
from launcher.config.rules import mount_source
from launcher.config.toml_files import CONFIG, SECRETS, read_toml
from launcher.config.verified import KNOWN
from launcher.environment.describe import module_fault
from launcher.environment.verified_sources import Repository
from launcher.errors import ConfigurationError, DltpodError, counted, did_you_mean
from launcher.host import rights
from launcher.secrets import code, literals
from runner.contract import VALUES_FILE, Destination

if TYPE_CHECKING:
    from launcher.secrets.gather import Drivers, Part

__all__ = ["Level", "Row", "check_project", "check_source", "worst"]

CORE_MODULES = ("filesystem", "rest_api", "sql_database")
"""``dlt.sources.<name>``, of dlt 1.18 to 1.31."""
WHOLE_WORDS = 8
"""Shorter secrets are masked as whole words only (``runner.supervise.masking.SHORT``)."""
SHORTEST = 3
"""Still shorter ones are not masked at all (``runner.supervise.secret_values.SHORTEST``)."""
ADDED = "adds"
"""``what`` of rows about a package that was added unasked, with the reason."""
_DOTENV = ".env"
_NOT_HERE = "x" * WHOLE_WORDS
"""Stands for a variable that this machine lacks, where none is asked for."""


def check_project(project: Project) -> tuple[Row, ...]:
    """Verdicts on the files that all sources share: readable, and by whom."""
    text = f"{shown_path(project.file)}: {counted(len(project.sources), 'source')}"
    rows = [Row("configuration", Level.OK, text)]
    for other in project.foreign:
        text = f"{other.name} (line {other.line}) is of type {other.type}, not dlt_native: ignored"
        rows.append(Row("configuration", Level.NOTE, text))
    for relative in (SECRETS, CONFIG):
        try:
            read_toml(project.root / relative)
        except ConfigurationError as error:
            rows.append(Row("secrets", Level.WRONG, error.message, error.hint))
    rows += _unread(project)
    for file in (project.root / SECRETS, project.root / _DOTENV):
        with contextlib.suppress(OSError):
            if file.stat().st_mode & stat.S_IROTH:
                text = f"{shown_path(file)} can be read by every user of this machine"
                rows.append(Row("secrets", Level.NOTE, text, f"chmod 600 {shown_path(file)}"))
    listed = rights.git(project.root, "ls-files", "--", SECRETS, _DOTENV, seconds=rights.GIT_SECONDS)
    for tracked in (listed or "").split():
        text = f"{shown_path(project.root / tracked)} is in git, and so in every clone"
        rows.append(Row("secrets", Level.NOTE, text, f"git rm --cached {tracked}, and new secrets"))
    return tuple(rows)


def check_source(
    project: Project,
    source: Source,
    environ: Mapping[str, str],
    verified: Repository | None = None,
    *,
    with_secrets: bool = True,
    destinations: Collection[Destination] = (),
) -> tuple[Row, ...]:
    """Verdicts on one source. ``environ`` is that of ``launcher.secrets.gather.read_environment``.

    ``destinations`` are those of all sources. Without ``with_secrets`` no value is asked for that this
    machine may lack: secrets, variables.

    ``verified`` is dlt's verified sources, where they are at hand; why they couldn't be asked is no row of a
    source. Raises nothing for a fault of the source: that is a row.
    """
    names: Collection[str] | None = None
    unasked = ""
    try:
        names = verified.names() if verified is not None else None
    except DltpodError:
        verified, unasked = None, "; dlt's verified sources couldn't be asked"
    found = code.custom_file(project, source.dlt_native.source_module)
    module = code.read_module(found) if found is not None else None
    if not with_secrets:
        native = source.dlt_native
        asked = literals.references([native.function_kwargs, native.resource_kwargs, source.container.env])
        environ = {**environ, **{name: _NOT_HERE for name in asked if not environ.get(name)}}
    part, reached, faults = _part(project, source, environ)
    sliced = part.slice if part is not None else None
    rows = (
        *_module(project, source, module, names, unasked),
        *(check_code.function(source, module) if module is not None else ()),
        *check_code.missing_secrets(project, source, module, sliced, asked=with_secrets),
        *(() if module is not None and module.hint else _environment(project, source, reached, verified)),
        *_mounts(project, source),
        *(_destination(project, reached.destination, destinations) if reached is not None else ()),
        *faults,
        *(_secrets(project, source, part) if part is not None else ()),
    )
    return tuple(replace(row, source=source.name) for row in rows)


def _unread(project: Project) -> Iterator[Row]:
    """Sections below ``[sources]`` that no source reads: misspelt, most likely."""
    from launcher.secrets.gather import scope_of

    scopes = [scope_of(project, source) for source in project.sources]
    read = {name for scope in scopes for name in (scope.name, *scope.natives)}
    read |= {path.split(".")[1] for scope in scopes for path in scope.more if path.startswith("sources.")}
    # A function's name is found too, but nobody means it: entries and modules are what sections are called.
    meant = {name for scope in scopes for name in (scope.name, *scope.sections)}
    known = {*read, *(other.name for other in project.foreign), "credentials"}
    for relative in (SECRETS, CONFIG):
        try:
            sections = read_toml(project.root / relative).get("sources")
        except ConfigurationError:
            continue
        for name, value in sections.items() if isinstance(sections, Mapping) else ():
            if isinstance(value, Mapping) and name not in known:
                text = f"{shown_path(project.root / relative)}: no source reads [sources.{name}]"
                yield Row("secrets", Level.NOTE, f"{text}{did_you_mean(name, meant)}")


def worst(rows: Iterable[Row]) -> Level:
    """The worst of the verdicts."""
    levels = {row.level for row in rows}
    return next((level for level in (Level.WRONG, Level.NOTE) if level in levels), Level.OK)


def _part(
    project: Project, source: Source, environ: Mapping[str, str]
) -> tuple[Part | None, Drivers | None, tuple[Row, ...]]:
    """The source's part and what drivers are needed for, None where they can't be had, and why."""
    from launcher.secrets.gather import drivers_for, part_of

    try:
        part = part_of(project, source, environ, {})
        return part, part.drivers, ()
    except ConfigurationError as error:
        found = None
        with contextlib.suppress(ConfigurationError):  # the row of the slice says so
            found = drivers_for(project, source, environ)
        return None, found, (Row("secrets", Level.WRONG, error.message, error.hint),)


def _module(
    project: Project,
    source: Source,
    module: code.Module | None,
    verified: Collection[str] | None,
    unasked: str,
) -> Iterator[Row]:
    name = source.dlt_native.source_module
    if (wrong := module_fault(name)) is not None:
        yield Row("module", Level.WRONG, *wrong)
    elif module is not None and module.tree is None:
        place = f"{shown_path(module.file)}{f':{module.line}' if module.line else ''}"
        yield Row("module", Level.WRONG, f"{place}: {module.error}", module.hint)
    elif module is not None:
        yield Row("module", Level.OK, shown_path(module.file))
    elif name in CORE_MODULES or name.startswith("dlt.sources."):
        yield Row("module", Level.OK, f"dlt.sources.{name.removeprefix('dlt.sources.')}")
    elif (top := name.partition(".")[0]) in source.container.extras and (verified is None or top in verified):
        yield Row("module", Level.OK, f"dlt's verified source {top}")
    elif verified is not None and top in verified:
        text = f"dlt's verified source {top}, taken by itself"
        yield Row("module", Level.NOTE, text, f"container: {{extras: [{top}]}} pins it")
    else:
        yield _elsewhere(project, source, name, verified, unasked)


def _elsewhere(
    project: Project, source: Source, name: str, verified: Collection[str] | None, unasked: str
) -> Row:
    """A module that is not here: a package of the image may bring it, unless nothing is asked for."""
    here = {p.stem if p.suffix == ".py" else p.name for p in _listed(project.custom_sources)}
    others = {*here, *CORE_MODULES, *(KNOWN if verified is None else verified)} - {name}
    known = verified is None and name in KNOWN  # spelt well: only that they can't be had is wrong
    close = "" if known else did_you_mean(name, others)
    text = f"'{name}' is not in {shown_path(project.custom_sources)}/, nor a source of dlt's own{close}"
    asks = source.container.requirements or source.container.extras
    if verified is not None and not asks:
        hint = (
            f"Put its file into {shown_path(project.custom_sources)}/, or list the package that brings it: "
            "container: {requirements: [...]}"
        )
        return Row("module", Level.WRONG, text, hint)
    return Row(
        "module",
        Level.NOTE,
        text + unasked,
        "It may come with the image: `dltpod check --deep` checks it.",
    )


def _listed(folder: Path) -> list[Path]:
    try:
        return [p for p in folder.iterdir() if p.name[:1] not in "._" and (p.suffix == ".py" or p.is_dir())]
    except OSError:
        return []


def _environment(
    project: Project, source: Source, found: Drivers | None, verified: Repository | None
) -> Iterator[Row]:
    """What is added to the environment, or can't be one: the resolver sees the rest when it is built."""
    from launcher.environment.describe import describe
    from launcher.secrets.gather import Drivers

    if module_fault(source.dlt_native.source_module) is not None:
        return  # the module's own row says so
    asked = source
    if verified is None:  # whether a name is a verified source can't be told, so only what else stands there
        asked = source.model_copy(update={"container": source.container.model_copy(update={"extras": ()})})
    reached = found or Drivers(Destination("dummy"))
    if reached.destination.type != "sqlalchemy":
        reached = Drivers(Destination("dummy"), own=reached.own)
    try:
        described = describe(project, asked, base_identity="", verified=verified, reached=reached)
    except DltpodError as error:
        yield Row("environment", Level.WRONG, error.message, error.hint)
        return
    for item in described.added:
        yield Row(ADDED, Level.OK, f"{item.text}, {item.origin}")
    pinned: dict[str, tuple[str, str]] = {}
    for requirement in described.requirements:
        pin = re.match(r"([A-Za-z0-9._-]+)(?:\[[^\]]*\])?\s*==\s*([^\s;,*]+)\s*$", requirement.text)
        if not pin:
            continue
        name = canonicalize_name(pin[1])
        version, origin = pinned.setdefault(name, (pin[2], requirement.origin))
        if version != pin[2]:
            text = f"{name}=={version} ({origin}) contradicts {requirement.text} ({requirement.origin})"
            yield Row("environment", Level.WRONG, text, "Remove one of the lines.")


def _mounts(project: Project, source: Source) -> Iterator[Row]:
    for mount in source.container.mounts:
        place = mount_source(project.root, mount)
        if not place.exists():
            text = f"container.mounts: {shown_path(place)} does not exist"
            yield Row("environment", Level.WRONG, text, "Make it, or correct the path.")


def _destination(project: Project, own: Destination, others: Collection[Destination]) -> Iterator[Row]:
    from launcher.secrets.destinations import folder_of

    kind = f"{own.type} " if own.type not in own.shown else ""
    yield Row("destination", Level.OK, f"{kind}{own.shown}")
    folder = folder_of(own)
    if folder is None or not own.lock or own.file == f"/{project.warehouse}":
        return  # what all share by default
    beside = next((o for o in others if o.file != own.file and folder_of(o) == folder), None)
    if beside is not None:
        text = f"{own.shown} lies beside {beside.shown}: the sources of either can change both"
        file = PurePosixPath(own.file or "")
        hint = f"A folder of its own keeps others away: data/{file.stem}/{file.name}"
        yield Row("destination", Level.NOTE, text, hint)


def _secrets(project: Project, source: Source, part: Part) -> Iterator[Row]:
    for warning in part.slice.warnings:
        yield Row("secrets", Level.NOTE, warning)
    native = source.dlt_native
    both = {"function_kwargs": native.function_kwargs, "resource_kwargs": native.resource_kwargs}
    for place in literals.embedded(both):
        text = f"{place} contains env: inside a longer text, where it has no meaning"
        yield Row("secrets", Level.NOTE, text, "env:NAME is replaced only where it stands alone.")
    told: dict[str, list[str]] = {}
    for name, value in _named(part):
        told.setdefault(_why_unmasked(project, source, value.strip()), []).append(name)
    for why, names in sorted(told.items()):
        if why:
            yield Row("secrets", Level.NOTE, f"{', '.join(sorted(names))}: {why}")


def _why_unmasked(project: Project, source: Source, value: str) -> str:
    """Why a secret isn't masked everywhere; empty where it is."""
    native = source.dlt_native
    words = {project.name, source.name, source.pipeline_name, source.dataset_name, source.destination}
    words |= {native.source_function, *native.source_module.split("."), *(native.resources or ())}
    if len(value) < SHORTEST:
        return f"shorter than {SHORTEST} characters, so not masked"
    if value.lower() in {word.lower() for word in words}:
        return "is one of the names in sources.yml, so not masked"
    if len(value) < WHOLE_WORDS:
        return f"shorter than {WHOLE_WORDS} characters, so masked as a whole word only"
    return ""


def _named(part: Part) -> Iterator[tuple[str, str]]:
    """The values that are secrets by name, with where they stand."""
    values = json.loads(part.slice.files.get(VALUES_FILE, "{}"))
    for name, value in values.items():
        if not name.startswith(literals.LITERAL_NAME):
            yield name, value
    for path, value in literals.strings(part.secrets):
        key = path.rpartition(".")[2]
        if (
            path.startswith(("sources.", "destination."))
            and path in part.slice.names
            and literals.looks_secret(key, value)
        ):
            yield path, value
