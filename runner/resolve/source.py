"""From a job to what dlt extracts: module, function, arguments, disposition in turn, each told when wrong."""

from __future__ import annotations

import typing
from collections.abc import Callable, Mapping

from runner import contract
from runner.resolve import arguments, bare_incrementals, callables, disposition, modules
from runner.supervise.job_input import Paths


def prepare(
    job: contract.JobSpec, paths: Paths, values: Mapping[str, typing.Any]
) -> Callable[[], typing.Any]:
    """Imports the job's module and checks what it is given; returns what builds the source.

    That is to be called once, when the dlt pipeline exists. Raises JobFailed for what is wrong with
    the job. The import comes before the pipeline, so that a ``dlt.pipeline`` at the module's top
    can't take its place, and yet knows its name, for sources made at import look for their secrets.
    """
    from dlt.common.configuration.resolve import inject_section
    from dlt.common.configuration.specs.config_section_context import ConfigSectionContext

    bare_incrementals.install()
    with inject_section(ConfigSectionContext(pipeline_name=job.pipeline_name)):
        module = modules.load(job.module, paths)
    found = callables.find(module, job.function, job.module)
    kwargs = arguments.prepare(found, job, values)
    disposition.check(job.write_disposition)

    def make_source() -> typing.Any:
        with inject_section(ConfigSectionContext(pipeline_name=job.pipeline_name)):
            return callables.call(found, kwargs)

    return make_source
