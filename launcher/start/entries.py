"""A further entry in ``sources.yml``, every other byte of the file left as it is.

Nothing is written anew but the entry's own lines: a library that writes the whole file sets its blanks and
indents anew, and an item that it appends comes to stand behind the comment of the key that follows.
"""

from __future__ import annotations

import re
import textwrap
from pathlib import Path
from typing import Any

import yaml

from launcher.config.document import Document
from launcher.config.faults import shown_path
from launcher.errors import ConfigurationError

_BREAK = re.compile(r"(?<=\n)|(?<=[\x85\u2028\u2029])|(?<=\r)(?!\n)")
"""Where YAML 1.1 lets a line begin."""


def with_entry(file: Path, text: str, entry: str) -> str:
    """``text``, that of ``file``, with ``entry`` as the last item of its ``sources``.

    ``entry`` is YAML: a list of one item that begins at the margin, with comments as it likes. Raises
    ConfigurationError, with the entry to add by hand, where ``sources`` is no list with a line for each item.
    """
    made = _inserted(text, entry)
    if made is None or not _holds(file, made, text, entry):
        raise ConfigurationError(
            f"{shown_path(file)}: its sources are no list with '- ' and a line for each item",
            "add the entry by hand:\n" + entry.rstrip(),
        )
    return made


def _inserted(text: str, entry: str) -> str | None:
    found = _sources(list(yaml.parse(text, Loader=yaml.CSafeLoader)))
    if found is None:
        return None
    first, last = found
    lines = _BREAK.split(text)
    lines = lines[:-1] if lines[-1] == "" else lines
    indent = _dash(lines, first)
    if indent is None:
        return None
    at = _behind(lines, last, indent)
    newline = "\r\n" if "\r\n" in text else "\n"
    added = textwrap.indent(entry.rstrip(), " " * indent).splitlines()
    if _dash_line(lines, last, indent) != last:
        added.insert(0, "")  # entries of several lines stand apart
    if at and not re.search(r"[\n\r\x85\u2028\u2029]$", lines[at - 1]):
        lines[at - 1] += newline
    return "".join([*lines[:at], *(line + newline for line in added), *lines[at:]])


def _sources(events: list[Any]) -> tuple[int, int] | None:
    """The lines that the first item of ``sources`` begins on and the last one ends on, from 0."""
    place = next((i for i, event in enumerate(events) if isinstance(event, yaml.MappingStartEvent)), None)
    if (
        place is None
        or events[place].flow_style
        or not isinstance(events[place - 1], yaml.DocumentStartEvent)
    ):
        return None
    place += 1
    while not isinstance(events[place], yaml.MappingEndEvent):
        key, value = events[place], _next(events, place)
        place = _next(events, value)
        if isinstance(key, yaml.ScalarEvent) and key.value == "sources":
            start = events[value]
            if not isinstance(start, yaml.SequenceStartEvent) or start.flow_style or place == value + 2:
                return None
            return events[value + 1].start_mark.line, _last_line(events[value + 1 : place - 1])
    return None


def _next(events: list[Any], place: int) -> int:
    """The place behind the node that begins at ``place``."""
    depth = 0
    while True:
        depth += isinstance(events[place], yaml.CollectionStartEvent)
        depth -= isinstance(events[place], yaml.CollectionEndEvent)
        place += 1
        if depth == 0:
            return place


def _last_line(events: list[Any]) -> int:
    """The line that the text of these events ends on. A block's own end mark stands where the next begins."""
    flows: list[bool] = []
    line = 0
    for event in events:
        if isinstance(event, yaml.CollectionStartEvent):
            flows.append(bool(event.flow_style))
        elif not isinstance(event, yaml.CollectionEndEvent) or flows.pop():
            mark = event.end_mark
            line = mark.line if mark.column else mark.line - 1
    return line


def _dash(lines: list[str], first: int) -> int | None:
    """The indent of the items' dashes; the first item's text may begin below its dash."""
    for line in reversed(lines[: first + 1]):
        if found := re.match(r"( *)-(\s|$)", line):
            return len(found[1])
        if line.strip() and line is not lines[first]:
            return None
    return None


def _dash_line(lines: list[str], last: int, indent: int) -> int:
    """The line of the dash of the item that ends on the line ``last``."""
    return next(i for i in range(last, -1, -1) if re.match(rf" {{{indent}}}-(\s|$)", lines[i]))


def _behind(lines: list[str], last: int, indent: int) -> int:
    """The line behind the last item and the comments that are its own or the list's, by their indent."""
    at = behind = last + 1
    while at < len(lines) and (not lines[at].strip() or lines[at].lstrip(" ").startswith("#")):
        at += 1
        if lines[at - 1].strip() and len(lines[at - 1]) - len(lines[at - 1].lstrip(" ")) >= max(indent, 1):
            behind = at
    return behind


def _holds(file: Path, made: str, text: str, entry: str) -> bool:
    """Whether ``made`` says what ``text`` says and the entry, and nothing else."""
    before, after = Document(file, text).data, Document(file, made).data
    return bool({**before, "sources": [*before["sources"], *Document(file, entry).data]} == after)
