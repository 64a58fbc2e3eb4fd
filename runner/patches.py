"""Replaces functions of dlt by others that call them, within a body or for good."""

from __future__ import annotations

import functools
import typing
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

Around = Callable[..., typing.Any]
"""Is called in place of a function: with the function first, then with the arguments of the call."""


@contextmanager
def replaced(holder: typing.Any, name: str, value: typing.Any) -> Iterator[None]:
    """Within the body the attribute ``name`` of ``holder``, a module or class of dlt's, has another value."""
    before = getattr(holder, name)
    setattr(holder, name, value)
    try:
        yield
    finally:
        setattr(holder, name, before)


def wrapped(holder: typing.Any, name: str, around: Around) -> AbstractContextManager[None]:
    """Within the body calls of a function of dlt's go to ``around``."""
    return replaced(holder, name, _calling(getattr(holder, name), around))


def changed(holder: typing.Any, name: str, around: Around) -> None:
    """From now on calls of a function of dlt's go to ``around``. Doing it again changes nothing."""
    original = getattr(holder, name)
    if getattr(original, "around", None) is not around:
        setattr(holder, name, _calling(original, around))


def _calling(original: typing.Any, around: Around) -> typing.Any:
    @functools.wraps(original)
    def call(*args: typing.Any, **kwargs: typing.Any) -> typing.Any:
        return around(original, *args, **kwargs)

    call.around = around  # type: ignore[attr-defined]
    return call
