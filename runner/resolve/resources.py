"""What single resources of a source need: their own arguments, and the word that they return a resource."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Iterator, Mapping

from dlt.extract import DltResource

from runner.contract import FailureKind, JobSpec
from runner.explain.causes import has_class, unwrap
from runner.explain.classify import JobFailed
from runner.explain.wording import listed, near_misses
from runner.resolve import arguments, callables
from runner.resolve.own_pipelines import function_of


def bind(made: typing.Any, job: JobSpec, values: Mapping[str, typing.Any]) -> typing.Any:
    """Binds the job's ``resource_kwargs`` to the resources of ``made``, in place; returns ``made``.

    ``made`` is what the source function came to, ``values`` are those of ``env:NAME`` references. Raises
    JobFailed: no such resource, one that takes no arguments, arguments that don't fit its signature.
    """
    for name, given in arguments.resolved(job.resource_kwargs, values).items():
        resources = list(_all(made))
        found = [resource for resource in resources if resource.name == name]
        if not found:
            names = list(dict.fromkeys(str(resource.name) for resource in resources))
            near = near_misses(name, names)
            raise _wrong(
                f"resource_kwargs names '{name}', and {job.function} has no such resource",
                f"did you mean {near}?" if near else f"it has: {listed(names) or 'none'}",
            )
        for resource in found:
            target = callables.of_resource(resource)
            if target.signature is None:
                raise _wrong(
                    f"resource '{name}' takes no arguments: it has them from the source, or needs none",
                    "give them to the source, in dlt_native.function_kwargs",
                )
            resource.bind(**arguments.checked(target, given, job.source))
    return made


def check_bound(resource: typing.Any) -> None:
    """Raises JobFailed for a resource whose function needs an argument that nobody gave."""
    found = callables.of_resource(resource)
    lacking = arguments.needed(found) if found.signature is not None else []
    if lacking:
        example = ", ".join(f"{name}: …" for name in lacking)
        raise _wrong(
            f"resource '{resource.name}' needs {', '.join(repr(name) for name in lacking)}",
            f"give it in dlt_native: resource_kwargs: {{{resource.name}: {{{example}}}}}",
        )


def may_return_another(resource: typing.Any) -> bool:
    """Whether its function may return another resource: it is no generator, and only a call can tell."""
    function = function_of(resource)
    return inspect.isfunction(function) and not (
        inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function)
    )


def declare_return(exc: BaseException, resources: typing.Sequence[typing.Any]) -> bool:
    """Adds the annotation that a resource's function lacks according to ``exc``. Returns whether it did.

    dlt runs a resource that another's function returns, with the keys of the first, if the return annotation
    is ``DltResource``, and otherwise raises before it extracts anything. So the source is made again then.
    That helps for functions of a module: they are still the same.
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


def _all(made: typing.Any) -> Iterator[typing.Any]:
    for item in made if isinstance(made, (list, tuple)) else [made]:
        if hasattr(item, "selected_resources"):
            yield from item.resources.values()
        elif hasattr(item, "_pipe"):
            yield item


def _wrong(message: str, hint: str) -> JobFailed:
    return JobFailed.of(FailureKind.ARGUMENTS, message, hint)
