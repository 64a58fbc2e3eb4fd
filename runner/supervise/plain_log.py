"""Writes events as lines for people, if no launcher reads them: `kubectl logs` shows one stream."""

from __future__ import annotations

import typing

from runner.contract import Event

_MARK = "dltpod: "


def text(name: str, fields: typing.Mapping[str, typing.Any]) -> str:
    """The lines for an event, each with its newline; empty for one that only a live view needs."""
    if name == Event.PHASE.value:
        return f"{_MARK}{fields.get('phase')}\n"
    if name == Event.NOTE.value:
        return f"{_MARK}note: {fields.get('text')}\n"
    if name == Event.TRACEBACK.value:
        return f"{fields.get('text')}\n"
    if name != Event.RESULT.value:
        return ""
    result = fields.get("result") or {}
    failure = result.get("failure")
    if failure is None:
        rows = ", ".join(f"{count} into {table}" for table, count in (result.get("rows") or {}).items())
        return f"{_MARK}ok: {rows or 'no rows'}\n"
    kind = str(failure.get("kind")).replace("_", " ")
    hint = failure.get("hint")
    return f"{_MARK}failed ({kind}): {failure.get('message')}\n" + (f"{_MARK}hint: {hint}\n" if hint else "")
