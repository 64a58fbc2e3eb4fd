"""Finds the source function in its module, says what it is, and calls it once.

What the module merely imported is not offered as a near miss.
"""

from __future__ import annotations

import asyncio
import enum
import inspect
import traceback
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass

from dlt.extract import DltResource, DltSource
from dlt.extract.decorators import DltSourceFactoryWrapper

from runner.contract import FailureKind
from runner.explain.classify import JobFailed
from runner.explain.wording import listed, near_misses
from runner.resolve import functions as plain_functions


class Kind(enum.Enum):
    """What was found under the function's name."""

    FACTORY = "a source"
    SOURCE = "a source instance"
    RESOURCE = "a resource"
    FUNCTION = "a function"


@dataclass(frozen=True)
class Found:
    """The source function, what it is, and the signature that its arguments are checked against."""

    name: str
    kind: Kind
    target: typing.Any
    signature: inspect.Signature | None = None
    """None where it takes no arguments at all."""
    function: typing.Any = None
    """The function as it was written, for its type hints; None for an instance."""
    skip_first: bool = False
    """Its first parameter is not an argument but the item that a transformer gets."""


def find(module: types.ModuleType, name: str, shown: str) -> Found:
    """What ``name`` is in the module. ``shown`` is the module's name as ``sources.yml`` has it.

    Raises JobFailed (function_not_found) for anything that can't be run, with near misses.
    """
    missing = object()
    target = getattr(module, name, inspect.getattr_static(module, name, missing))
    if target is missing:
        raise _refused(module, shown, f"module '{shown}' has no '{name}'", name)
    if isinstance(target, DltSource):
        return Found(name, Kind.SOURCE, target)
    if isinstance(target, DltResource):
        if target._pipe.has_parent and target._pipe.parent.is_empty:
            raise JobFailed.of(
                FailureKind.FUNCTION_NOT_FOUND,
                f"'{shown}.{name}' is a transformer without a resource",
                "bind it to its resource: @dlt.transformer(data_from=…)",
            )
        return of_resource(target, name)
    for is_other, what in (
        (inspect.isclass(target), "a class"),
        (isinstance(target, types.ModuleType), "a module"),
        (not callable(target), f"a value of type {type(target).__name__}"),
    ):
        if is_other:
            raise _refused(module, shown, f"'{shown}.{name}' is {what}", name)
    try:
        signature = inspect.signature(target)
    except (TypeError, ValueError):
        signature = None
    kind = Kind.FACTORY if isinstance(target, DltSourceFactoryWrapper) else Kind.FUNCTION
    return Found(name, kind, target, signature, inspect.unwrap(target))


def call(found: Found, kwargs: Mapping[str, typing.Any]) -> typing.Any:
    """Calls what was found, once; returns what ``pipeline.extract`` takes.

    ``kwargs`` fit its signature. Raises JobFailed for a result that is no data, and for an argument that
    names a resource and is given by configuration alone, which dlt reads later than the name; else what the
    source raises.
    """
    try:
        if found.kind is Kind.FUNCTION:
            return plain_functions.run(found.target, found.function, found.name, kwargs)
        if found.kind is Kind.FACTORY:
            source = found.target(**kwargs)
            return asyncio.run(plain_functions.awaited(source)) if inspect.isawaitable(source) else source
        return found.target if found.signature is None else found.target(**kwargs)
    except KeyError as exc:
        name = _resource_name_argument(found, exc)
        if name is None:
            raise
        raise JobFailed.of(
            FailureKind.ARGUMENTS,
            f"function '{found.name}' needs '{name}': its resource is named by it",
            f"give it in function_kwargs: {{{name}: …}}; configuration is read too late for it",
        ) from exc


def _resource_name_argument(found: Found, error: KeyError) -> str | None:
    """The argument that dlt could not give to a function that makes a resource's name, else None."""
    frames = list(traceback.walk_tb(error.__traceback__))
    called_by_dlt = len(frames) > 1 and "/dlt/extract/" in frames[-2][0].f_code.co_filename
    wanted = error.args[0] if error.args else None
    if called_by_dlt and found.signature is not None and wanted in found.signature.parameters:
        return str(wanted)
    return None


def of_resource(target: typing.Any, name: str | None = None) -> Found:
    """A resource, by ``name`` or its own name; without a signature if it takes no arguments."""
    generator, name = target._pipe.gen, str(target.name) if name is None else name
    if target.args_bound or not callable(generator):
        return Found(name, Kind.RESOURCE, target)
    return Found(
        name,
        Kind.RESOURCE,
        target,
        inspect.signature(generator),
        inspect.unwrap(generator),
        skip_first=target._pipe.has_parent,
    )


def _refused(module: types.ModuleType, shown: str, message: str, name: str) -> JobFailed:
    here = _offered(module)
    near = near_misses(name, [other for other in here if other != name])
    if near:
        hint = f"did you mean {near}?"
    elif here:
        hint = f"its sources, resources and functions: {listed(here)}"
    elif getattr(module, "__file__", None) is None:
        hint = f"'{shown}' is a folder without __init__.py: name one of its modules ({shown}.<module>)"
    else:
        hint = "it defines no source, resource or function of its own"
    return JobFailed.of(FailureKind.FUNCTION_NOT_FOUND, message, hint)


def _offered(module: types.ModuleType) -> list[str]:
    """The names that a source function may have in this module: its own sources and resources first."""
    sources, functions = [], []
    for name, value in vars(module).items():
        if name.startswith("_"):
            continue
        if isinstance(value, DltSource):
            sources.append(name)
        elif isinstance(value, (DltResource, DltSourceFactoryWrapper)):
            if _defined_in(value) in (module.__name__, None):
                sources.append(name)
        elif inspect.isfunction(value) and value.__module__ == module.__name__:
            functions.append(name)
    return sources + functions


def _defined_in(value: typing.Any) -> str | None:
    """The module that a source or resource was written in, None where that can't be known."""
    pipe = getattr(value, "_pipe", None)
    maker = getattr(pipe, "gen", None) if pipe is not None else value
    return getattr(inspect.unwrap(maker), "__module__", None) if callable(maker) else None
