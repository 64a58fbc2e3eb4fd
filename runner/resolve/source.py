"""From a job to what dlt extracts: module, function, arguments, write disposition, each checked."""

from __future__ import annotations

import typing
from collections.abc import Callable, Mapping

import dlt
from dlt.common.configuration.resolve import inject_section
from dlt.common.configuration.specs.config_section_context import ConfigSectionContext
from dlt.common.schema.typing import TWriteDispositionConfig

from runner.contract import FailureKind, JobSpec
from runner.explain.classify import JobFailed
from runner.explain.wording import one_line
from runner.resolve import arguments, callables, incrementals, modules, resources
from runner.supervise.job_input import Paths


def prepare(job: JobSpec, paths: Paths, values: Mapping[str, typing.Any]) -> Callable[[], typing.Any]:
    """Imports the job's module and checks what it is given; returns what builds the source.

    That is to be called once, when the dlt pipeline exists. ``values`` are those of ``env:NAME`` references.
    Raises JobFailed for what is wrong with the job. The import comes before the pipeline, so that a
    ``dlt.pipeline`` at the module's top can't take its place; yet it knows the name, for sources made at
    import look for their secrets.
    """
    incrementals.install()
    with inject_section(ConfigSectionContext(pipeline_name=job.pipeline_name)):
        module = modules.load(job.module, paths)
    found = callables.find(module, job.function, job.module)
    kwargs = arguments.prepare(found, job, values)
    check_disposition(job.write_disposition)

    def make_source() -> typing.Any:
        with inject_section(ConfigSectionContext(pipeline_name=job.pipeline_name)):
            return resources.bind(callables.call(found, kwargs), job, values)

    return make_source


def check_disposition(disposition: typing.Any) -> None:
    """Checks a write disposition with the installed dlt: a word, a mapping, or None for none.

    dlt ignores keys that it doesn't know, so they are refused here. Raises JobFailed (configuration).
    """
    if disposition is None:
        return
    refusal = ""
    if isinstance(disposition, dict):
        forms = typing.get_args(TWriteDispositionConfig)
        known = sorted({key for form in forms for key in getattr(form, "__annotations__", ())})
        unknown = ", ".join(f"'{key}'" for key in disposition if key not in known)
        refusal = f"has no {unknown} in a write disposition, only {', '.join(known)}" if unknown else ""
    try:
        resource = dlt.resource([], name="disposition")
        resource.apply_hints(write_disposition=disposition)
        resource.compute_table_schema()
    except Exception as exc:  # noqa: BLE001 - whatever dlt raises is its refusal
        refusal = refusal or f"refuses this write_disposition: {one_line(exc)}"
    if refusal:
        hint = 'see dlt\'s documentation; a newer dlt may take it: container: {dlt: "==…"}'
        raise JobFailed.of(FailureKind.CONFIGURATION, f"dlt {dlt.__version__} {refusal}", hint)
