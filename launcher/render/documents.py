"""Values as YAML that Python's, Go's and JavaScript's readers take for the same values."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import yaml

_LIKE_A_NUMBER = re.compile(r"[-+.]?[0-9]")
_LIKE_A_WORD = re.compile(r"(?i)(y|n|yes|no|on|off|true|false|null|nan|inf|~)\Z")


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
    made = yaml.dump(
        value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, default_flow_style=False, width=10_000
    )
    return str(made)


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
