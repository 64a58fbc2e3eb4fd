"""Runs functions that carry no dlt decorator: generators, lists, coroutines, makers of resources."""

from __future__ import annotations

import asyncio
import functools
import inspect
import itertools
import types
import typing
from collections.abc import AsyncIterable, Iterable, Mapping

from runner.contract import Failure, FailureKind
from runner.explain.classify import JobFailed
from runner.resolve import bare_incrementals
from runner.resolve.yields import makes_resources


def run(target: typing.Any, function: typing.Any, name: str, kwargs: Mapping[str, typing.Any]) -> typing.Any:
    """What the function yields or returns, as ``pipeline.extract`` takes it.

    A function that yields data becomes a resource of its name, so that it runs while dlt extracts,
    with its secrets and its state; one that makes sources or resources is called at once.
    """
    import dlt

    target, kwargs = _without_mutable_defaults(target, kwargs)
    if is_lazy(target, function):
        generator = target if _is_generator(target) else _as_generator(target)
        return dlt.resource(generator, name=name)(**kwargs)
    value = _injected(target, name)(**kwargs)
    if inspect.iscoroutine(value) or inspect.isawaitable(value):
        value = asyncio.run(_awaited(value))
    return _extractable(value, name)


def _without_mutable_defaults(
    target: typing.Any, kwargs: Mapping[str, typing.Any]
) -> tuple[typing.Any, Mapping[str, typing.Any]]:
    """The function without the parameters whose defaults dlt can't read, those given filled in."""
    try:
        signature = inspect.signature(target)
    except (TypeError, ValueError):
        return target, kwargs
    unreadable = {p.name for p in signature.parameters.values() if isinstance(p.default, (list, dict, set))}
    if not unreadable:
        return target, kwargs
    bound = functools.partial(target, **{name: kwargs[name] for name in unreadable & set(kwargs)})
    rest = signature.replace(
        parameters=[p for p in signature.parameters.values() if p.name not in unreadable]
    )

    @functools.wraps(target)
    def function(*args: typing.Any, **more: typing.Any) -> typing.Any:
        # By name: the places have shifted.
        named = dict(rest.bind(*args, **more).arguments)
        for p in rest.parameters.values():
            if p.kind is p.VAR_KEYWORD:
                named.update(named.pop(p.name, {}))
        return bound(**named)

    function.__signature__ = rest  # type: ignore[attr-defined]
    return function, {name: value for name, value in kwargs.items() if name not in unreadable}


def is_lazy(target: typing.Any, function: typing.Any) -> bool:
    """Whether calling it starts nothing: it becomes a resource, and runs while dlt extracts."""
    bare_incrementals.heal(target)
    return (_is_generator(function) and not makes_resources(function)) or _is_incremental(target)


def resolve_configuration(target: typing.Any, name: str, kwargs: Mapping[str, typing.Any]) -> None:
    """Looks up what dlt would inject into the function, without calling it.

    Raises dlt's ConfigFieldMissingException.
    """
    from dlt.common.configuration import get_fun_spec
    from dlt.common.configuration.resolve import inject_section
    from dlt.common.configuration.resolve import resolve_configuration as look_up
    from dlt.common.configuration.specs.config_section_context import ConfigSectionContext

    spec = get_fun_spec(_injected(target, name))
    if spec is None or not spec.get_resolvable_fields():
        return
    with inject_section(ConfigSectionContext(sections=_sections(target, name))):
        look_up(spec(), explicit_value=dict(kwargs))


async def _awaited(value: typing.Any) -> typing.Any:
    return await value


def _is_generator(function: typing.Any) -> bool:
    return inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function)


def _as_generator(target: typing.Any) -> typing.Any:
    """A function that returns its rows as one that yields them: only that gets its cursor in time."""
    if inspect.iscoroutinefunction(target):

        @functools.wraps(target)
        async def later(*args: typing.Any, **kwargs: typing.Any) -> typing.Any:
            yield await target(*args, **kwargs)

        return later

    @functools.wraps(target)
    def generator(*args: typing.Any, **kwargs: typing.Any) -> typing.Any:
        made = target(*args, **kwargs)
        if inspect.isgenerator(made):
            yield from made
        else:
            yield made

    return generator


def _is_incremental(target: typing.Any) -> bool:
    """Whether a parameter is a cursor, which only a resource can keep."""
    from dlt.sources import incremental

    return any(isinstance(p.default, incremental) for p in inspect.signature(target).parameters.values())


def _injected(target: typing.Any, name: str) -> typing.Any:
    """The function with its secrets and configuration injected, in the sections dlt would use."""
    from dlt.common.configuration import with_config

    return with_config(target, sections=_sections(target, name))


def _sections(target: typing.Any, name: str) -> tuple[str, ...]:
    return ("sources", str(getattr(target, "__module__", name)).rpartition(".")[2], name)


def _extractable(value: typing.Any, name: str) -> typing.Any:
    import dlt
    from dlt.extract import DltResource, DltSource

    made = (DltSource, DltResource)
    if isinstance(value, made):
        return value
    if value is None:
        raise _no_data(name, "returned nothing", "let it return or yield data, resources or a source")
    if isinstance(value, (str, bytes, int, float, Mapping)):
        raise _no_data(
            name,
            f"returned a {type(value).__name__}, which is no series of rows",
            "return a list, even of one",
        )
    if isinstance(value, types.GeneratorType):
        first = list(itertools.islice(value, 1))
        if first and isinstance(first[0], made):
            value = [*first, *value]
        else:
            return dlt.resource(itertools.chain(first, value), name=name)
    if isinstance(value, (list, tuple)) and any(isinstance(item, made) for item in value):
        strays = [item for item in value if not isinstance(item, made)]
        if strays:
            raise _no_data(
                name,
                f"returned sources or resources together with a {type(strays[0]).__name__}",
                "make a resource of it: dlt.resource(data, name=…)",
            )
        return list(value)
    if isinstance(value, (Iterable, AsyncIterable)):
        return dlt.resource(value, name=name)
    if callable(value):
        raise _no_data(name, "returned a function", "let it call that, and return what comes")
    return dlt.resource([value], name=name)


def _no_data(name: str, what: str, hint: str) -> JobFailed:
    return JobFailed(Failure(FailureKind.EXTRACT, f"function '{name}' {what}", hint))
