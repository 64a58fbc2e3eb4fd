"""Puts something else in the place of one of dlt's own functions, for a while or for good."""

from __future__ import annotations

import functools
import typing
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

Wrap = Callable[[typing.Any], typing.Any]
"""Takes the original function and returns what stands in its place, under the same name and signature."""


@contextmanager
def replaced(holder: typing.Any, name: str, value: typing.Any) -> Iterator[None]:
    """Within the body an attribute of dlt's has another value."""
    before = getattr(holder, name)
    setattr(holder, name, value)
    try:
        yield
    finally:
        setattr(holder, name, before)


def wrapped(holder: typing.Any, name: str, wrap: Wrap) -> AbstractContextManager[None]:
    """Within the body a function of dlt's is what ``wrap`` makes of it."""
    original = getattr(holder, name)
    return replaced(holder, name, functools.wraps(original)(wrap(original)))


def changed(holder: typing.Any, name: str, wrap: Wrap) -> None:
    """From now on a function of dlt's is what ``wrap`` makes of it. A second call with it does nothing."""
    original = getattr(holder, name)
    if getattr(original, "made_by", None) is not wrap:
        function = functools.wraps(original)(wrap(original))
        function.made_by = wrap  # type: ignore[attr-defined]
        setattr(holder, name, function)
