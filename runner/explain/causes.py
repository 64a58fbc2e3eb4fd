"""Finds the exceptions behind an exception, and recognises classes by name, without importing them."""

from __future__ import annotations

from collections.abc import Iterator


def unwrap(exc: BaseException) -> Iterator[BaseException]:
    """The exception and all that it was raised from, outermost first, each once."""
    seen: set[int] = set()
    queue: list[BaseException] = [exc]
    while queue:
        link = queue.pop(0)
        if id(link) in seen:
            continue
        seen.add(id(link))
        yield link
        inner = getattr(link, "exception", None)  # dlt's PipelineStepFailed
        context = None if link.__suppress_context__ else link.__context__
        client = getattr(link, "client_exception", None)  # dlt's LoadClientJobException
        for candidate in (inner, client, link.__cause__, context):
            if isinstance(candidate, BaseException):
                queue.append(candidate)
        queue.extend(getattr(link, "exceptions", ()) if has_class(link, "BaseExceptionGroup") else ())


def has_class(exc: BaseException, *names: str) -> bool:
    """Whether the exception's class, or a base of it, has one of these names."""
    return not {base.__name__ for base in type(exc).__mro__}.isdisjoint(names)
