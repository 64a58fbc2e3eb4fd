"""Gives single resources of a source their own arguments, and finds those that still lack one."""

from __future__ import annotations

import typing
from collections.abc import Iterator, Mapping

from runner.contract import FailureKind, JobSpec
from runner.explain.classify import JobFailed
from runner.explain.wording import listed, near_misses
from runner.resolve import arguments, callables


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


def _all(made: typing.Any) -> Iterator[typing.Any]:
    for item in made if isinstance(made, (list, tuple)) else [made]:
        if hasattr(item, "selected_resources"):
            yield from item.resources.values()
        elif hasattr(item, "_pipe"):
            yield item


def _wrong(message: str, hint: str) -> JobFailed:
    return JobFailed.of(FailureKind.ARGUMENTS, message, hint)
