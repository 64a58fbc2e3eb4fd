"""What pydantic finds, in words that say what is legal. A value is shown only where it can't be a secret."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, get_args

import yaml
from pydantic import BaseModel
from pydantic_core import ErrorDetails

from launcher.config.document import PathKey
from launcher.config.models import File
from launcher.errors import did_you_mean

_MAY_BE_SECRET = ("function_kwargs", "resource_kwargs", "env", "webhook", "annotations")
_KINDS = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "tuple_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
}


_WITH_UNIT = {
    **dict.fromkeys(("timeout", "start_timeout"), "a duration with its unit, such as 90s, 30m or 1h30m"),
    **dict.fromkeys(("memory", "size", "scratch"), "a size with its unit, such as 512m, 2g or 2Gi"),
    "dlt": 'a version specifier, such as "==1.31.0"',
}
"""Keys whose value is text that begins with a number: quotes alone would not make the number right."""


def without_misspelt(details: Sequence[ErrorDetails]) -> list[ErrorDetails]:
    """``details`` without the missing keys that are there misspelt: one mistake is one fault."""
    meant = {
        (*detail["loc"][:-1], key)
        for detail in details
        if detail["type"] == "extra_forbidden"
        for key in known_keys(detail["loc"][:-1])
        if f"'{key}'" in did_you_mean(str(detail["loc"][-1]), known_keys(detail["loc"][:-1]))
    }
    return [detail for detail in details if detail["type"] != "missing" or detail["loc"] not in meant]


def text_of(detail: ErrorDetails, node: yaml.Node | None, path: PathKey) -> str:
    """The message of one of pydantic's errors at ``path``; ``node`` is what the file holds there."""
    kind = detail["type"]
    raw = node.value if isinstance(node, yaml.ScalarNode) else None
    if kind == "missing" and node is not None:
        return "is empty"
    if kind == "missing":
        needed = ": a mapping with source_module and source_function"
        return f"is missing{needed if path[-1] == 'dlt_native' else ''}"
    if kind == "extra_forbidden":
        known = known_keys(path[:-1])
        return f"unknown key{did_you_mean(str(path[-1]), known)}; known: {', '.join(known)}"
    if kind == "literal_error" and path == ("version",):
        return "must be 1: this dltpod reads no other version of the format"
    if kind == "literal_error":
        words = re.findall(r"'(\w+)'", detail["ctx"]["expected"])
        wrong = f"must be {'one of ' if words[1:] else ''}{', '.join(words)}"
        return _with_value(wrong + (did_you_mean(raw, words) if raw else ""), raw, path)
    if kind == "string_type" and path[-1] in _WITH_UNIT and raw is not None:
        return _with_value(f"must be {_WITH_UNIT[path[-1]]}", raw, path)
    if kind == "string_type":
        return "must be text" + _in_quotes(node, path)
    if kind == "tuple_type" and path == ("sources",) and not isinstance(node, yaml.ScalarNode):
        return 'must be a list: begin each source with "- name: …"'
    if kind in _KINDS:
        return f"must be {_KINDS[kind]}{_instead(kind, node, path)}"
    told = (detail.get("ctx") or {}).get("wrong")
    return _with_value(told, raw, path) if isinstance(told, str) else detail["msg"]


def _in_quotes(node: yaml.Node | None, path: PathKey) -> str:
    if not isinstance(node, yaml.ScalarNode):
        return ", not a list or a mapping" if node is not None else ""
    shown = re.fullmatch(r"[\w.:+-]{1,40}", node.value) and not _may_be_secret(path)
    return f': write it in quotes: "{node.value}"' if shown else ": write it in quotes"


def _instead(kind: str, node: yaml.Node | None, path: PathKey) -> str:
    if not isinstance(node, yaml.ScalarNode) or not node.value or _may_be_secret(path):
        return ""
    if kind == "tuple_type" and re.fullmatch(r"[\w.<>=~!-]{1,60}", node.value):
        return f": [{node.value}]"
    if kind in ("int_type", "float_type") and re.fullmatch(r"\d+(\.\d+)?", node.value):
        return f", without quotes: {node.value}"
    return ""


def _with_value(wrong: str, raw: str | None, path: PathKey) -> str:
    """``wrong`` after the value it speaks of, where that is short and can't be a secret."""
    if raw is None or _may_be_secret(path) or not re.fullmatch(r"[\x20-\x7e]{1,80}", raw) or "://" in raw:
        return wrong
    return f"'{raw}' {wrong}"


def _may_be_secret(path: PathKey) -> bool:
    return any(step in _MAY_BE_SECRET for step in path)


def known_keys(path: PathKey) -> list[str]:
    """The keys that the model at ``path`` knows, in the order of the reference."""
    model: Any = File
    for step in path:
        if isinstance(step, str):
            model = _model_in(model.model_fields[step].annotation)
    return list(model.model_fields)


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """The model in ``Model``, ``Model | None`` or ``tuple[Model, ...]``; None if there is none."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for arg in get_args(annotation) if (found := _model_in(arg))), None)
