"""Tells whether an undecorated function gives sources and resources, or data, without running it.

Run it must be only once and, where it gives data, while dlt extracts. So its code is looked at: does
it name a source, a resource, or something that makes one?
"""

from __future__ import annotations

import dis
import importlib
import re
import types
import typing
from collections.abc import Iterator

_LOADS = frozenset({"LOAD_GLOBAL", "LOAD_NAME"})
_ATTRIBUTES = frozenset({"LOAD_ATTR", "LOAD_METHOD", "IMPORT_FROM"})
_DEEPEST = 4


def makes_resources(function: typing.Any, depth: int = 0) -> bool:
    """Whether a function seems to give sources or resources. False for what has no Python code."""
    function = getattr(function, "func", function)  # functools.partial
    if not isinstance(function, types.FunctionType):
        function = vars(type(function)).get("__call__")
    if not isinstance(function, types.FunctionType):
        return False
    if _says_so(function):
        return True
    return any(_makes(value, function, depth) for value in _named(function))


def _says_so(function: typing.Any) -> bool:
    returned = getattr(function, "__annotations__", {}).get("return")
    return bool(re.search(r"DltResource|DltSource", str(returned)))


def _makes(value: typing.Any, caller: types.FunctionType, depth: int) -> bool:
    import dlt
    from dlt.extract import DltResource, DltSource

    pass

    if isinstance(value, (DltResource, DltSource)) or is_factory(value):
        return True
    if not isinstance(value, types.FunctionType):
        return False
    if value in (dlt.source, dlt.resource, dlt.transformer) or _says_so(value):
        return True
    ours = value.__module__ == caller.__module__ and value is not caller
    return ours and depth < _DEEPEST and makes_resources(value, depth + 1)


def _named(function: types.FunctionType) -> Iterator[typing.Any]:
    """What the names in a function's code stand for, those of modules' attributes included."""
    for code in _codes(function.__code__):
        base: typing.Any = None
        for step in dis.get_instructions(code):
            if step.opname in _LOADS:
                base = function.__globals__.get(step.argval)
            elif step.opname == "IMPORT_NAME":
                base = _module(str(step.argval))
            elif step.opname in _ATTRIBUTES and isinstance(base, types.ModuleType):
                found = getattr(base, str(step.argval), None)
                yield found
                base = base if step.opname == "IMPORT_FROM" else found
                continue
            else:
                continue
            yield base


def _module(name: str) -> types.ModuleType | None:
    """A module of dlt's that the function imports; others make no resources, or are not worth an import."""
    return importlib.import_module(name) if name.partition(".")[0] == "dlt" else None


def _codes(code: types.CodeType) -> Iterator[types.CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _codes(constant)


def is_factory(value: typing.Any) -> bool:
    """Whether a value is what ``@dlt.source`` makes of a function."""
    from dlt.extract.decorators import DltSourceFactoryWrapper

    return isinstance(value, DltSourceFactoryWrapper)
