"""Joins what a source's entry, code and destination ask for into one Environment."""

from __future__ import annotations

import re
from collections.abc import Mapping

from packaging.requirements import Requirement as Parsed
from packaging.utils import canonicalize_name

from launcher.config.destinations import EXTRAS
from launcher.config.faults import shown_path
from launcher.config.models import Project, Source
from launcher.config.verified import verified_name
from launcher.environment import (
    drivers,
    duckdb_version,
    local_packages,
    requirement_files,
)
from launcher.environment.dlt_versions import choose, is_extra, parse
from launcher.environment.values import (
    DEFAULT_DLT,
    Environment,
    LocalPackage,
    Requirement,
    VerifiedSource,
)
from launcher.environment.verified_sources import Repository
from launcher.errors import ConfigurationError, did_you_mean
from launcher.secrets import code
from launcher.secrets.gather import Drivers
from runner.contract import Destination


def describe(
    project: Project,
    source: Source,
    *,
    base_identity: str,
    platform: str = "linux/amd64",
    base_image: str | None = None,
    reached: Drivers | None = None,
    verified: Repository | None = None,
    with_lock: bool = True,
    locked: bool = False,
    duckdbs: duckdb_version.DuckdbPins | None = None,
) -> Environment:
    """The environment of one source: what its entry, its code's own files and its destination ask for.

    Reads the project's files and, where a verified source is named, the repository of those; asks no
    registry. ``reached`` is what drivers are needed for; by default the destination's name tells.
    ``locked`` refuses a missing or stale lock; ``duckdbs`` keeps what other sources pin, so that it is read
    once.
    Raises ConfigurationError: an extra that is neither dlt's nor a verified source, a Python that this
    dlt doesn't run on, a requirement that can't be read, DuckDB versions that can't share a file.
    """
    base_image = base_image or project.base_image.replace("{python}", source.container.python)
    if reached is None:
        named = EXTRAS.get(source.destination)
        reached = Drivers(Destination(source.destination), (named,) if named else ())
    destination_type = reached.destination.type
    container = source.container
    place = project.origin(source.name)
    wrong = module_fault(source.dlt_native.source_module)
    if wrong is not None:
        raise ConfigurationError(f"{place}: {wrong[0]}", wrong[1])
    asked = container.dlt or DEFAULT_DLT
    release = choose(asked, container.python, source=source.name)
    notes: list[str] = []

    extras: set[str] = {"parquet"}
    # A folder of this host needs no driver of a cloud.
    if destination_type != "filesystem" or reached.destination.file is None:
        extras |= {canonicalize_name(name) for name in reached.extras if is_extra(release, name)}
    verified_names: list[str] = []
    unknown: list[str] = []
    for name in container.extras:
        if is_extra(release, name):
            extras.add(canonicalize_name(name))
        elif verified is not None and name in verified.names():
            verified_names.append(name)
        elif verified is not None and (alias := verified_name(name)) in verified.names():
            verified_names.append(str(alias))
            notes.append(f"source '{source.name}': '{name}' is dlt's verified source '{alias}'")
        else:
            unknown.append(name)
    if unknown:
        known = {*release.extras, *(verified.names() if verified is not None else ())}
        near = did_you_mean(unknown[0], known)
        raise ConfigurationError(
            f"{place}: '{unknown[0]}' is neither an extra of dlt {release.version}"
            f" nor a verified source{near}",
            "a package from an index goes into container.requirements",
        )

    module = source.dlt_native.source_module
    top = module.split(".")[0]
    file = code.custom_file(project, module)
    if file is not None and (closed := code.read_module(file)).hint:
        raise ConfigurationError(f"{shown_path(file)}: {closed.error}", closed.hint)
    custom = requirement_files.is_custom(project.custom_sources, module)
    files = requirement_files.code_of(project.custom_sources, module) if custom else ()
    if custom:
        extras |= drivers.core_extras(files)
    elif (extra := drivers.core_extra(module)) is not None:
        extras.add(extra)

    requirements: list[Requirement] = [
        requirement_files.check(text, place) for text in container.requirements
    ]
    if custom:
        requirements.extend(requirement_files.of_module(project.custom_sources, module, root=project.root))
    elif (
        verified is not None
        and top not in drivers.CORE_SOURCES
        and top not in ("dlt", *verified_names)
        and verified.may_have(module, [item.text for item in requirements])
        and _has(verified, top, notes)
    ):
        verified_names.append(top)
        written = project.modules.get(source.name, top)
        stands = f" ('{written}' stands for it)" if written != top else ""
        notes.append(
            f"source '{source.name}': module '{top}'{stands} is taken from dlt's verified sources;"
            f" 'container.extras: [{top}]' pins that"
        )
    for name in verified_names:
        assert verified is not None
        requirements.extend(verified.requirements(name))
        extras |= drivers.core_extras(verified.code(name))

    local: list[LocalPackage] = []
    for requirement in requirements:
        if requirement_files.is_path(requirement.text):
            local.append(local_packages.find(requirement, project.root))
    if destination_type in ("duckdb", "ducklake"):
        pin = (duckdbs or duckdb_version.DuckdbPins(project)).pin(source, requirements)
        if pin is not None:
            requirements.append(pin)

    native = source.dlt_native
    names_of_dlt = drivers.dlt_parts_used(module, native.source_function, native.resources or (), files)
    added: list[Requirement] = []
    if any(name.startswith("filesystem") for name in names_of_dlt):
        for scheme, extra in drivers.bucket_extras(reached.own).items():
            if is_extra(release, extra) and extra not in extras:
                added.append(Requirement(f"dlt[{extra}]", f"for '{scheme}://', {place}"))
                extras.add(extra)
    needed = [
        *drivers.of_names(names_of_dlt),
        *(drivers.of_schemes(reached.own) if "sql-database" in extras else ()),
        *(drivers.of_schemes(reached.destinations) if destination_type == "sqlalchemy" else ()),
    ]
    for packages, why in needed:
        asked_for = [item.text for item in requirements]
        missing = [t for t in packages if not requirement_files.may_bring(Parsed(t).name, asked_for)]
        brought = [Requirement(text, f"for {why}, {place}") for text in missing]
        added += brought
        requirements += brought
        if missing or not packages:
            notes.append(f"source '{source.name}': {why}{' brings ' + ', '.join(missing) if missing else ''}")

    system = set(container.system_packages)
    if any("git+" in item.text for item in requirements) and "git" not in system:
        system.add("git")
        notes.append(f"source '{source.name}': Debian's git is added, for its git+ requirement")

    environment = Environment(
        base_image=base_image,
        base_identity=base_identity,
        python=container.python,
        dlt=str(parse(asked, source=source.name)),
        dlt_origin=f"container.dlt, {place}"
        if container.dlt
        else "the dlt that this dltpod brings (container.dlt sets another)",
        dlt_extras=tuple(sorted(extras)),
        requirements=tuple(dict.fromkeys(requirements)),
        local_packages=tuple(dict.fromkeys(local)),
        verified=tuple(
            VerifiedSource(name, verified.commit(name))
            for name in dict.fromkeys(verified_names)
            if verified is not None
        ),
        system_packages=tuple(sorted(system)),
        platform=platform,
        sources=(source.name,),
        notes=tuple(notes),
        added=tuple(added),
    )
    if not with_lock:
        return environment
    from launcher.environment.locks import attach

    return attach(project, source, environment, locked=locked)


