"""Adds an entry to ``sources.yml`` and leaves every other byte of the file as it is.

A library that writes the whole file would change blanks and indents, and would put the new item behind the
comment of the key that follows.
"""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

import yaml

from launcher.config.document import Document
from launcher.config.faults import shown_path
from launcher.errors import ConfigurationError

_BREAK = re.compile(r"(?<=\n)|(?<=\r)(?!\n)")


def with_entry(file: Path, text: str, entry: str) -> str:
    """``text``, that of ``file``, with ``entry`` as the last item of its ``sources``.

    ``entry`` is YAML: a list of one item that begins at the margin, with comments as it likes. Raises
    ConfigurationError, with the entry to add by hand, where ``sources`` is no list with a line for each item.
    """
    made = _inserted(file, text, entry)
    if made is None or not _holds(file, made, text, entry):
        raise ConfigurationError(
            f"{shown_path(file)}: its sources are no list with '- ' and a line for each item",
            "add the entry by hand:\n" + entry.rstrip(),
        )
    return made


def _inserted(file: Path, text: str, entry: str) -> str | None:
    items = Document(file, text).node(("sources",))
    if not isinstance(items, yaml.SequenceNode) or items.flow_style or not items.value:
        return None
    lines = [line for line in _BREAK.split(text) if line]
    first = len(_BREAK.split(text[: items.value[0].start_mark.index])) - 1
    # An item's text may begin below its dash.
    dash = next((found for line in lines[first::-1] if (found := re.match(r"( *)-(\s|$)", line))), None)
    if dash is None:
        return None
    indent = len(dash[1])
    item, end, behind = _last_item(lines, first, indent)
    newline = "\r\n" if "\r\n" in text else "\n"
    added = textwrap.indent(entry.rstrip(), " " * indent).splitlines()
    if item != end:
        added.insert(0, "")  # entries of several lines stand apart
    if not _BREAK.search(lines[behind - 1]):
        lines[behind - 1] += newline
    return "".join([*lines[:behind], *(line + newline for line in added), *lines[behind:]])


def _last_item(lines: list[str], first: int, indent: int) -> tuple[int, int, int]:
    """The lines on which the last item begins and ends, and the last line of comments that belong to it or to
    the list by their indent. ``first`` is the line on which the first item's text begins.
    """
    item = end = behind = first + 1
    for number, line in enumerate(lines[first + 1 :], first + 2):
        text = line.lstrip(" ")
        own = len(line) - len(text)
        begins = own == indent and re.match(r"-(\s|$)", text)
        if text.startswith("#"):
            behind = number if own >= max(indent, 1) else behind
        elif own > indent or begins:
            item = number if begins else item
            end = behind = number
        elif text.strip():
            break
    return item, end, behind


def _holds(file: Path, made: str, text: str, entry: str) -> bool:
    """Whether ``made`` says what ``text`` says and the entry, and nothing else."""
    before = Document(file, text).data
    try:
        after = Document(file, made).data
    except ConfigurationError:  # the entry was put within an item
        return False
    return bool({**before, "sources": [*before["sources"], *Document(file, entry).data]} == after)
