"""Prevents three failures of incrementals in dlt.

- ``created_after: dlt.sources.incremental("created_at") = None``: guides teach this form, an annotation that
  is a cursor, and None for the default. dlt recognises cursors by the parameter's default or by an annotation
  that is a type, so it passes None and loads all rows each time. Here the annotation's cursor becomes the
  default before dlt looks at the signature.
- An incremental with ``allow_external_schedulers=True`` takes its interval from whoever started the run
  (Airflow, ``DLT_INTERVAL_START`` and ``DLT_INTERVAL_END``). dlt 1.26 and newer refuse to run it without an
  interval. Older versions use the cursor then, and so it is here.
- dlt 1.31 takes a cursor's type from the argument's annotation, and fails if that is not an incremental with
  a type in brackets, as with ``Optional[Any]`` and ``Optional[incremental]``.
"""

from __future__ import annotations

import contextlib
import inspect
import re
import types
import typing

from dlt.common.typing import extract_inner_type
from dlt.extract import decorators
from dlt.sources import incremental

from runner import patches

_running: list[typing.Any] = []
_DAY = re.compile(r"\d{4}-\d\d-\d\d")


def install() -> None:
    """Patches dlt for functions of resources, nested ones too, and for incrementals that are about to run."""
    patches.changed(decorators, "spec_from_signature", _spec_from_signature)
    patches.changed(incremental, "bind", _bind)


def _spec_from_signature(
    original: typing.Any, f: typing.Any, sig: inspect.Signature, *args: typing.Any, **kwargs: typing.Any
) -> typing.Any:
    return original(f, inspect.signature(f) if mend(f) else sig, *args, **kwargs)


def mend(function: typing.Any) -> bool:
    """Moves cursors from a function's annotations to its defaults. Returns whether there was one."""
    target = inspect.unwrap(function) if callable(function) else None
    if not isinstance(target, types.FunctionType):
        return False
    cursors = cursors_of(target)
    if not cursors:
        return False
    positional = target.__code__.co_varnames[: target.__code__.co_argcount]
    defaults = list(target.__defaults__ or ())
    first = len(positional) - len(defaults)
    for name, cursor in cursors.items():
        if name in positional:
            defaults[positional.index(name) - first] = cursor
        else:
            target.__kwdefaults__ = {**(target.__kwdefaults__ or {}), name: cursor}
        target.__annotations__[name] = incremental
    target.__defaults__ = tuple(defaults) or None
    return True


def cursors_of(function: typing.Any) -> dict[str, typing.Any]:
    """The cursors that parameters are annotated with, by parameter, where the default is None."""
    found = {}
    for name, parameter in inspect.signature(function).parameters.items():
        annotation = parameter.annotation
        if parameter.default is not None:
            continue
        if isinstance(annotation, str) and "incremental(" in annotation:
            # `from __future__ import annotations` left it as text, and any name in it may be missing
            with contextlib.suppress(Exception):
                annotation = eval(annotation, getattr(function, "__globals__", {}))
        if isinstance(annotation, incremental):
            found[name] = annotation
    return found


def _bind(original: typing.Any, self: typing.Any, pipe: typing.Any) -> typing.Any:
    _settle(self)
    _running.append(self)
    return original(self, pipe)


def begins_at_a_text(cursors: typing.Mapping[str, str]) -> dict[str, str]:
    """Cursors that still are where they began, at a date that is a text: ``resource.path`` to that text.

    ``cursors`` are those of the state, as text. A source that compares its dates to a text (MongoDB) finds
    none, and raises nothing.
    """
    found = {}
    for cursor in _running:
        name, start = f"{cursor.resource_name}.{cursor.cursor_path}", cursor.initial_value
        if isinstance(start, str) and _DAY.match(start) and cursors.get(name) == start:
            found[name] = start
    return found


def _settle(cursor: typing.Any) -> None:
    if cursor.allow_external_schedulers and not _has_interval():
        cursor.allow_external_schedulers = False
    written = getattr(cursor, "__orig_class__", None)
    if written is None:
        return
    inner = extract_inner_type(written)
    kind = typing.get_origin(inner)
    if not (isinstance(kind, type) and issubclass(kind, incremental) and typing.get_args(inner)):
        del cursor.__orig_class__


def _has_interval() -> bool:
    """Whether dlt finds an interval; True for a dlt that runs without one too."""
    try:
        from dlt.extract.incremental.context import get_interval_context
    except ImportError:
        return True
    context = get_interval_context()
    return context is not None and context.interval is not None
