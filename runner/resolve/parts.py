"""Finds arguments that are not parameters of a function but fields of one, such as of its credentials."""

from __future__ import annotations

import dataclasses
import inspect
import typing
from collections.abc import Collection, Iterable, Mapping

from dlt.common.configuration import is_secret_hint
from dlt.common.configuration.specs import BaseConfiguration, CredentialsConfiguration

from runner.resolve import coercion


@dataclasses.dataclass(frozen=True)
class Part:
    """A field of a parameter."""

    name: str
    parameter: str
    file: str
    """The file that dlt reads it from; empty where it is given within the parameter, as an argument."""


def find(name: str, parameters: Iterable[inspect.Parameter], hints: Mapping[str, typing.Any]) -> Part | None:
    """The field ``name`` of the first parameter whose type has it; None where there is none."""
    for parameter in parameters:
        for kind in coercion.members(hints.get(parameter.name, parameter.annotation)):
            if isinstance(kind, type) and name in _fields(kind):
                file = _file(kind, name)
                if not file or parameter.default is not parameter.empty:  # dlt looks up what has a default
                    return Part(name, parameter.name, file)
    return None


def advice(parts: Iterable[Part], source: str) -> str:
    """What to write for fields that were given as arguments; ``source`` is the entry's name."""
    tables: dict[tuple[str, str], list[str]] = {}
    within: dict[str, list[str]] = {}
    for part in parts:
        if part.file:
            table = f"[sources.{source}.{part.parameter}]"
            tables.setdefault((part.file, table), []).append(f'{part.name} = "…"')
        else:
            within.setdefault(part.parameter, []).append(f"{part.name}: …")
    told = [
        "\n".join([f"not an argument but in {file}:", table, *lines])
        for (file, table), lines in tables.items()
    ]
    told += [f"write in its place: {name}: {{{', '.join(fields)}}}" for name, fields in within.items()]
    return "\n".join(told)


def _fields(kind: typing.Any) -> Collection[str]:
    """The fields of a configuration of dlt's, a dataclass or a pydantic model; none of any other class."""
    if issubclass(kind, BaseConfiguration):
        return list(kind.get_resolvable_fields())
    if hasattr(kind, "model_validate"):
        return list(kind.model_fields)
    return [field.name for field in dataclasses.fields(kind)] if dataclasses.is_dataclass(kind) else []


def _file(kind: typing.Any, name: str) -> str:
    """Where dlt reads a configuration's field from; empty for what it doesn't look up."""
    if not issubclass(kind, BaseConfiguration) or coercion.is_cursor(kind):
        return ""
    secret = issubclass(kind, CredentialsConfiguration) or is_secret_hint(kind.get_resolvable_fields()[name])
    return ".dlt/secrets.toml" if secret else ".dlt/config.toml"
