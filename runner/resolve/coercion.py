"""Converts the plain values of YAML and JSON to what a function's type hints ask for."""

from __future__ import annotations

import collections.abc
import contextlib
import dataclasses
import datetime
import decimal
import enum
import inspect
import sys
import types
import typing
from collections.abc import Iterator
from pathlib import Path

from dlt.sources import incremental

T = typing.TypeVar("T")
_NONE = type(None)
_UNIONS = (typing.Union, types.UnionType)
_BOOLEANS = {
    **dict.fromkeys(("true", "yes", "on", "1"), True),
    **dict.fromkeys(("false", "no", "off", "0"), False),
}


class Mismatch(Exception):
    """A value that a hint refuses: ``wanted`` and ``got`` say which types, never the value."""

    def __init__(self, wanted: str, got: str) -> None:
        super().__init__(f"{wanted}, not {got}")
        self.wanted = wanted
        self.got = got


def hints_of(function: typing.Any) -> dict[str, typing.Any]:
    """A function's type hints by parameter, each resolved by itself; those that can't be are left out."""
    annotations = getattr(function, "__annotations__", {}) or {}
    names = dict(vars(sys.modules.get(getattr(function, "__module__", ""), types)))
    names.update(getattr(function, "__globals__", {}))
    found = {}
    for name, annotation in annotations.items():
        if isinstance(annotation, str):
            try:
                annotation = eval(annotation, names)
            except Exception:  # noqa: BLE001 - names under TYPE_CHECKING aren't there
                continue
        found[name] = annotation
    return found


def coerce(value: typing.Any, hint: typing.Any, default: typing.Any = None) -> typing.Any:
    """``value`` converted to ``hint``'s type; unchanged where the hint says nothing. Raises Mismatch.

    Without a hint the type of ``default`` counts, if it is a plain one: a text that can't be converted stays
    text.
    """
    if is_cursor(default) and not is_cursor(value):
        declared = hint if is_kind_of(hint, type(default)) else type(default)
        return _cursor(value, declared, default)
    if hint is inspect.Parameter.empty or hint is None:
        if type(default) in (int, float, bool, datetime.date, datetime.datetime) and isinstance(value, str):
            with contextlib.suppress(Mismatch):
                return _coerce(value, type(default))
        return value
    return _coerce(value, hint)


def is_kind_of(hint: typing.Any, cls: type) -> bool:
    """Whether a hint is an instance of ``cls``, the class or a subclass of it, also in a union."""
    return any(isinstance(m, cls) or (isinstance(m, type) and issubclass(m, cls)) for m in members(hint))


def members(hint: typing.Any) -> Iterator[typing.Any]:
    """What a union or an annotated hint is made of, at any depth, without the types in brackets.

    Any other hint is its own only member.
    """
    origin = typing.get_origin(hint)
    if origin in _UNIONS or origin is typing.Annotated:
        for member in typing.get_args(hint):
            yield from members(member)
    else:
        yield origin or hint


def _coerce(value: typing.Any, hint: typing.Any) -> typing.Any:
    origin = typing.get_origin(hint)
    if hint is typing.Any or isinstance(hint, typing.TypeVar):
        return value
    if origin is typing.Annotated or origin in (typing.Final, typing.ClassVar):
        return _coerce(value, typing.get_args(hint)[0])
    if hasattr(hint, "__supertype__"):  # NewType
        return _coerce(value, hint.__supertype__)
    if origin in _UNIONS:
        return _union(value, hint)
    if origin is typing.Literal:
        return _literal(value, typing.get_args(hint))
    if value is None:
        if hint in (_NONE, None, object):
            return None
        raise Mismatch(shown(hint), "null")
    if is_cursor(hint) and isinstance(value, dict):
        return _cursor(value, hint)
    if _is_specification(hint) and isinstance(value, dict):
        return _specified(value, hint)
    if origin is not None:
        return _generic(value, hint, origin)
    return _plain(value, hint) if isinstance(hint, type) else value


def is_cursor(thing: typing.Any) -> bool:
    """Whether it is dlt's incremental: an instance, the class, or the class with its type in brackets."""
    kind = typing.get_origin(thing) or thing
    kind = kind if isinstance(kind, type) else type(kind)
    return any(base.__name__ == "Incremental" and base.__module__.startswith("dlt.") for base in kind.__mro__)


