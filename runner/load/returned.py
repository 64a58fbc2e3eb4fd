"""Resources whose function returns another resource.

dlt runs the other resource with the keys of the first, if the function's return annotation is
``DltResource``. Otherwise it raises before it extracts anything. So the annotation is added where it is
missing, and the source is made again.
"""

from __future__ import annotations

import inspect
import typing

from dlt.extract import DltResource

from runner.explain.causes import has_class, unwrap
from runner.resolve.own_pipelines import function_of


def may_return_another(resource: typing.Any) -> bool:
    """Whether its function may return another resource: it is no generator, and only a call can tell."""
    function = function_of(resource)
    return inspect.isfunction(function) and not (
        inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function)
    )


def declare(exc: BaseException, resources: typing.Sequence[typing.Any]) -> bool:
    """Adds the annotation that is missing according to ``exc``. Returns whether it did.

    It helps for functions of a module: they are still the same when the source is made again.
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
