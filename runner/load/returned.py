"""Resources whose function returns another resource.

dlt runs that other one in place of the first, with its keys, where the function's annotation says so
(``-> DltResource``). Without that it raises, before it has extracted anything. So the annotation is
written where it is missing, and the source is made once more.
"""

from __future__ import annotations

import inspect
import typing

from dlt.extract import DltResource

from runner.explain.causes import has_class, unwrap
from runner.resolve.own_pipelines import function_of


def may_return_another(resource: typing.Any) -> bool:
    """Whether only a call can tell: its function is no generator."""
    function = function_of(resource)
    return inspect.isfunction(function) and not (
        inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function)
    )


def declare(exc: BaseException, resources: typing.Sequence[typing.Any]) -> bool:
    """Writes the annotation that ``exc`` shows to be missing. Returns whether there was one to write.

    It helps where the function is still the same when the source is made again: one of a module.
    """
    for link in unwrap(exc):
        if not has_class(link, "InvalidResourceReturnsResource"):
            continue
        for resource in resources:
            function = function_of(resource)
            if inspect.isfunction(function) and resource.name == getattr(link, "resource_name", None):
                function.__annotations__["return"] = DltResource
                return True
    return False
