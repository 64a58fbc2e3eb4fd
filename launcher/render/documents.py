"""Values as YAML that Python's, Go's and JavaScript's readers take for the same values."""

from __future__ import annotations

import functools
import io
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import yaml

_LIKE_A_NUMBER = re.compile(r"[-+.]?[0-9]")
_LIKE_A_WORD = re.compile(r"(?i)(y|n|yes|no|on|off|true|false|null|nan|inf|~)\Z")


_TAG = "tag:yaml.org,2002:"
_YAML = yaml.CSafeDumper(io.StringIO())
"""Knows what texts stand for values that aren't text. Nothing is written with it."""
_BEGIN: tuple[yaml.Event, ...] = (yaml.StreamStartEvent(), yaml.DocumentStartEvent(explicit=False))
_END: tuple[yaml.Event, ...] = (yaml.DocumentEndEvent(explicit=False), yaml.StreamEndEvent())
_MAPPING = yaml.MappingStartEvent(None, f"{_TAG}map", True, flow_style=False), yaml.MappingEndEvent()
_SEQUENCE = yaml.SequenceStartEvent(None, f"{_TAG}seq", True, flow_style=False), yaml.SequenceEndEvent()


def dump(value: Any) -> str:
    """One document, keys in the order given, long lines not folded.

    libyaml is told of it event by event. ``yaml.dump`` would make a node of each value first and ask twice
    what a reader takes it for, which takes three times as long.
    """
    stream = io.StringIO()
    emitter = yaml.CSafeDumper(stream, width=10_000, allow_unicode=True)
    for event in _BEGIN:
        emitter.emit(event)
    _tell(emitter.emit, value)
    for event in _END:
        emitter.emit(event)
    return stream.getvalue()


def _tell(emit: Callable[[yaml.Event], object], value: Any) -> None:
    kind = type(value)
    if kind is str:
        emit(_usual(value) if len(value) <= _SHORT else _scalar(value))
    elif kind is dict:
        emit(_MAPPING[0])
        for key, item in value.items():
            _tell(emit, key)
            _tell(emit, item)
        emit(_MAPPING[1])
    elif kind in (list, tuple):
        emit(_SEQUENCE[0])
        for item in value:
            _tell(emit, item)
        emit(_SEQUENCE[1])
    else:
        emit(_usual(value) if kind in (bool, int, type(None)) else _scalar(value))


def _scalar(value: Any) -> yaml.Event:
    node: Any = _YAML.represent_data(value)
    style = _style(value) if type(value) is str else node.style
    ways = ((True, False), (False, True))  # plain, in quotes
    plain, quoted = (_YAML.resolve(yaml.ScalarNode, node.value, way) == node.tag for way in ways)  # type: ignore[no-untyped-call]
    return yaml.ScalarEvent(None, node.tag, (plain, quoted), node.value, style=style)


def _style(text: str) -> str | None:
    """Quotes for what another reader takes for a number: PyYAML leaves ``12e4`` plain, Go reads 120000."""
    if "\n" in text.rstrip("\n") and not re.search(r"[ \t]\n", text):
        return "|"
    return '"' if _LIKE_A_NUMBER.match(text) or _LIKE_A_WORD.match(text) else None


_SHORT = 100
"""Characters of a text that is worth keeping."""
_usual = functools.lru_cache(maxsize=1024, typed=True)(_scalar)
"""Keys, and what all sources say alike: most of what is written."""


def dump_entry(key: str, name: str, value: Any) -> str:
    """One entry of the table ``key``, to be put together by ``table``: a large one needs little memory."""
    return dump({key: {name: value}}).removeprefix(f"{key}:\n")


def table(key: str, entries: Iterable[str]) -> str:
    """What ``dump`` gives for one key with a table of these entries; empty where there is none."""
    text = "".join(entries)
    return f"{key}:\n{text}" if text else ""


def commented(comment: str) -> str:
    """The text as lines of a comment."""
    return "".join(f"# {line}".rstrip() + "\n" for line in comment.splitlines())


def dump_all(documents: Iterable[Mapping[str, Any]], *, comment: str = "") -> str:
    """Several documents, with a comment at the top."""
    return commented(comment) + "---\n".join(dump(dict(document)) for document in documents)
