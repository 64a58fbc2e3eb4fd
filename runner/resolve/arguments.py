"""Checks a job's keyword arguments against the function's signature, before anything starts."""

from __future__ import annotations

import datetime
import inspect
import typing
from collections.abc import Mapping

from dlt.sources import incremental

from runner.contract import ENV_REFERENCE, TIMESTAMP, FailureKind, JobSpec
from runner.explain.classify import JobFailed
from runner.explain.wording import listed, near_misses, one_line
from runner.resolve import coercion, incrementals, parts
from runner.resolve.callables import Found, Kind


def prepare(found: Found, job: JobSpec, values: Mapping[str, typing.Any]) -> dict[str, typing.Any]:
    """The arguments to call ``found`` with: references resolved, values converted as the type hints ask.

    ``values`` are those of ``env:NAME`` references. Raises JobFailed (arguments) with every fault at once:
    unknown, missing and badly typed arguments.
    """
    return checked(found, resolved(job.kwargs, values), job.source, job.overrides)


def checked(
    found: Found, kwargs: Mapping[str, typing.Any], source: str, overrides: typing.Collection[str] = ()
) -> dict[str, typing.Any]:
    """``prepare`` for arguments whose references are resolved.

    ``source`` is the entry's name, ``overrides`` are names of ``--set``.
    """
    if found.signature is None:
        if kwargs:
            raise _wrong(found, [f"takes no arguments, being {found.kind.value}: {listed(sorted(kwargs))}"])
        return {}
    faults: list[str] = []
    parameters = _parameters(found)
    open_ended = any(p.kind is p.VAR_KEYWORD for p in found.signature.parameters.values())
    hints = coercion.hints_of(found.function)
    ready: dict[str, typing.Any] = {}
    misplaced: list[parts.Part] = []
    for name, value in kwargs.items():
        parameter = parameters.get(name)
        if parameter is None and not open_ended:
            part = parts.find(name, parameters.values(), hints)
            if part is not None:
                misplaced.append(part)
                faults.append(f"has no argument '{name}' (it is a part of '{part.parameter}')")
                continue
            near = near_misses(name, parameters)
            takes = f"it takes {listed(list(parameters))}" if parameters else "it takes none"
            faults.append(f"has no argument '{name}' ({f'did you mean {near}?' if near else takes})")
            continue
        hint = hints.get(name, parameter.annotation if parameter is not None else inspect.Parameter.empty)
        default = parameter.default if parameter is not None else None
        try:
            ready[name] = coercion.coerce(value, hint, default)
        except coercion.Mismatch as exc:
            origin = " (by --set)" if name in overrides else ""
            faults.append(f"wants {exc.wanted} for '{name}', not {exc.got}{origin}")
    missing = [name for name in needed(found) if name not in kwargs]
    if missing:
        faults.append("needs " + ", ".join(f"'{name}'" for name in missing))
    if faults:
        raise _wrong(found, faults, parts.advice(misplaced, source))
    if found.kind is not Kind.RESOURCE and found.function is not None:
        for name, cursor in incrementals.cursors_of(found.function).items():
            ready.setdefault(name, cursor)
    return ready


def resolved(value: typing.Any, values: Mapping[str, typing.Any]) -> typing.Any:
    """``value`` with each ``env:NAME`` in it, at any depth, replaced by that name's value.

    Raises JobFailed (arguments) for names without a value, all of them at once.
    """
    unknown: list[str] = []

    def walk(item: typing.Any) -> typing.Any:
        if isinstance(item, str) and item.startswith(ENV_REFERENCE):
            name = item[len(ENV_REFERENCE) :]
            if name not in values:
                unknown.append(name)
                return None
            return values[name]
        if isinstance(item, str) and item.startswith(TIMESTAMP):
            return _moment(item)
        if isinstance(item, dict):
            return {key: walk(inner) for key, inner in item.items()}
        if isinstance(item, (list, tuple)):
            return [walk(inner) for inner in item]
        return item

    walked = walk(value)
    if unknown:
        names = ", ".join(sorted(set(unknown)))
        raise JobFailed.of(
            FailureKind.ARGUMENTS,
            f"the arguments name variables that have no value: {names}",
            "set them in .env or the environment",
        )
    return walked


def _moment(text: str) -> datetime.datetime:
    """A point in time as it is written in ``sources.yml``; a day alone is its first moment in UTC."""
    words = text.removeprefix(TIMESTAMP).strip()
    try:
        moment = datetime.datetime.fromisoformat(words.replace("Z", "+00:00"))
    except ValueError:
        raise JobFailed.of(
            FailureKind.ARGUMENTS,
            f"'{one_line(words, 40)}' is no point in time",
            "write !!timestamp 2024-01-31T12:00:00Z",
        ) from None
    return moment if "T" in words or " " in words else moment.replace(tzinfo=datetime.timezone.utc)


def needed(found: Found) -> list[str]:
    """The arguments that have neither a default nor a cursor that dlt passes by itself."""
    hints = coercion.hints_of(found.function)
    required = {name: p for name, p in _parameters(found).items() if p.default is p.empty}
    return [
        name
        for name, p in required.items()
        if not coercion.is_kind_of(hints.get(name, p.annotation), incremental)
    ]


def _parameters(found: Found) -> dict[str, inspect.Parameter]:
    """The parameters that can be given by name."""
    assert found.signature is not None
    variable = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    named = [p for p in found.signature.parameters.values() if p.kind not in variable]
    named = named[1:] if found.skip_first else named
    return {p.name: p for p in named if p.kind is not p.POSITIONAL_ONLY}


def _wrong(found: Found, faults: list[str], advice: str = "") -> JobFailed:
    hint = advice or "leave function_kwargs out"
    if found.signature is not None and not advice:
        # without the values of defaults, which may be secrets
        words = [name if p.default is p.empty else f"{name}=…" for name, p in _parameters(found).items()]
        hint = f"its signature: {found.name}({', '.join(words)})"
    what = "resource" if found.kind is Kind.RESOURCE else "function"
    return JobFailed.of(FailureKind.ARGUMENTS, f"{what} '{found.name}' {'; it '.join(faults)}", hint)
