"""Runs functions without a dlt decorator: generators, and what returns rows, resources or sources."""

from __future__ import annotations

import asyncio
import functools
import inspect
import itertools
import re
import types
import typing
from collections.abc import AsyncIterable, Iterable, Mapping

import dlt
from dlt.common.configuration import get_fun_spec, with_config
from dlt.common.configuration.resolve import inject_section
from dlt.common.configuration.resolve import resolve_configuration as look_up
from dlt.common.configuration.specs.config_section_context import ConfigSectionContext
from dlt.extract import DltResource, DltSource
from dlt.sources import incremental

from runner.contract import FailureKind
from runner.explain.classify import JobFailed
from runner.resolve import incrementals, own_pipelines


def run(target: typing.Any, function: typing.Any, name: str, kwargs: Mapping[str, typing.Any]) -> typing.Any:
    """What the function yields or returns, as ``pipeline.extract`` takes it.

    ``target`` is what is called, ``function`` the same without other decorators. A generator becomes a
    resource named ``name``, which runs while dlt extracts, with its secrets and its state. Any other function
    is called here. Raises JobFailed where what it returns is no data; else what the function raises.
    """
    target, kwargs = _without_mutable_defaults(target, kwargs)
    if is_lazy(target, function):
        return dlt.resource(_as_generator(target, name), name=name)(**kwargs)
    names = getattr(inspect.unwrap(function), "__globals__", {})
    advice = f"let '{name}' return what it runs"
    with own_pipelines.refused(f"function '{name}'", lambda: names, advice):
        value = _injected(target, name)(**kwargs)
        if inspect.isawaitable(value):
            value = asyncio.run(awaited(value))
    return _extractable(value, name)


def _without_mutable_defaults(
    target: typing.Any, kwargs: Mapping[str, typing.Any]
) -> tuple[typing.Any, Mapping[str, typing.Any]]:
    """The function without the parameters whose defaults dlt can't read; those given are bound."""
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
        # by name, for the positions have changed
        named = dict(rest.bind(*args, **more).arguments)
        for p in rest.parameters.values():
            if p.kind is p.VAR_KEYWORD:
                named.update(named.pop(p.name, {}))
        return bound(**named)

    function.__signature__ = rest  # type: ignore[attr-defined]
    return function, {name: value for name, value in kwargs.items() if name not in unreadable}


def is_lazy(target: typing.Any, function: typing.Any) -> bool:
    """Whether the function runs as a resource, while dlt extracts: it yields rows, or has a cursor argument.

    Nothing is called to find out, so a generator of resources has to say so (see ``declares_resources``).
    """
    incrementals.mend(target)
    generator = inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function)
    if generator and not declares_resources(function):
        return True
    return any(isinstance(p.default, incremental) for p in inspect.signature(target).parameters.values())


def declares_resources(function: typing.Any) -> bool:
    """Whether the return annotation names dlt's sources or resources."""
    written = getattr(function, "func", function)  # functools.partial
    return bool(
        re.search("DltResource|DltSource", str(getattr(written, "__annotations__", {}).get("return")))
    )


def resolve_configuration(target: typing.Any, name: str, kwargs: Mapping[str, typing.Any]) -> None:
    """Looks up what dlt would inject into the function beside ``kwargs``, without calling it.

    Raises dlt's ConfigFieldMissingException for what is missing.
    """
    spec = get_fun_spec(_injected(target, name))
    if spec is None or not spec.get_resolvable_fields():
        return
    with inject_section(ConfigSectionContext(sections=_sections(target, name))):
        look_up(spec(), explicit_value=dict(kwargs))


async def awaited(value: typing.Any) -> typing.Any:
    """The result of an awaitable. ``asyncio.run`` takes a coroutine only."""
    return await value


def _as_generator(target: typing.Any, name: str) -> typing.Any:
    """The function as a generator of its rows: dlt binds the cursor of a generator before it runs."""
    if inspect.iscoroutinefunction(target) or inspect.isasyncgenfunction(target):

        @functools.wraps(target)
        async def later(*args: typing.Any, **kwargs: typing.Any) -> typing.Any:
            made = target(*args, **kwargs)
            if inspect.isasyncgen(made):
                async for item in made:
                    yield _rows(item, name)
            else:
                yield _rows(await made, name)

        return later

    @functools.wraps(target)
    def generator(*args: typing.Any, **kwargs: typing.Any) -> typing.Any:
        made = target(*args, **kwargs)
        for item in made if inspect.isgenerator(made) else [made]:
            yield _rows(item, name)

    return generator


def _rows(item: typing.Any, name: str) -> typing.Any:
    """An item that a resource yields. Raises JobFailed for a resource or source, which dlt can't extract."""
    if isinstance(item, (DltResource, DltSource)):
        raise _no_data(
            name,
            f"yields a {type(item).__name__}, and nothing says so before it runs",
            "decorate it with @dlt.source, annotate what it yields (Iterator[DltResource]), or return a list",
        )
    return item


def _injected(target: typing.Any, name: str) -> typing.Any:
    """The function with its secrets and configuration injected, from the sections in which dlt would look."""
    return with_config(target, sections=_sections(target, name))


def _sections(target: typing.Any, name: str) -> tuple[str, ...]:
    return ("sources", str(getattr(target, "__module__", name)).rpartition(".")[2], name)


def _extractable(value: typing.Any, name: str) -> typing.Any:
    """What a function returned, as ``pipeline.extract`` takes it. Raises JobFailed where it is no data."""
    made = (DltSource, DltResource)
    if isinstance(value, made):
        return value
    if value is None:
        raise _no_data(name, "returned nothing", "let it return or yield data, resources or a source")
    if isinstance(value, (str, bytes, int, float, Mapping)):
        raise _no_data(
            name,
            f"returned a {type(value).__name__}, which is not a series of rows",
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
        raise _no_data(name, "returned a function", "call it, and return its result")
    return dlt.resource([value], name=name)


def _no_data(name: str, what: str, hint: str) -> JobFailed:
    return JobFailed.of(FailureKind.EXTRACT, f"function '{name}' {what}", hint)
