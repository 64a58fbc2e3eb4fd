"""Values as YAML that Python's, Go's and JavaScript's readers take for the same values.

The text is what libyaml would write, line for line. Tables and lists are written here, and what a look tells
to be plain: of a thousand documents nearly all texts are names, and PyYAML makes an object of each.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

import yaml

_LIKE_A_NUMBER = re.compile(r"[-+.]?[0-9]")
_LIKE_A_WORD = re.compile(r"(?i)(y|n|yes|no|on|off|true|false|null|nan|inf|~)\Z")
_NAME = re.compile(r"[\w/](?:[\w./-]|:(?=[\w/]))*\Z", re.ASCII)
"""A text of which no character means anything to YAML."""
_LONGEST = 100
"""Characters of a name, and of a text that is remembered."""


class _Dumper(yaml.CSafeDumper):
    """Quotes what another reader takes for a number: PyYAML leaves ``12e4`` plain, Go reads 120000."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _string(dumper: _Dumper, value: str) -> yaml.ScalarNode:
    style = None
    if "\n" in value.rstrip("\n") and not re.search(r"[ \t]\n", value):
        style = "|"
    elif _LIKE_A_NUMBER.match(value) or _LIKE_A_WORD.match(value):
        style = '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Dumper.add_representer(str, _string)


def dump(value: Any) -> str:
    """One document, keys in the order given, long lines not folded."""
    if not (value and isinstance(value, (dict, list, tuple))):
        return _by_libyaml(value)
    lines: list[str] = []
    try:
        _write(value, "", "", lines)
    except _OddKey:
        return _by_libyaml(value)
    return "".join(lines)


class _OddKey(Exception):
    """A key that libyaml writes in another way, with a question mark before it."""


def _by_libyaml(value: Any) -> str:
    made = yaml.dump(
        value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, default_flow_style=False, width=10_000
    )
    return str(made)


def _write(value: Any, first: str, pad: str, lines: list[str]) -> None:
    """The lines of a table or list that is not empty: ``first`` begins the first one, ``pad`` the others.

    Raises _OddKey.
    """
    if isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str) or len(key) > _LONGEST or not key.isprintable():
                raise _OddKey
            head = f"{first}{_short(key)}:"
            if item and isinstance(item, dict):
                lines.append(f"{head}\n")
                _write(item, f"{pad}  ", f"{pad}  ", lines)
            elif item and isinstance(item, (list, tuple)):
                lines.append(f"{head}\n")
                _write(item, pad, pad, lines)
            else:
                lines.append(f"{head} {_scalar(item, pad)}\n")
            first = pad
        return
    for item in value:
        if item and isinstance(item, (dict, list, tuple)):
            _write(item, f"{first}- ", f"{pad}  ", lines)
        else:
            lines.append(f"{first}- {_scalar(item, pad)}\n")
        first = pad


def _scalar(value: Any, pad: str) -> str:
    if isinstance(value, str) and len(value) <= _LONGEST:
        text = _short(value)
    elif value is None or isinstance(value, (bool, int)):
        text = _short_other(value)
    else:
        text = _odd(value)
    return re.sub(r"\n(?!\n)", f"\n{pad}", text) if pad and "\n" in text else text


@lru_cache(maxsize=4096)
def _short(value: str) -> str:
    if not _NAME.match(value):
        return _odd(value)
    return f'"{value}"' if _LIKE_A_NUMBER.match(value) or _LIKE_A_WORD.match(value) else value


@lru_cache(maxsize=256, typed=True)
def _short_other(value: int | None) -> str:
    return _odd(value)


def _odd(value: Any) -> str:
    """A text, a number or an empty list as libyaml writes it below a key at the left margin."""
    return _by_libyaml({"k": value})[3:-1]


def dump_entry(key: str, name: str, value: Any) -> str:
    """One entry of the table ``key``, to be put together by ``table``: a large one needs little memory."""
    return dump({key: {name: value}}).removeprefix(f"{key}:\n")


def table(key: str, entries: Iterable[str]) -> str:
    """What ``dump`` gives for one key with a table of these entries; empty where there is none."""
    text = "".join(entries)
    return f"{key}:\n{text}" if text else ""


def dump_all(documents: Iterable[Mapping[str, Any]], *, comment: str = "") -> str:
    """Several documents, with a comment at the top."""
    head = "".join(f"# {line}".rstrip() + "\n" for line in comment.splitlines())
    return head + "---\n".join(dump(dict(document)) for document in documents)
