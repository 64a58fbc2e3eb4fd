"""Lets the real dlt ask for configuration, with nothing there but one source's slice."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from launcher.config import Project, Source, load
from launcher.secrets.gather import Part, part_of, read_environment
from launcher.secrets.slices import Slice
from runner.contract import Destination, JobSpec
from runner.explain.credentials import explain_missing
from tests.unit.config.project import write

ENTRY = """\
sources:
  - {{name: acme, dlt_native: {{source_module: api, source_function: {function}{more}}}}}
"""


def given(
    root: Path, sources: str, secrets: str = "", config: str = "", code: str = "", env: str = ""
) -> Project:
    """A project with its secrets; ``code`` is ``custom_sources/api.py``."""
    for name, text in [(".dlt/secrets.toml", secrets), (".dlt/config.toml", config), (".env", env)]:
        if text:
            write(root, text, name)
    if code:
        write(root, code, "custom_sources/api.py")
    return load(write(root, sources))


def source(project: Project, name: str) -> Source:
    return next(s for s in project.sources if s.name == name)


def part(
    project: Project,
    name: str,
    environ: Mapping[str, str] | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> Part:
    """What a job of one source of the project is given."""
    return part_of(project, source(project, name), read_environment(project, environ or {}), overrides or {})


def cut(
    project: Project,
    name: str,
    environ: Mapping[str, str] | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> Slice:
    """The slice of one source of the project."""
    return part(project, name, environ, overrides).slice


@contextmanager
def in_the_job(project: Project, name: str, environ: Mapping[str, str] | None = None) -> Iterator[Any]:
    """``custom_sources/api.py`` imported as the job would see it: the slice is all that dlt can ask."""
    import dlt
    from dlt.common.configuration.container import Container
    from dlt.common.configuration.providers import ConfigTomlProvider, SecretsTomlProvider
    from dlt.common.configuration.specs.config_providers_context import ConfigProvidersContainer
    from dlt.common.configuration.specs.pluggable_run_context import PluggableRunContext

    made = cut(project, name, environ)
    folder = project.root / f"slice_{name}"
    folder.mkdir(exist_ok=True)
    for file, text in made.files.items():
        (folder / file).write_text(text)
    context = Container()[PluggableRunContext]
    before = context.providers
    context.providers = ConfigProvidersContainer(
        [SecretsTomlProvider(str(folder)), ConfigTomlProvider(str(folder))]
    )
    asked = source(project, name)
    pipeline = dlt.pipeline(
        asked.pipeline_name, destination="dummy", pipelines_dir=str(project.root / "pipelines")
    )
    spec = importlib.util.spec_from_file_location(
        asked.dlt_native.source_module, project.custom_sources / "api.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
        yield module
    finally:
        del sys.modules[spec.name]
        pipeline.deactivate()
        context.providers = before


def answer(
    project: Project, name: str, function: str = "api", environ: Mapping[str, str] | None = None
) -> Any:
    """What the source's one row says that it was given."""
    with in_the_job(project, name, environ) as module:
        return next(iter(getattr(module, function)()))


def row_or_failure(
    root: Path, function: str, code: str, secrets: str = "", config: str = "", more: str = ""
) -> Any:
    """The first row of source ``acme``, or what people are told that it lacks. ``more`` is of its entry."""
    # dlt doesn't say where it would look where there is nothing to look at
    secrets, config = ('unasked = "x"\n' + text for text in (secrets, config))
    project = given(root, ENTRY.format(function=function, more=more), secrets, config, code)
    try:
        return answer(project, "acme", function)
    except Exception as exc:
        sliced = cut(project, "acme")
        job = JobSpec(
            run_id="r",
            token="t",
            project="p",
            source="acme",
            module="api",
            function=function,
            destination=Destination("duckdb"),
            pipeline_name="acme",
            dataset_name="raw_acme",
            native_sections=sliced.sections,
            secret_names=sliced.names,
        )
        failure = explain_missing(exc, job)
        if failure is None:
            raise
        return failure