def _cursor(value: typing.Any, hint: typing.Any, default: typing.Any = None) -> typing.Any:
    """A cursor of a mapping of its settings, or a start for one, of the type that the cursor declares.

    That is the one in its annotation's brackets, else that of the initial value in the code.
    """
    kinds = [
        arg for part in (hint, *typing.get_args(hint)) if is_cursor(part) for arg in typing.get_args(part)
    ]
    kind = next(
        (kind for kind in kinds if kind is not typing.Any), type(getattr(default, "initial_value", None))
    )

    def start(given: typing.Any) -> typing.Any:
        moments = isinstance(kind, type) and issubclass(kind, (datetime.date, int, float))
        return _coerce(given, kind) if moments and given is not None else given

    if not isinstance(value, dict):
        return start(value)
    settings = {
        key: start(inner) if key in ("initial_value", "end_value") else inner for key, inner in value.items()
    }
    try:
        return incremental(**settings)
    except (TypeError, ValueError):
        raise Mismatch("a cursor's settings (cursor_path, initial_value, …)", "others") from None


def _is_specification(hint: typing.Any) -> bool:
    """Whether it is a dataclass or a pydantic model of the source's own, none of dlt's configurations."""
    if not isinstance(hint, type) or any(base.__module__.startswith("dlt.") for base in hint.__mro__):
        return False
    return dataclasses.is_dataclass(hint) or hasattr(hint, "model_validate")


def _specified(value: dict[str, typing.Any], hint: typing.Any) -> typing.Any:
    try:
        if hasattr(hint, "model_validate"):
            return hint.model_validate(value)
        hints = hints_of(hint)
        return hint(**{key: _coerce(inner, hints.get(key, typing.Any)) for key, inner in value.items()})
    except Mismatch:
        raise
    except Exception as exc:  # noqa: BLE001 - the source's own class says what it doesn't take
        words = str(exc) if isinstance(exc, TypeError) else type(exc).__name__
        raise Mismatch(f"a mapping that makes a {hint.__name__}", f"this one ({words})") from None


def _union(value: typing.Any, hint: typing.Any) -> typing.Any:
    options = typing.get_args(hint)
    if value is None and _NONE in options:
        return None
    # Unchanged if an option is of its own type; only then converted, to the first option that fits.
    if any(option is type(value) and option is not bool for option in options):
        return value
    mismatch: Mismatch | None = None
    for option in options:
        if option is _NONE:
            continue
        try:
            return _coerce(value, option)
        except Mismatch as exc:
            mismatch = exc
    if mismatch is not None and any(_is_specification(option) for option in options):
        raise mismatch
    raise Mismatch(shown(hint), _got(value)) from mismatch


def _literal(value: typing.Any, options: tuple[typing.Any, ...]) -> typing.Any:
    for option in options:
        if value == option and type(value) is type(option):
            return option
    for option in options:
        if isinstance(value, (str, int, float)) and str(value) == str(option):
            return option
    raise Mismatch("one of " + ", ".join(repr(option) for option in options), "that")


def _generic(value: typing.Any, hint: typing.Any, origin: typing.Any) -> typing.Any:
    arguments = typing.get_args(hint)
    if not isinstance(origin, type):
        return value
    if issubclass(origin, collections.abc.Mapping):
        return _mapping(value, arguments)
    if _is_collection(origin):
        items = _items(value, hint)
        if issubclass(origin, tuple) and arguments and arguments[-1] is not Ellipsis:
            if len(items) != len(arguments):
                raise Mismatch(f"{len(arguments)} items", f"{len(items)}")
            return tuple(_coerce(item, inner) for item, inner in zip(items, arguments, strict=True))
        inner = arguments[0] if arguments else typing.Any
        return _collected(origin, [_coerce(item, inner) for item in items])
    return _plain(value, origin)


def _is_collection(kind: type) -> bool:
    plain = kind.__module__ in ("builtins", "collections.abc", "collections")
    return plain and issubclass(kind, collections.abc.Iterable) and not issubclass(kind, (str, bytes))


def _mapping(value: typing.Any, arguments: tuple[typing.Any, ...]) -> typing.Any:
    if not isinstance(value, dict):
        raise Mismatch("a mapping", _got(value))
    if len(arguments) != 2:
        return value
    return {_coerce(key, arguments[0]): _coerce(inner, arguments[1]) for key, inner in value.items()}


def _items(value: typing.Any, hint: typing.Any) -> list[typing.Any]:
    if isinstance(value, (list, tuple)):
        return list(value)
    raise Mismatch(shown(hint), _got(value))


def _collected(origin: type, items: list[typing.Any]) -> typing.Any:
    for kind in (tuple, frozenset, set):
        if issubclass(origin, kind):
            return kind(items)
    if issubclass(origin, collections.abc.Set):
        return set(items)
    return items


