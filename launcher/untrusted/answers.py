"""Everything that comes out of a container, read strictly. Pure.

A source's code can write whatever it likes to where the runner's answers come from. So each answer has
a bounded size, and each field its own type, range and count. A text is clean afterwards (see
``launcher.untrusted.clean``). A result that doesn't fit is no result; an event that doesn't fit is dropped.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from launcher.untrusted import clean
from runner.contract import EVENT_MARK, Event, ExitCode, Failure, FailureKind, Result, Verdict

RESULT_BYTES = 8 << 20
"""The longest result that is read."""
INSPECTION_BYTES = 64 << 20
"""The longest answer of ``dltpod show``: rows of a person's own choice."""
PACKAGES_BYTES = 4 << 20

MOST = 10_000
"""Tables, cursors, loads, verdicts or packages in one answer."""
MOST_NOTES = 1_000
"""Notes in a result, and notes and changes of phase that are told while a run goes on."""
LONGEST_NAME = 1_000
"""Characters of a name. What is cut off a name makes another name, so a longer one doesn't fit."""
LONGEST_TEXT = 4_000
"""Characters of a text: the rest is cut off."""
_MARK = EVENT_MARK.encode()
_MOST_BRACKETS = 100_000
_MOST_BRACKETS_OF_ROWS = 5_000_000
"""Each costs memory and a level at the worst."""
_INTEGER_DIGITS = 20
_HIGHEST = 2**63 - 1
_LONGEST_SECONDS = 1e9

_T = TypeVar("_T")


class Unfit(ValueError):
    """An answer of another shape than the runner's."""


def result(text: bytes) -> Result | None:
    """The runner's result from its JSON; None where it is torn, too long or of another shape."""
    try:
        return _result(_object(_parsed(text, RESULT_BYTES)))
    except Unfit:
        return None


def event(text: bytes, token: str) -> dict[str, Any] | None:
    """An event of the run with this token, None where the line is none: a log line, then.

    It holds ``event`` and that event's own fields; ``text`` of a traceback is as it came, and
    ``result`` is a ``Result``. An event that doesn't fit is an empty object.
    """
    try:
        data = _parsed(text.removeprefix(_MARK), RESULT_BYTES)
    except Unfit:
        return None
    if not isinstance(data, dict) or data.get("token") != token:
        return None
    try:
        kind = Event(_string(data.get("event")))
        return {"event": kind.value, **_EVENTS[kind](data)}
    except ValueError:
        return {}


def packages(text: bytes | str) -> dict[str, str]:
    """Versions by name, as an image's list of its packages tells them. Raises Unfit."""
    data = _parsed(text.encode("utf-8", "replace") if isinstance(text, str) else text, PACKAGES_BYTES)
    return _table(data, _name)


def inspection(text: bytes) -> dict[str, Any]:
    """What ``dltpod show`` is answered: ``error``, or ``tables``, ``columns``, ``rows`` and so on.

    Values of rows are the destination's data, as they came. Raises Unfit.
    """
    # A NaN among the data is no JSON to whom --json is meant for: it becomes text.
    data = _object(_parsed(text, INSPECTION_BYTES, _MOST_BRACKETS_OF_ROWS, integer=int, constant=str))
    if "error" in data:
        return {"error": _text(data["error"])}
    columns = [_name(item) for item in _list(data.get("columns"), MOST)]
    rows = [_list(row, MOST) for row in _list(data.get("rows"), None)]
    if any(len(row) != len(columns) for row in rows):
        raise Unfit("a row of another length")
    answer: dict[str, Any] = {
        "columns": columns,
        "rows": rows,
        "tables": _table(data.get("tables"), lambda count: None if count is None else _count(count)),
        "unreadable": _table(data.get("unreadable", {}), _text),
    }
    answer.update({key: _name(data[key]) for key in ("dataset", "missing") if key in data})
    return answer


def state(text: bytes) -> dict[str, Any]:
    """What ``dltpod state`` is answered: ``error``, or ``cursors``, ``resources`` and so on. Raises Unfit."""
    data = _object(_parsed(text, RESULT_BYTES, _MOST_BRACKETS_OF_ROWS))
    if "error" in data:
        return {"error": _text(data["error"])}
    return {
        "cursors": _table(data.get("cursors", {}), _cursor),
        "resources": [_name(item) for item in _list(data.get("resources", []), MOST)],
        "schemas": _table(data.get("schemas", {}), _count),
        "last_load": _name(data.get("last_load", "")),
        "edit": _name(data.get("edit", "")),
    }


def _cursor(value: Any) -> dict[str, str]:
    data = _object(value)
    return {"value": _text(data.get("value")), "kind": _name(data.get("kind"))}


def preview(text: bytes) -> dict[str, Any]:
    """What ``dltpod preview`` is answered: ``error`` and ``hint``, or ``previews``.

    These are, by table, its ``columns`` (name and type) and ``rows``. Raises Unfit.
    """
    data = _object(_parsed(text, INSPECTION_BYTES, _MOST_BRACKETS_OF_ROWS, integer=int, constant=str))
    if "error" in data:
        return {
            "error": _text(data["error"]),
            "hint": clean.lines(_string(data.get("hint", "")), LONGEST_TEXT),
        }
    return {"previews": _table(data.get("previews"), _previewed)}


