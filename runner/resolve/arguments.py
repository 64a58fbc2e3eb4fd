"""Holds a job's keyword arguments against the function's signature, before anything starts."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Mapping

from runner.contract import ENV_REFERENCE, Failure, FailureKind, JobSpec
from runner.explain.classify import JobFailed
from runner.explain.wording import listed, near_misses
from runner.resolve import bare_incrementals, coercion
from runner.resolve.callables import Found, Kind


def prepare(found: Found, job: JobSpec, values: Mapping[str, typing.Any]) -> dict[str, typing.Any]:
    """The arguments to call ``found`` with: references resolved, values coerced by the type hints.

    Raises JobFailed with every fault at once: unknown, missing and badly typed arguments.
    """
    kwargs = resolved(job.kwargs, values)
    if found.signature is None:
        if kwargs:
            raise _wrong(found, [f"takes no arguments, being {found.kind.value}: {listed(sorted(kwargs))}"])
        return {}
    faults: list[str] = []
    parameters = _parameters(found)
    open_ended = any(p.kind is p.VAR_KEYWORD for p in found.signature.parameters.values())
    hints = coercion.hints_of(found.function)
    ready: dict[str, typing.Any] = {}
    for name, value in kwargs.items():
        parameter = parameters.get(name)
        if parameter is None and not open_ended:
            near = near_misses(name, parameters)
            takes = f"it takes {listed(list(parameters))}" if parameters else "it takes none"
            faults.append(f"has no argument '{name}' ({f'did you mean {near}?' if near else takes})")
            continue
        hint = hints.get(name, parameter.annotation if parameter is not None else inspect.Parameter.empty)
        default = parameter.default if parameter is not None else None
        try:
            ready[name] = coercion.coerce(value, hint, default)
        except coercion.Mismatch as exc:
            faults.append(f"wants {exc.wanted} for '{name}'{_given(job, name, exc)}")
    missing = [
        name
        for name, p in parameters.items()
        if p.default is p.empty and name not in kwargs and not _injected(p, hints)
    ]
    if missing:
        faults.append(f"needs {_quoted(missing)}")
    if faults:
        raise _wrong(found, faults)
    if found.kind is not Kind.RESOURCE and found.function is not None:
        for name, cursor in bare_incrementals.cursors_of(found.function).items():
            ready.setdefault(name, cursor)
    return ready


def resolved(value: typing.Any, values: Mapping[str, typing.Any]) -> typing.Any:
    """``value`` with each ``env:NAME`` in it, at any depth, replaced.

    Raises JobFailed for names without a value, all of them at once.
    """
    unknown: list[str] = []

    def walk(item: typing.Any) -> typing.Any:
        if isinstance(item, str) and item.startswith(ENV_REFERENCE):
            name = item[len(ENV_REFERENCE) :]
            if name not in values:
                unknown.append(name)
                return None
            return values[name]
        if isinstance(item, dict):
            return {key: walk(inner) for key, inner in item.items()}
        if isinstance(item, (list, tuple)):
            return [walk(inner) for inner in item]
        return item

    walked = walk(value)
    if unknown:
        names = ", ".join(sorted(set(unknown)))
        raise JobFailed(
            Failure(
                FailureKind.ARGUMENTS,
                f"function_kwargs names variables that have no value: {names}",
                "set them in .env or the environment",
            )
        )
    return walked


def _parameters(found: Found) -> dict[str, inspect.Parameter]:
    """The parameters that can be given by name."""
    assert found.signature is not None
    named = [
        p
        for p in found.signature.parameters.values()
        if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY, p.POSITIONAL_ONLY)
    ]
    named = named[1:] if found.skip_first else named
    return {p.name: p for p in named if p.kind is not p.POSITIONAL_ONLY}


def _injected(parameter: inspect.Parameter, hints: Mapping[str, typing.Any]) -> bool:
    """Whether dlt gives the argument by itself: a cursor by its type hint, as apply_hints sets it."""
    from dlt.sources import incremental

    hint = hints.get(parameter.name, parameter.annotation)
    return coercion.is_kind_of(hint, incremental)


def _given(job: JobSpec, name: str, exc: coercion.Mismatch) -> str:
    source = " (by --set)" if name in job.overrides else ""
    return f", not {exc.got}{source}"


def _quoted(names: list[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)


def _wrong(found: Found, faults: list[str]) -> JobFailed:
    text = "; it ".join(faults)
    shown = "" if found.signature is None else f"its signature: {found.name}{_shown_signature(found)}"
    return JobFailed(
        Failure(
            FailureKind.ARGUMENTS, f"function '{found.name}' {text}", shown or "leave function_kwargs out"
        )
    )


def _shown_signature(found: Found) -> str:
    """The signature without its defaults' values, which may be secrets."""
    words = []
    for name, p in _parameters(found).items():
        words.append(name if p.default is p.empty else f"{name}=…")
    return f"({', '.join(words)})"
