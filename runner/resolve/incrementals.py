"""Prevents two failures of incrementals in dlt: a missing scheduler, and a type that can't be read.

An incremental with ``allow_external_schedulers=True`` takes its interval from whoever started the run
(Airflow, ``DLT_INTERVAL_START`` and ``DLT_INTERVAL_END``). dlt 1.26 and newer refuse to run it without an
interval. Older versions use the cursor then, and so it is here. dlt 1.31 takes a cursor's type from the
argument's annotation, and fails if that is not an incremental with a type in brackets, as with
``Optional[Any]`` and ``Optional[incremental]``.
"""

from __future__ import annotations

import re
import typing

from dlt.common.typing import extract_inner_type
from dlt.sources import incremental

from runner import patches

_running: list[typing.Any] = []
_DAY = re.compile(r"\d{4}-\d\d-\d\d")


def install() -> None:
    """Patches dlt to settle both each time that an incremental is about to run. Idempotent."""
    patches.changed(incremental, "bind", _bind)


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
