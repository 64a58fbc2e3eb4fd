"""Refuses code that runs a pipeline of its own, as most scripts do, and says what to name instead.

Without this such a function would load its rows within the container, and then fail for returning none.
"""

from __future__ import annotations

import inspect
import typing
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from dlt.extract import DltResource, DltSource
from dlt.extract.decorators import DltSourceFactoryWrapper
from dlt.pipeline.pipeline import Pipeline

from runner import patches
from runner.contract import FailureKind
from runner.explain.classify import JobFailed
from runner.explain.wording import listed, one_line
from runner.resolve import written

_MOST = 4
"""The most entries in the hint."""


class _Call(typing.NamedTuple):
    """A call of a source function: dlt keeps no arguments of sources."""

    factory: typing.Any
    source: typing.Any
    arguments: Mapping[str, typing.Any]
    constants: written.Constants


@contextmanager
def refused(
    who: str, names: typing.Callable[[], Mapping[str, typing.Any]], advice: str, *, needed: bool = False
) -> Iterator[None]:
    """Makes a pipeline that is run within the body raise JobFailed, before it loads anything.

    ``who`` is what runs it ("function 'load'"), ``names`` gives the names of its module then, ``advice`` is
    what to do where what it ran has no name there. ``needed``: it is to be done too where it has one.
    """
    calls: list[_Call] = []

    def run(
        original: typing.Any, self: typing.Any, data: typing.Any = None, *_: typing.Any, **kwargs: typing.Any
    ) -> typing.NoReturn:
        dataset = kwargs.get("dataset_name") or self.dataset_name
        raise JobFailed.of(
            FailureKind.FUNCTION_NOT_FOUND,
            f"{who} runs a pipeline of its own ('{one_line(self.pipeline_name, 60)}'), "
            "and dltpod runs the pipeline itself",
            _hint(data, names(), calls, dataset, advice, needed),
        )

    def call(original: typing.Any, self: typing.Any, *args: typing.Any, **kwargs: typing.Any) -> typing.Any:
        made = original(self, *args, **kwargs)
        given = written.arguments(self, args, kwargs)
        calls.append(_Call(self, made, given, written.constants(names())))
        return made

    with (
        patches.wrapped(Pipeline, "run", run),
        patches.wrapped(Pipeline, "extract", run),
        patches.wrapped(DltSourceFactoryWrapper, "__call__", call),
    ):
        yield


def _hint(
    data: typing.Any,
    names: Mapping[str, typing.Any],
    calls: typing.Sequence[_Call],
    dataset: str | None,
    advice: str,
    needed: bool,
) -> str:
    """What to do instead: the entries to write, in ``sources.yml``'s own words."""
    entries: list[str] = []
    secret: list[str] = []
    nameless = False
    for item in data if isinstance(data, (list, tuple)) else [data]:
        name = None
        if isinstance(item, (DltResource, DltSource)):
            # what a script made when it was imported is gone once that lies below `if __name__ …`
            made = {} if needed else {id(value): name for name, value in names.items()}
            name = made.get(id(item)) or _name_of(item, names)
        if name is None:
            nameless = True
            continue
        words = [f"source_function: {name}"]
        shown, hidden = _arguments_of(item, names[name], names, calls)
        secret += hidden
        words += [f"function_kwargs: {{{shown}}}"] if shown else []
        if isinstance(item, DltSource) and len(item.selected_resources) < len(item.resources):
            words.append(f"resources: [{', '.join(item.selected_resources)}]")
        words += [f"dataset_name: {dataset}"] if dataset else []
        entries.append("{" + ", ".join(words) + "}")
    if not entries:
        return advice
    several = len(entries) > 1
    hint = "name each in an entry of its own" if several else "name what it runs"
    hint += f": dlt_native: {listed(entries, _MOST)}"
    if secret:
        hint += f"; in .dlt/secrets.toml: {', '.join(dict.fromkeys(secret))}"
    if needed:
        return f"{advice}, and {hint}"
    return f"{hint}, or {advice}" if several or nameless else hint


def _name_of(data: typing.Any, names: Mapping[str, typing.Any]) -> str | None:
    """The name, in its module, of the source or resource that ``data`` was made by."""
    for name, value in names.items():
        if isinstance(data, DltResource) and isinstance(value, DltResource):
            if value is data or (function_of(value) is function_of(data) is not None):
                return name
        elif isinstance(data, DltSource) and isinstance(value, DltSourceFactoryWrapper):
            if data.name in (value.name, getattr(inspect.unwrap(value), "__name__", None)):
                return name
        elif isinstance(data, DltSource) and value is data:
            return name
    return None


def _arguments_of(
    data: typing.Any, maker: typing.Any, names: Mapping[str, typing.Any], calls: typing.Sequence[_Call]
) -> tuple[str, list[str]]:
    """What ``data`` was called with, for ``function_kwargs``, and the names of what may be secret in it.

    Nothing of a source that was changed after one of several calls: none of them is known to be its own.
    """
    if data is maker:  # made when the module was imported, and run by its own name
        return "", []
    if hasattr(data, "_pipe"):
        given = getattr(data, "_explicit_args", None) or {}
        return written.shown(function_of(data), given, written.constants(names))
    own = [call for call in calls if call.factory is maker]
    exact = [call for call in own if call.source is data] or own
    if len(exact) != 1:
        return "", []
    return written.shown(maker, exact[0].arguments, exact[0].constants)


def function_of(resource: typing.Any) -> typing.Any:
    """The function that a resource calls for its rows, without decorators; None where it has none."""
    generator = resource._pipe.gen
    return inspect.unwrap(generator) if callable(generator) else None