def _plain(value: typing.Any, hint: type) -> typing.Any:
    if hint is object or typing.is_typeddict(hint):
        return value
    if issubclass(hint, enum.Enum):
        return _member(value, hint)
    if hint is bool:
        return _boolean(value)
    if hint in (int, float, decimal.Decimal):
        return _number(value, hint)
    if issubclass(hint, datetime.datetime):
        return _moment(value, hint)
    if issubclass(hint, datetime.date):
        return _date(value, hint)
    if hint is datetime.time:
        given = isinstance(value, datetime.time)  # as TOML has them
        return value if given else _read(value, datetime.time.fromisoformat, "a time such as 12:30:00")
    if hint is datetime.timedelta:
        given = isinstance(value, datetime.timedelta)
        return value if given else datetime.timedelta(seconds=_number(value, float))
    if issubclass(hint, str):
        return _text(value)
    if issubclass(hint, Path):
        return Path(_text(value))
    if issubclass(hint, (dict, collections.abc.Mapping)):
        return _mapping(value, ()) if hint.__module__ in ("builtins", "collections.abc") else value
    if hint in (list, tuple, set, frozenset) or hint in (collections.abc.Sequence, collections.abc.Iterable):
        return _collected(hint, _items(value, hint))
    return value  # a credentials spec, a cursor, a class of the source's own: dlt or the source reads it


def _boolean(value: typing.Any) -> bool:
    word = str(value).strip().lower() if isinstance(value, (str, int)) else ""
    if word not in _BOOLEANS:
        raise Mismatch("true or false", _got(value))
    return _BOOLEANS[word]


def _number(value: typing.Any, kind: type) -> typing.Any:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise Mismatch(shown(kind), _got(value))
    if kind is int and isinstance(value, float):
        if not value.is_integer():
            raise Mismatch("a whole number", "a fraction")
        return int(value)
    try:
        return kind(str(value).strip().replace("_", "") if isinstance(value, str) else str(value))
    except (ValueError, ArithmeticError):
        raise Mismatch(shown(kind), _got(value)) from None


def _text(value: typing.Any) -> typing.Any:
    if isinstance(value, str):
        return value
    if isinstance(value, (datetime.date, datetime.datetime)):
        return value.isoformat()
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value)
    raise Mismatch("text", _got(value))


def _moment(value: typing.Any, kind: type) -> typing.Any:
    moment: typing.Any
    if isinstance(value, datetime.datetime):
        moment = value
    elif isinstance(value, datetime.date):
        moment = datetime.datetime(value.year, value.month, value.day)
    else:
        wanted = "a date and time such as 2024-01-31T12:00:00Z"
        moment = _read(value, datetime.datetime.fromisoformat, wanted)
    if kind is not datetime.datetime and kind.__module__.startswith("pendulum"):
        import pendulum

        return pendulum.instance(moment)
    return moment


def _date(value: typing.Any, kind: type) -> typing.Any:
    given = isinstance(value, datetime.date)
    day = value if given else _read(value, datetime.date.fromisoformat, "a date such as 2024-01-31")
    return kind(day.year, day.month, day.day)


def _read(value: typing.Any, parse: collections.abc.Callable[[str], T], wanted: str) -> T:
    """What ``parse`` makes of a text in ISO 8601. Raises Mismatch where it is none."""
    if not isinstance(value, str):
        raise Mismatch(wanted, _got(value))
    try:
        # Python 3.10 reads no Z
        return parse(value.strip().replace("Z", "+00:00").replace("z", "+00:00"))
    except ValueError:
        raise Mismatch(wanted, "that") from None


def _member(value: typing.Any, kind: type[enum.Enum]) -> enum.Enum:
    for member in kind:
        if value == member.value or value == member.name or str(value) == str(member.value):
            return member
    raise Mismatch("one of " + ", ".join(repr(member.value) for member in kind), "that")


def shown(hint: typing.Any) -> str:
    """A hint as people write it."""
    if isinstance(hint, type) and not typing.get_args(hint):
        return {"str": "text", "int": "a whole number", "float": "a number"}.get(hint.__name__, hint.__name__)
    return str(hint).replace("typing.", "").replace("NoneType", "None")


def _got(value: typing.Any) -> str:
    if value is None:
        return "null"
    names = {"str": "text", "list": "a list", "dict": "a mapping", "bool": "true or false", "int": "a number"}
    return names.get(type(value).__name__, type(value).__name__)
