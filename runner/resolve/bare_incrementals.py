"""Makes ``created_after: dlt.sources.incremental("created_at") = None`` mean what its author meant.

Guides teach this form, a cursor for an annotation and None for a default. dlt knows cursors by the
parameter's default or by an annotation that is a type, so it passes None and loads all rows each
time. Here the annotation's cursor becomes the default, before dlt looks at the signature.
"""

from __future__ import annotations

import inspect
import types
import typing


def install() -> None:
    """Heals each function as dlt makes a resource of it, those defined within sources too."""
    from dlt.extract import decorators

    original = decorators.spec_from_signature
    if getattr(original, "heals", False):
        return

    def spec_from_signature(
        f: typing.Any, sig: inspect.Signature, *args: typing.Any, **kwargs: typing.Any
    ) -> typing.Any:
        if heal(f):
            sig = inspect.signature(f)
        return original(f, sig, *args, **kwargs)

    spec_from_signature.heals = True  # type: ignore[attr-defined]
    decorators.spec_from_signature = spec_from_signature


def heal(function: typing.Any) -> bool:
    """Moves cursors from the annotations of a function to its defaults. True where there was one."""
    target = inspect.unwrap(function) if callable(function) else None
    if not isinstance(target, types.FunctionType):
        return False
    from dlt.sources import incremental

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
    """The parameters annotated with a cursor, and None by default, with that cursor."""
    from dlt.sources import incremental

    found = {}
    for name, parameter in inspect.signature(function).parameters.items():
        annotation = parameter.annotation
        if parameter.default is not None:
            continue
        if isinstance(annotation, str) and "incremental(" in annotation:
            annotation = _evaluated(annotation, function)
        if isinstance(annotation, incremental):
            found[name] = annotation
    return found


def _evaluated(annotation: str, function: typing.Any) -> typing.Any:
    """An annotation that `from __future__ import annotations` left as text."""
    try:
        return eval(annotation, getattr(function, "__globals__", {}))
    except Exception:  # noqa: BLE001 - any name may be missing where annotations aren't run
        return None