def drivers_of(project: Project, source: Source, environ: Mapping[str, str]) -> Drivers:
    """What a source's image needs drivers for.

    ``environ`` is the process's own; the project's ``.env`` is read under it. Raises ConfigurationError.
    """
    from launcher.secrets.gather import drivers_for, read_environment

    return drivers_for(project, source, read_environment(project, environ))


def _has(verified: Repository, name: str, notes: list[str]) -> bool:
    """Whether the repository has the source; False, with a note, where the repository can't be fetched."""
    try:
        return name in verified.names()
    except ConfigurationError as failed:
        notes.append(f"verified sources couldn't be asked for '{name}': {failed.message}")
        return False


_MODULE = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")
_GENERAL = "It is a dotted Python name: jira for custom_sources/jira.py, or my_company.sources.erp"


def module_fault(module: str) -> tuple[str, str] | None:
    """What is wrong with a ``source_module``, and a hint; None for one that may be a module's name."""
    if _MODULE.fullmatch(module) and not module.endswith(".py"):
        return None
    text = " ".join(module.split())[:80]
    if not text:
        return "source_module is empty", _GENERAL
    return f"'{text}' is not the name of a Python module", _hint(text)


def _hint(text: str) -> str:
    """The module that is meant by a file's name, or by a name with too many dots."""
    plain = text.removesuffix(".py").replace("\\", "/")
    outside = plain.startswith(("/", "~", "../"))
    plain = plain.rpartition("/")[2] if outside else plain.replace("/", ".")
    meant = re.sub(r"\.{2,}", ".", plain).strip(".").removeprefix("custom_sources.").replace("-", "_")
    if not _MODULE.fullmatch(meant):
        return _GENERAL
    place = f"custom_sources/{meant.replace('.', '/')}.py"
    if outside:
        return f"Put it into custom_sources/ and write source_module: {meant}"
    return f"source_module: {meant}" + (f", with its file named {place}" if "-" in plain else "")