def _previewed(value: Any) -> dict[str, Any]:
    data = _object(value)
    columns = [_list(item, 2) for item in _list(data.get("columns"), MOST)]
    if any(len(item) != 2 for item in columns):
        raise Unfit("a column without a name or a type")
    rows = [_list(row, MOST) for row in _list(data.get("rows"), None)]
    if any(len(row) != len(columns) for row in rows):
        raise Unfit("a row of another length")
    return {"columns": [(_name(name), _name(kind)) for name, kind in columns], "rows": rows}


def _result(data: Mapping[str, Any]) -> Result:
    status, exit_code = data.get("status"), _count(data.get("exit_code"))
    failure = None if data.get("failure") is None else _failure(_object(data["failure"]))
    went_well = status == "ok" and exit_code == ExitCode.OK and failure is None
    went_ill = status == "failed" and 0 < exit_code < 256 and failure is not None
    if not (went_well or went_ill):
        raise Unfit("status, exit code and failure say different things")
    given: dict[str, Any] = {
        name: read(data[name]) for name, read in _RESULT.items() if data.get(name) is not None
    }
    return Result(str(status), exit_code, failure=failure, **given)


def _failure(data: Mapping[str, Any]) -> Failure:
    try:
        kind = FailureKind(_string(data.get("kind")))
    except ValueError:
        raise Unfit("no kind of failure") from None
    # Only there does the runner write lines to paste into a file. Elsewhere a second line could be
    # made up to look like one of dltpod's own.
    hint = clean.lines if kind is FailureKind.SECRETS_MISSING else clean.line
    return Failure(
        kind,
        _text(data.get("message")),
        hint(_string(data.get("hint", "")), LONGEST_TEXT),
        _flag(data.get("transient", False)),
    )


def _verdict(value: Any) -> Verdict:
    data = _object(value)
    return Verdict(_name(data.get("what")), _flag(data.get("ok")), _text(data.get("text", "")))


def _parsed(
    text: bytes,
    longest: int,
    most_brackets: int = _MOST_BRACKETS,
    *,
    integer: Callable[[str], Any] | None = None,
    constant: Callable[[str], Any] | None = None,
) -> Any:
    """The JSON value. Raises Unfit where it is none, too long, too deep or holds a number that can't be."""
    if len(text) > longest or text.count(b"[") + text.count(b"{") > most_brackets:
        raise Unfit("too long")
    try:
        return json.loads(text, parse_int=integer or _integer, parse_constant=constant or _no_number)
    except (ValueError, RecursionError):
        raise Unfit("no JSON") from None


def _integer(digits: str) -> int:
    # Before the conversion: its time grows with the square of their number.
    if len(digits) > _INTEGER_DIGITS:
        raise Unfit("too large a number")
    return int(digits)


def _no_number(name: str) -> Any:
    raise Unfit(f"{name} is no number")


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Unfit("no object")
    return value


def _list(value: Any, most: int | None) -> list[Any]:
    if not isinstance(value, list) or (most is not None and len(value) > most):
        raise Unfit("no list, or too long a one")
    return value


def _string(value: Any) -> str:
    if not isinstance(value, str):
        raise Unfit("no text")
    return value


def _text(value: Any) -> str:
    return clean.line(_string(value), LONGEST_TEXT)


def _name(value: Any) -> str:
    if len(_string(value)) > LONGEST_NAME:
        raise Unfit("too long a name")
    return clean.line(value)


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise Unfit("neither true nor false")
    return value


def _count(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= _HIGHEST:
        raise Unfit("no count")
    return value


def _seconds(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise Unfit("no number")
    if not (math.isfinite(value) and 0 <= value <= _LONGEST_SECONDS):
        raise Unfit("no time")
    return value


def _table(value: Any, read: Callable[[Any], _T]) -> dict[str, _T]:
    if len(_object(value)) > MOST:
        raise Unfit("too many")
    found = {_name(key): read(item) for key, item in value.items()}
    if len(found) != len(value):
        raise Unfit("two names that look the same")
    return found


_RESULT: dict[str, Callable[[Any], Any]] = {
    "rows": lambda value: _table(value, _count),
    "seconds": lambda value: _table(value, _seconds),
    "load_ids": lambda value: tuple(_name(item) for item in _list(value, MOST)),
    "resumed_load_ids": lambda value: tuple(_name(item) for item in _list(value, MOST)),
    "bytes": _count,
    "notes": lambda value: tuple(_text(item) for item in _list(value, MOST_NOTES)),
    "cursors": lambda value: _table(value, _text),
    "new_tables": lambda value: tuple(_name(item) for item in _list(value, MOST)),
    "new_columns": lambda value: tuple(_text(item) for item in _list(value, MOST)),
    "first_run": _flag,
    "dataset": _name,
    "location": _text,
    "versions": lambda value: _table(value, _name),
    "verdicts": lambda value: tuple(_verdict(item) for item in _list(value, MOST)),
    "run_id": _name,
}
"""Fields that this version knows and that may be left out; a newer runner may send more."""

_EVENTS: dict[Event, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
    Event.PHASE: lambda data: {"phase": clean.line(_string(data.get("phase")), 40)},
    Event.PROGRESS: lambda data: {
        "rows": _table(data.get("rows"), _count),
        **{name: _count(data[name]) for name in ("done", "total") if name in data},
    },
    Event.NOTE: lambda data: {"text": _text(data.get("text"))},
    Event.TRACEBACK: lambda data: {"text": _string(data.get("text"))},
    Event.RESULT: lambda data: {"result": _result(_object(data.get("result")))},
}
