"""Makes ``created_after: dlt.sources.incremental("created_at") = None`` mean what its author meant.

Guides teach this form: an annotation that is a cursor, and None for the default. dlt recognises cursors by
the parameter's default or by an annotation that is a type, so it passes None and loads all rows each time.
Here the annotation's cursor becomes the default before dlt looks at the signature.
"""

from __future__ import annotations

import contextlib
import inspect
import types
import typing

from dlt.extract import decorators
from dlt.sources import incremental

from runner import patches


def install() -> None:
    """Patches dlt to call ``mend`` for each function of a resource, nested ones too. Idempotent."""
    patches.changed(decorators, "spec_from_signature", _spec_from_signature)


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
