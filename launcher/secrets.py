"""A job's own secrets and configuration, and nothing of another source's.

``.dlt/secrets.toml``, ``.dlt/config.toml`` and ``.env`` stay with the launcher. Each job gets a slice of
them: two TOML files that dlt reads as they are, and the values of the ``env:NAME`` references in use.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from launcher.config.destinations import bucket_extra, destination_extra
from launcher.config.faults import shown_path
from launcher.config.models import Project, Source
from launcher.config.toml_files import CONFIG, SECRETS, read_toml
from launcher.errors import ConfigurationError, near_miss
from launcher.plan import Slice
from launcher.slices import code, cutting, destinations, literals
from launcher.slices.cutting import Scope, Table
from launcher.slices.dotenv_file import read_dotenv
from runner.contract import CONFIG_FILE, SECRETS_FILE, VALUES_FILE, Destination

DOTENV = ".env"


def read_environment(project: Project, environ: Mapping[str, str]) -> Mapping[str, str]:
    """``.env`` of the project's root under ``environ``, which wins.

    Raises ConfigurationError where that, ``secrets.toml`` or ``config.toml`` can't be read: all sources share
    them, so that is told once and before any of them starts.
    """
    for relative in (SECRETS, CONFIG):
        read_toml(project.root / relative)
    return {**read_dotenv(project.root / DOTENV), **environ}


def job_kwargs(source: Source, overrides: Mapping[str, Any]) -> dict[str, Any]:
    """``function_kwargs`` with ``overrides`` (``--set``) over them, as the job may show them.

    Literals that look like secrets are replaced by references, whose values are in ``slice_for``'s slice.
    """
    return _arguments(source, overrides).kwargs


def slice_for(
    project: Project, source: Source, environ: Mapping[str, str], overrides: Mapping[str, Any]
) -> Slice:
    """The slice of one job. ``environ`` is ``read_environment``'s, ``overrides`` as for ``job_kwargs``.

    Raises ConfigurationError: names of variables that are not set (all at once), a file that can't be read,
    a destination file outside ``data/``.
    """
    arguments = _arguments(source, overrides)
    values = {**_values(project, source, environ, arguments.kwargs, arguments.literals), **arguments.literals}
    scope = scope_of(project, source)
    secrets, config = _selected(project, scope, environ)
    names = sorted({*cutting.dotted_keys(secrets), *cutting.dotted_keys(config)})
    found = destinations.settings(source.destination, source.pipeline_name, secrets, config)
    destinations.resolve(project, source, found)
    secrets, config = cutting.arrange(secrets, config, scope)
    destinations.map_into(project, source, found, secrets, config)
    files = {SECRETS_FILE: _toml(secrets), CONFIG_FILE: _toml(config)}
    if values:
        files[VALUES_FILE] = json.dumps(values, ensure_ascii=False)
    return Slice(
        files={name: text for name, text in files.items() if text},
        warnings=_warnings(project, source, arguments),
        names=tuple(names),
    )


def destination_for(project: Project, source: Source, environ: Mapping[str, str]) -> Destination:
    """Where the source's rows go, files as the container sees them (below ``/data``).

    Raises ConfigurationError: no such destination, a file outside ``data/``, a file that can't be read.
    """
    secrets, config = _selected(project, scope_of(project, source), environ)
    return destinations.resolve(
        project, source, destinations.settings(source.destination, source.pipeline_name, secrets, config)
    )


def destination_extras(project: Project, source: Source, environ: Mapping[str, str]) -> tuple[str, ...]:
    """The dlt extras that the destination needs. Raises ConfigurationError as ``destination_for``."""
    secrets, config = _selected(project, scope_of(project, source), environ)
    found = destinations.settings(source.destination, source.pipeline_name, secrets, config)
    bucket = found.table.get("bucket_url")
    extras = (destination_extra(found.type), bucket_extra(bucket) if isinstance(bucket, str) else None)
    return tuple(extra for extra in extras if extra)


def scope_of(project: Project, source: Source) -> Scope:
    """What of the secrets' files is this source's, and what is another's."""
    native = source.dlt_native
    others = {other.name for other in project.sources} | {other.name for other in project.foreign}
    return Scope(
        name=source.name,
        pipeline=source.pipeline_name,
        sections=code.sections(project, native.source_module, native.source_function),
        function=native.source_function,
        destination=source.destination,
        others=frozenset(others - {source.name}),
        more=native.secret_sections,
        parameters=code.parameters(project, native.source_module),
    )


def _arguments(source: Source, overrides: Mapping[str, Any]) -> literals.Arguments:
    return literals.take_out({**source.dlt_native.function_kwargs, **overrides})


def _selected(project: Project, scope: Scope, environ: Mapping[str, str]) -> tuple[Table, Table]:
    """The source's part of both files, with what the environment says over it."""
    secrets, config = read_toml(project.root / SECRETS), read_toml(project.root / CONFIG)
    folded = cutting.fold(environ, scope, secrets, config)
    own = {name: folded.pop(name) for name in cutting.OWN_SECTIONS if name in folded}
    # dlt's own settings are no secrets: where nothing hides them, "INFO" is not masked in every line
    in_secrets = {name: table for name, table in own.items() if name in secrets}
    return (
        cutting.select(cutting.laid_over(secrets, {**folded, **in_secrets}), scope),
        cutting.select(cutting.laid_over(config, own), scope),
    )


def _values(
    project: Project, source: Source, environ: Mapping[str, str], kwargs: Any, known: Mapping[str, str]
) -> dict[str, str]:
    asked = [name for name in literals.references([kwargs, source.container.env]) if name not in known]
    where = f"{shown_path(project.file)}:{project.lines.get(source.name, 1)}: {source.name}"
    broken = literals.malformed({"function_kwargs": kwargs, "env": source.container.env})
    if broken:
        raise ConfigurationError(
            f"{where}: {', '.join(broken)}: begins with env: and names no variable.",
            "Write env:NAME, such as env:API_KEY",
        )
    missing = [name for name in asked if not environ.get(name)]
    if missing:
        named = ", ".join(name + ("" if name in environ else near_miss(name, environ)) for name in missing)
        verb = "is" if len(missing) == 1 else "are"
        raise ConfigurationError(
            f"{where}: {named} {verb} not set, and the entry asks for that.",
            f"Put {missing[0]}=... into {shown_path(project.root / DOTENV)}, or `export {missing[0]}=...`",
        )
    for name in asked:
        cutting.require_text(name, environ[name])
    return {name: environ[name] for name in asked}


def _warnings(project: Project, source: Source, arguments: literals.Arguments) -> tuple[str, ...]:
    where = f"{shown_path(project.file)}:{project.lines.get(source.name, 1)}: {source.name}"
    kept = [f"function_kwargs.{place}" for place in arguments.places]
    kept += [
        f"container.env.{key}"
        for key, value in source.container.env.items()
        if literals.looks_secret(key, value)
    ]
    return tuple(
        f"{where}: {place} looks like a secret; keep it in .env and write env:NAME here" for place in kept
    )


def _toml(table: Mapping[str, Any]) -> str:
    if not table:
        return ""
    import tomli_w

    return tomli_w.dumps(table)
