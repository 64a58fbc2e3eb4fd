"""``check``: resolves module, function, arguments and secrets as a run would, and extracts nothing.

The source is built, since most configuration is read there. A function without a decorator, which could
return its data, is not called unless its annotation says that it returns resources; what dlt would inject
into it is looked up all the same.
"""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import dlt
from dlt.common.configuration import get_fun_spec
from dlt.common.configuration.resolve import inject_section, resolve_configuration
from dlt.common.configuration.specs.config_section_context import ConfigSectionContext

from runner import contract
from runner.contract import ExitCode, Failure, FailureKind, Result, Verdict
from runner.explain.wording import listed
from runner.load import compat, selection
from runner.resolve import arguments, callables, functions, incrementals, modules, resources, source
from runner.supervise import results
from runner.supervise.job_input import Paths
from runner.work import connect

_ABOUT = {
    FailureKind.SECRETS_MISSING: "secrets",
    FailureKind.ARGUMENTS: "arguments",
    FailureKind.CONFIGURATION: "configuration",
}
"""What a failure to build the source is about, by its kind; all others are about the function."""
Explain = Callable[[BaseException], Failure]
Settings = Mapping[str, typing.Any]


def run(job: contract.JobSpec, paths: Paths, values: Mapping[str, typing.Any], explain: Explain) -> Result:
    """The result of a check: its verdicts, up to the first that is not ok.

    ``values`` are those of ``env:NAME`` references; ``explain`` turns an exception into a failure.
    """
    verdicts: list[Verdict] = []
    about = "module"
    try:
        with _as_pipeline(job, paths):
            for about, text in _findings(job, paths, values):
                if text is not None:
                    verdicts.append(Verdict(about, True, text))
    except BaseException as exc:  # noqa: BLE001 - whatever it is, it is the verdict
        failure = explain(exc)
        about = _ABOUT.get(failure.kind, about) if about == "function" else about
        verdicts.append(Verdict(about, False, failure.message))
        return results.failed(failure, verdicts=tuple(verdicts), versions=results.versions())
    return Result("ok", int(ExitCode.OK), verdicts=tuple(verdicts), versions=results.versions())


def _findings(
    job: contract.JobSpec, paths: Paths, values: Mapping[str, typing.Any]
) -> Iterator[tuple[str, str | None]]:
    """What is looked at next, with None before and a text when it is good. Raises what a run would raise."""
    incrementals.install()
    module = modules.load(job.module, paths)
    yield "module", f"{job.module} ({_place(module)})"
    yield "function", None
    found = callables.find(module, job.function, job.module)
    yield "function", f"{job.function}, {found.kind.value}"
    yield "arguments", None
    kwargs = arguments.prepare(found, job, values)
    yield "arguments", ", ".join(kwargs) or "none"
    if job.write_disposition is not None:
        yield "write_disposition", None
        source.check_disposition(job.write_disposition)
        yield "write_disposition", "as asked for"
    yield "function", None
    names, settings = _resolve(found, kwargs, job, values)
    unseen = "" if names else "; what it returns is known only in a run, or with @dlt.source above it"
    yield "secrets", f"everything that {job.function} asks for is there{unseen}"
    if names:
        yield "resources", listed(names)
    if job.action == "connect":
        yield "source", None
        unknown = "what its code connects to is seen in a run"
        yield "source", connect.source_of(job, kwargs, names, settings) or unknown
        yield "destination", None
        yield "destination", connect.destination_of(job, paths.scratch)


def _resolve(
    found: callables.Found,
    kwargs: dict[str, typing.Any],
    job: contract.JobSpec,
    values: Mapping[str, typing.Any],
) -> tuple[list[str], list[Settings]]:
    """Looks up all the configuration that the source would read: its resources' names, and what was found."""
    lazy = found.kind is not callables.Kind.FUNCTION or functions.is_lazy(found.target, found.function)
    if not lazy and not functions.declares_resources(found.function):
        functions.resolve_configuration(found.target, found.name, kwargs)
        return [], []
    names, settings = [], []
    made = resources.bind(callables.call(found, kwargs), job, values)
    items = made if isinstance(made, list) else [made]
    for item in selection.chosen(items, job) if job.resources else items:
        selected = getattr(item, "selected_resources", None)
        for resource in [item] if selected is None else selected.values():
            resources.check_bound(resource)
            settings += _resolve_resource(resource, None if selected is None else item)
            names.append(str(resource.name))
    return names, settings


def _resolve_resource(resource: typing.Any, source: typing.Any) -> list[Settings]:
    """Looks up what dlt would inject into a resource, and into those that feed it, while extracting."""
    explicit = resource.explicit_args if resource.args_bound else {}
    settings = [explicit, _resolve_pipe(resource._pipe, resource.section, source, explicit)]
    parent = resource._pipe.parent
    while parent is not None and not parent.is_empty:
        if callable(parent.gen):
            section = str(getattr(parent.gen, "__module__", "")).rpartition(".")[2]
            # arguments that were given to it where the source was built can't be seen from here
            bound = inspect.signature(parent.gen) != inspect.signature(inspect.unwrap(parent.gen))
            explicit = None if bound else {}
            settings.append(_resolve_pipe(parent, section, source, explicit))
        parent = parent.parent
    return settings


def _resolve_pipe(pipe: typing.Any, section: str, source: typing.Any, explicit: typing.Any) -> Settings:
    spec = get_fun_spec(pipe.gen) if callable(pipe.gen) else None
    if spec is None or not spec.get_resolvable_fields():
        return {}
    outer = (
        ("sources", source.section, source.name) if source is not None else ("sources", section, pipe.name)
    )
    inner = ConfigSectionContext(
        sections=("sources", section, pipe.name), merge_style=ConfigSectionContext.resource_merge_style
    )
    partial = explicit is None
    with inject_section(ConfigSectionContext(sections=outer)), inject_section(inner):
        resolved = resolve_configuration(spec(), explicit_value=explicit or {}, accept_partial=partial)
    return typing.cast("Settings", resolved)


@contextmanager
def _as_pipeline(job: contract.JobSpec, paths: Paths) -> Iterator[None]:
    """The job's pipeline, made in scratch space: secrets are looked for below its name."""
    pipeline = dlt.pipeline(pipeline_name=job.pipeline_name, pipelines_dir=str(paths.scratch / "check"))
    try:
        with inject_section(ConfigSectionContext(pipeline_name=job.pipeline_name)):
            yield
    finally:
        compat.deactivate(pipeline)


def _place(module: typing.Any) -> str:
    name = str(module.__name__)
    if name.startswith("custom_sources."):
        return "custom_sources/"
    if name.startswith("verified_sources."):
        return "a verified source"
    return "dlt's own" if name.startswith("dlt.") else "installed"
