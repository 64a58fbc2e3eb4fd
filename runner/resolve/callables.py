"""What a source function is, and how it is run: each kind once, and once only.

dlt's classes are told apart by their own types; what the module merely imported is not offered as
a near miss.
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

from runner.contract import Failure, FailureKind
from runner.explain.classify import JobFailed
from runner.explain.wording import listed, near_misses
from runner.resolve import functions as plain_functions
from runner.resolve.yields import is_factory


class Kind(enum.Enum):
    """What was found under the function's name."""

    FACTORY = "a source"
    SOURCE = "a source instance"
    RESOURCE = "a resource"
    FUNCTION = "a function"


@dataclass(frozen=True)
class Found:
    """The source function, what it is, and the signature that its arguments are held against."""

    name: str
    kind: Kind
    target: typing.Any
    signature: inspect.Signature | None
    """None where it takes no arguments at all."""
    function: typing.Any
    """The function as it was written, for its type hints; None for an instance."""
    skip_first: bool = False
    """Its first parameter is the item that a transformer gets, no argument."""


def find(module: types.ModuleType, name: str, shown: str) -> Found:
    """What ``name`` is in the module, which people know as ``shown``. Raises JobFailed."""
    from dlt.extract import DltResource, DltSource

    missing = object()
    target = inspect.getattr_static(module, name, missing)
    target = getattr(module, name, target)
    if target is missing:
        raise _refused(module, shown, f"module '{shown}' has no '{name}'", name)
    if isinstance(target, DltSource):
        return Found(name, Kind.SOURCE, target, None, None)
    if isinstance(target, DltResource):
        return _resource(module, shown, name, target)
    if inspect.isclass(target):
        raise _refused(module, shown, f"'{shown}.{name}' is a class", name)
    if isinstance(target, types.ModuleType):
        raise _refused(module, shown, f"'{shown}.{name}' is a module", name)
    if not callable(target):
        raise _refused(module, shown, f"'{shown}.{name}' is a value of type {type(target).__name__}", name)
    function = inspect.unwrap(target)
    kind = Kind.FACTORY if is_factory(target) else Kind.FUNCTION
    try:
        signature = inspect.signature(target)
    except (TypeError, ValueError):
        signature = None
    return Found(name, kind, target, signature, function)


def call(found: Found, kwargs: Mapping[str, typing.Any]) -> typing.Any:
    """Runs what was found with arguments that fit, once. Returns what ``pipeline.extract`` takes.

    Raises JobFailed for a result that is no data, and for an argument that a resource is named by and that
    only configuration gives, which dlt reads later than the name; else what the source raises.
    """
    try:
        return _called(found, kwargs)
    except KeyError as exc:
        name = _names_the_resource(found, exc)
        if name is None:
            raise
        raise JobFailed(
            Failure(
                FailureKind.ARGUMENTS,
                f"function '{found.name}' needs '{name}': its resource is named by it",
                f"give it in function_kwargs: {{{name}: …}}; configuration is read too late for it",
            )
        ) from exc


def _names_the_resource(found: Found, error: KeyError) -> str | None:
    """The parameter that dlt handed, in vain, to a function that makes a resource's name."""
    frames = list(traceback.walk_tb(error.__traceback__))
    given_by_dlt = len(frames) > 1 and "/dlt/extract/" in frames[-2][0].f_code.co_filename
    wanted = error.args[0] if error.args else None
    if given_by_dlt and found.signature is not None and wanted in found.signature.parameters:
        return str(wanted)
    return None


def _called(found: Found, kwargs: Mapping[str, typing.Any]) -> typing.Any:
    if found.kind is Kind.SOURCE:
        return found.target
    if found.kind is Kind.RESOURCE:
        return found.target if found.signature is None else found.target(**kwargs)
    if found.kind is Kind.FACTORY:
        source = found.target(**kwargs)
        return asyncio.run(_awaited(source)) if inspect.isawaitable(source) else source
    return plain_functions.run(found.target, found.function, found.name, kwargs)


async def _awaited(value: typing.Any) -> typing.Any:
    return await value


def _resource(module: types.ModuleType, shown: str, name: str, target: typing.Any) -> Found:
    if target._pipe.has_parent and target._pipe.parent.is_empty:
        raise _refused(
            module, shown, f"'{shown}.{name}' is a transformer that no resource feeds", name, bind=True
        )
    generator = target._pipe.gen
    if target.args_bound or not callable(generator):
        return Found(name, Kind.RESOURCE, target, None, None)
    function = inspect.unwrap(generator)
    return Found(
        name,
        Kind.RESOURCE,
        target,
        inspect.signature(generator),
        function,
        skip_first=target._pipe.has_parent,
    )


def _refused(module: types.ModuleType, shown: str, message: str, name: str, bind: bool = False) -> JobFailed:
    here = offered(module)
    near = near_misses(name, [other for other in here if other != name])
    if bind:
        hint = "bind it to its resource: @dlt.transformer(data_from=…)"
    elif near:
        hint = f"did you mean {near}?"
    elif here:
        hint = f"its sources, resources and functions: {listed(here)}"
    elif getattr(module, "__file__", None) is None:
        hint = f"'{shown}' is a folder without __init__.py: name one of its modules ({shown}.<module>)"
    else:
        hint = "it defines no source, resource or function of its own"
    return JobFailed(Failure(FailureKind.FUNCTION_NOT_FOUND, message, hint))


def offered(module: types.ModuleType) -> list[str]:
    """The names that a source function may have in this module: its own sources and resources first."""
    from dlt.extract import DltResource, DltSource

    sources, functions = [], []
    for name, value in vars(module).items():
        if name.startswith("_"):
            continue
        if isinstance(value, DltSource):
            sources.append(name)
        elif isinstance(value, DltResource) or is_factory(value):
            if _made_in(value) in (module.__name__, None):
                sources.append(name)
        elif inspect.isfunction(value) and value.__module__ == module.__name__:
            functions.append(name)
    return sources + functions


def _made_in(value: typing.Any) -> str | None:
    """The module that a source or resource was written in, where that can be known."""
    pipe = getattr(value, "_pipe", None)
    maker = getattr(pipe, "gen", None) if pipe is not None else value
    return getattr(inspect.unwrap(maker), "__module__", None) if callable(maker) else None
