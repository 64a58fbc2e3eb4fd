"""Code that runs a pipeline of its own, as most scripts end: it is told what to name instead.

Without this such a function would load its rows within the container, and then be blamed for returning none.
"""

from __future__ import annotations

import functools
import inspect
import typing
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from runner.contract import Failure, FailureKind
from runner.explain.classify import JobFailed
from runner.explain.wording import one_line


@contextmanager
def refused(who: str, names: typing.Callable[[], Mapping[str, typing.Any]], advice: str) -> Iterator[None]:
    """Makes a pipeline that is run within the body raise JobFailed, before it loads anything.

    ``who`` is what runs it ("function 'load'"), ``names`` gives the names of its module then, ``advice`` is
    what to do where what it ran has no name there.
    """
    from dlt.pipeline.pipeline import Pipeline

    originals = {name: getattr(Pipeline, name) for name in ("run", "extract")}

    def refusing(original: typing.Any) -> typing.Any:
        @functools.wraps(original)
        def run(
            self: typing.Any, data: typing.Any = None, *args: typing.Any, **kwargs: typing.Any
        ) -> typing.Any:
            name = _name_of(data, names())
            dataset = kwargs.get("dataset_name") or self.dataset_name
            words = f"source_function: {name}" if name else ""
            words += f", dataset_name: {dataset}" if name and dataset else ""
            raise JobFailed(
                Failure(
                    FailureKind.FUNCTION_NOT_FOUND,
                    f"{who} runs a pipeline of its own ('{one_line(self.pipeline_name, 60)}'), "
                    "and dltpod runs the pipeline itself",
                    f"name what it runs: dlt_native: {{{words}}}" if name else advice,
                )
            )

        return run

    for name, original in originals.items():
        setattr(Pipeline, name, refusing(original))
    try:
        yield
    finally:
        for name, original in originals.items():
            setattr(Pipeline, name, original)


def _name_of(data: typing.Any, names: Mapping[str, typing.Any]) -> str | None:
    """The name, in its module, of the source or resource that ``data`` was made by."""
    from dlt.extract import DltResource, DltSource
    from dlt.extract.decorators import DltSourceFactoryWrapper

    if isinstance(data, (list, tuple)) and len(data) == 1:
        data = data[0]
    for name, value in names.items():
        if isinstance(data, DltResource) and isinstance(value, DltResource):
            if value is data or (_function(value) is _function(data) is not None):
                return name
        elif isinstance(data, DltSource) and isinstance(value, DltSourceFactoryWrapper):
            if data.name in (value.name, getattr(inspect.unwrap(value), "__name__", None)):
                return name
        elif isinstance(data, DltSource) and value is data:
            return name
    return None


def _function(resource: typing.Any) -> typing.Any:
    generator = resource._pipe.gen
    return inspect.unwrap(generator) if callable(generator) else None
