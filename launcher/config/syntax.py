"""What YAML's parser can't read, in words that say what to write instead."""

from __future__ import annotations

import re
from typing import Any

import yaml

from launcher.config.faults import Fault

_PLACE = re.compile(r"^\s*(?:- )*(?P<key>[\w.-]+):\s+(?P<value>.*?)\s*$")
"""A line with a key and what stands behind it."""
_TIGHT = re.compile(r"^\s*(?:- )*(?P<key>[A-Za-z][\w-]*):[^\s/:]+\s*$")
"""A key whose ':' has no space behind it, so that it is text."""
_LIKELY_SECRET = re.compile(r"password|secret|token|key|credential|://", re.IGNORECASE)
_SPECIAL = "*&!%@`,|>]}"
"""Characters that mean something to YAML where a value begins with them."""
_UNFINISHED = {
    "while scanning a quoted scalar": "the quote that begins here is never closed",
    "while parsing a flow sequence": "the list that begins here has no ']', or lacks a ','",
    "while parsing a flow mapping": "the mapping that begins here has no '}', or lacks a ','",
}
"""By libyaml's context: what is wrong, told at the line where the context begins."""


def fault_of(text: str, error: yaml.MarkedYAMLError) -> Fault:
    """The fault that libyaml's error in the file's ``text`` stands for, with the line to mend."""
    mark: Any = error.problem_mark or error.context_mark
    context: Any = error.context_mark
    number = (mark.line if mark else 0) + 1
    problem, about = error.problem or "", error.context or ""
    line = _line(text, number)
    tab = "cannot start any token" in problem and "\t" in line[: (mark.column if mark else 0) + 1]
    if tab or "tab character" in problem:
        return Fault(number, "", "a tab where YAML wants spaces")
    if "mapping values are not allowed" in problem and (tight := _TIGHT.match(_line(text, number - 1))):
        told = "put a space behind each ':' that ends a key"
        if not _LIKELY_SECRET.search(tight[0]):
            told = f"put a space behind the ':' of '{tight['key']}'"
        return Fault(number - 1, "", told)
    if "another document" in problem:
        return Fault(number, "", "a second document (---); one file is one document")
    if context is not None and about in _UNFINISHED:
        return Fault(context.line + 1, "", _UNFINISHED[about])
    return Fault(number, "", _mended(line, mark, problem) or _raw(problem, about))


def _mended(line: str, mark: Any, problem: str) -> str:
    found = _PLACE.match(line)
    key, value = (found["key"], found["value"]) if found else ("", "")
    column = mark.column if mark else 0
    at = line[column : column + 1]
    before = line[column - 1 : column]
    first = next((char for char in (at, before) if char and char in _SPECIAL), "")
    if "unknown escape" in problem:
        return "within \"…\" a \\ begins an escape: use '…' instead"
    if "undefined alias" in problem and re.fullmatch(r"[\w-]+", name := value[1:].partition(" ")[0]):
        return f"there is no anchor &{name} above; text that begins with * needs quotes"
    if "undefined alias" in problem or ("did not find expected alphabetic" in problem and first):
        first = first or "*"
        return f"a value that begins with {first} needs quotes{_example(key, value, first)}"
    if "cannot start any token" in problem or "expected node content" in problem:
        return f"a value that begins with {at} needs quotes{_example(key, value, at)}" if at else ""
    if "mapping values are not allowed" in problem:
        if found and ":" in value and column >= found.start("value"):
            return f"put quotes around text with ': '{_example(key, value, '')}"
        return "a key is out of line: keys of one mapping begin in the same column, and each ends with ':'"
    if "expected comment or line break" in problem:
        return f"a value that begins with | or > needs quotes{_example(key, value, '')}"
    if value[:1] in ("'", '"') and "expected key" in problem:
        return "text goes on behind its closing quote: quote the whole, and write '' for a ' within '…'"
    if at and at in "]}" and ("expected key" in problem or "expected '-' indicator" in problem):
        return f"this '{at}' closes nothing: there is one too many, or its beginning is missing"
    if "block sequence entries" in problem:
        return "a list begins on a line of its own: one '- item' a line, or [a, b]"
    if "expected key" in problem or "expected '-' indicator" in problem:
        return "is out of line: keys of one mapping, and the '-' of one list, begin in the same column"
    return ""


def _example(key: str, value: str, first: str) -> str:
    """``: schedule: "* * * * *"``; empty where the value may be a secret or doesn't begin with ``first``."""
    bare = re.sub(r"\s+#.*$", "", value)
    if not key or not bare.startswith(first) or '"' in bare or "\\" in bare or bare[:1] in "[{":
        return ""
    if _LIKELY_SECRET.search(f"{key} {bare}") or not re.fullmatch(r"[\x20-\x7e]{1,60}", bare):
        return ""
    return f': {key}: "{bare}"'


def _raw(problem: str, about: str) -> str:
    problem = problem or about or "is not YAML"
    return f"{problem} ({about})" if about and about != problem else problem


def _line(text: str, number: int) -> str:
    lines = text.splitlines()
    return lines[number - 1] if 0 < number <= len(lines) else ""
