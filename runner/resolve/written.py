"""Writes the arguments of a call as ``function_kwargs``, without values that may be secret.

A number or a text is shown if it is a literal in the code of the caller. Of any other value only the name is
shown.
"""

from __future__ import annotations

import inspect
import json
import re
import sys
import types
import typing
from collections.abc import Mapping

from runner.explain.wording import masked

Constants = frozenset[typing.Any]
_MAY_BE_SECRET = re.compile(
    r"pass(word|wd|phrase)|secret|token|(?<!primary_)(?<!merge_)key|auth(?!or)|credential", re.IGNORECASE
)
_LONGEST = 60
"""Characters of a text, and items of a list, that are shown."""
_SMALL = 256
"""Newer Pythons don't list smaller numbers among a code's constants."""


def arguments(
    function: typing.Any, args: tuple[typing.Any, ...], kwargs: Mapping[str, typing.Any]
) -> dict[str, typing.Any]:
    """The arguments of a call by their names; empty where they don't fit."""
    try:
        return dict(inspect.signature(function).bind_partial(*args, **kwargs).arguments)
    except (TypeError, ValueError):
        return {}


def constants(module: Mapping[str, typing.Any]) -> Constants:
    """The literals of those functions of a module, by its names, that are being called now."""
    found: set[typing.Any] = set()
    frame: types.FrameType | None = sys._getframe(1)
    while frame is not None:
        if frame.f_globals is module:
            for value in frame.f_code.co_consts:
                found.update(value if isinstance(value, (tuple, frozenset)) else [value])
        frame = frame.f_back
    return frozenset(found)


def shown(
    function: typing.Any, given: Mapping[str, typing.Any], literals: Constants
) -> tuple[str, list[str]]:
    """``n: 3, since: …`` for the arguments of a function, and the names of those that may be secret."""
    try:
        parameters: Mapping[str, inspect.Parameter] = inspect.signature(function).parameters
    except (TypeError, ValueError):
        parameters = {}
    named: dict[str, typing.Any] = {}
    for name, value in given.items():
        kind = parameters[name].kind if name in parameters else None
        if kind is inspect.Parameter.VAR_KEYWORD:
            named.update(value)
        elif kind is not inspect.Parameter.VAR_POSITIONAL:
            named[name] = value
    secret = [name for name in named if _may_be_secret(name, parameters.get(name))]
    words = [f"{name}: {_value(value, literals)}" for name, value in named.items() if name not in secret]
    return ", ".join(words), secret


def _may_be_secret(name: str, parameter: inspect.Parameter | None) -> bool:
    default = getattr(parameter, "default", None)
    return bool(_MAY_BE_SECRET.search(name)) or type(default).__name__ == "ConfigValueSentinel"


def _value(value: typing.Any, literals: Constants) -> str:
    if isinstance(value, (list, tuple)) and len(value) <= _LONGEST:
        items = [_value(item, literals) for item in value]
        return "…" if "…" in items else f"[{', '.join(items)}]"
    plain = value is None or isinstance(value, bool)
    plain = plain or (isinstance(value, int) and (abs(value) < _SMALL or value in literals))
    plain = plain or (isinstance(value, str) and len(value) <= _LONGEST and value in literals)
    if not plain or (isinstance(value, str) and masked(value) != value):
        return "…"
    return json.dumps(value, ensure_ascii=False)
