"""A YAML file as plain data that remembers its lines.

YAML 1.1, which PyYAML reads, turns ``no`` into false, ``12:30:00`` into 45000 and ``0777`` into 511. Here a
value means what YAML 1.2 makes of it, and where the two differ in a way that nobody can guess, it is a fault.
"""

from __future__ import annotations

import contextlib
import math
import re
from pathlib import Path
from typing import Any

import yaml

from launcher.config import syntax
from launcher.config.faults import Fault, report, shown_path, text_of
from launcher.errors import ConfigurationError
from runner.contract import TIMESTAMP

LARGEST_FILE = 8 << 20
DEEPEST = 60
"""Levels of nesting; PyYAML's C parser overruns its stack at some ten thousand."""
MOST_NODES = 200_000
"""After aliases are expanded: a small file of aliases can stand for billions of values."""
MOST_TIMES = 10
"""A large file may stand for more than MOST_NODES: this many times the values that are written in it."""

_TAG = "tag:yaml.org,2002:"
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_ARGUMENTS = frozenset({"function_kwargs", "resource_kwargs"})
_TRUE_FALSE = ("true", "false")

PathKey = tuple[str | int, ...]


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def read_text(file: Path) -> str:
    """The file's text. Raises ConfigurationError: missing, unreadable, no file, too large, not UTF-8."""
    name = shown_path(file)
    with contextlib.suppress(OSError):  # then reading it says why
        if file.is_dir():
            raise ConfigurationError(f"{name} is a folder.", "Give the file itself: --file PATH/sources.yml")
        if file.exists() and not file.is_file():
            raise ConfigurationError(f"{name} is not a regular file.")
    try:
        return text_of(file, LARGEST_FILE)
    except FileNotFoundError:
        raise ConfigurationError(
            f"{name} does not exist.", "Write one, or give its place: --file PATH"
        ) from None


class Document:
    """A YAML file: ``data`` (dicts, lists and scalars that JSON knows), ``faults``, and lines by path.

    Raises ConfigurationError where the text is no YAML at all, nested too deeply or too large.
    """

    def __init__(self, file: Path, text: str) -> None:
        self.file = file
        self._found: list[tuple[yaml.Node, PathKey, str]] = []
        self._pairs: dict[int, list[tuple[str, yaml.Node, yaml.Node]]] = {}
        self._at: dict[PathKey, tuple[yaml.Node, yaml.Node]] = {}
        """By path: the node whose line is the path's (a mapping's key, a list's item), and the value."""
        self._text = text
        root, self._most = self._compose()
        self._left = self._most
        self.data: Any = None if root is None else self._plain(root, root, ())
        self.faults = [Fault(_line(node), self.dotted(path), wrong) for node, path, wrong in self._found]

    def _compose(self) -> tuple[yaml.Node | None, int]:
        """The file's root, and how many values it may stand for."""
        try:
            depth = written = 0
            for event in yaml.parse(self._text, Loader=yaml.CSafeLoader):
                if isinstance(event, (yaml.MappingStartEvent, yaml.SequenceStartEvent)):
                    depth += 1
                    if depth > DEEPEST:
                        mark: Any = event.start_mark
                        raise report(
                            self.file, [Fault(mark.line + 1, "", f"more than {DEEPEST} levels deep")]
                        )
                elif isinstance(event, (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
                    depth -= 1
                written += isinstance(event, yaml.NodeEvent)
            return yaml.compose(self._text, Loader=yaml.CSafeLoader), max(MOST_NODES, MOST_TIMES * written)
        except yaml.reader.ReaderError as error:
            position: Any = error.position
            line = self._text.count("\n", 0, max(0, position)) + 1
            fault = Fault(line, "", "a control character that YAML does not allow")
            raise report(self.file, [fault], "Remove the character, or write it as an escape.") from None
        except yaml.MarkedYAMLError as error:
            raise report(self.file, [syntax.fault_of(self._text, error)]) from None
        except (yaml.YAMLError, ValueError):
            raise report(self.file, [Fault(1, "", "is not YAML")]) from None

    def _count(self, node: yaml.Node) -> None:
        self._left -= 1
        if self._left < 0:
            text = f"more than {self._most} values once aliases are expanded"
            raise report(self.file, [Fault(_line(node), "", text)])

    def _plain(self, key: yaml.Node, node: yaml.Node, path: PathKey) -> Any:
        """The value at ``path``; ``key`` is the node whose line is the value's."""
        self._count(node)
        self._at[path] = key, node
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, path)
        if len(path) > DEEPEST:  # what is written is not so deep
            text = f"an alias that contains itself, or more than {DEEPEST} levels of aliases"
            raise report(self.file, [Fault(_line(node), "", text)])
        if node.tag not in (f"{_TAG}map", f"{_TAG}seq"):
            return self._unsupported(node, path)
        if isinstance(node, yaml.MappingNode):
            return {name: self._plain(k, v, (*path, name)) for name, k, v in self._mapping(node, path)}
        return [self._plain(item, item, (*path, i)) for i, item in enumerate(node.value)]

    def _unsupported(self, node: yaml.Node, path: PathKey) -> None:
        tag = node.tag.replace(_TAG, "!!")
        self._found.append((node, path, f"the tag {tag} is not supported; write plain YAML"))

    def _mapping(self, node: yaml.MappingNode, path: PathKey) -> list[tuple[str, yaml.Node, yaml.Node]]:
        """A mapping's keys and values, with those of merge keys (``<<``), over which its own keys win."""
        known = self._pairs.get(id(node))
        if known is not None:
            return known
        self._pairs[id(node)] = []
        own: dict[str, tuple[yaml.Node, yaml.Node]] = {}
        merged: dict[str, tuple[yaml.Node, yaml.Node]] = {}
        for key_node, value_node in node.value:
            if key_node.tag == f"{_TAG}merge":
                many = value_node.value if isinstance(value_node, yaml.SequenceNode) else [value_node]
                for one in many:
                    if not isinstance(one, yaml.MappingNode):
                        wrong = "<< takes an alias of a mapping, or a list of them"
                        self._found.append((key_node, path, wrong))
                        continue
                    for key, k, v in self._mapping(one, path):
                        self._count(key_node)
                        merged.setdefault(key, (k, v))
                continue
            name = self._key(key_node, path)
            if name in own:
                wrong = f"is a duplicate; first on line {_line(own[name][0])}"
                self._found.append((key_node, (*path, name), wrong))
            elif name is not None:
                own[name] = (key_node, value_node)
        pairs = [(name, k, v) for name, (k, v) in {**merged, **own}.items()]
        self._pairs[id(node)] = pairs
        return pairs

    def _key(self, node: yaml.Node, path: PathKey) -> str | None:
        if not isinstance(node, yaml.ScalarNode):
            self._found.append((node, path, "a key must be text, not a list or a mapping"))
            return None
        value = node.value
        yaml_11_word = node.tag == f"{_TAG}bool" and value.lower() not in _TRUE_FALSE
        if node.tag not in (f"{_TAG}str", f"{_TAG}value") and not yaml_11_word:
            # shown where the text is plainly no secret
            shown = f': "{value}"' if re.fullmatch(r"[\w.:+-]{1,12}", value) else ""
            self._found.append((node, path, f"a key must be text: write it in quotes{shown}"))
            return None
        return str(value)

    def _scalar(self, node: yaml.ScalarNode, path: PathKey) -> Any:
        value: str = node.value
        kind = node.tag.removeprefix(_TAG)
        try:
            if kind in ("str", "value", "merge"):
                return value
            if kind == "null":
                return None
            if kind == "bool":
                return _truth(value, path)
            if kind == "int":
                return _integer(value)
            if kind == "float":
                return _real(value)
            if kind == "timestamp":
                said = self._text.startswith(TIMESTAMP.strip(), node.start_mark.index)
                arguments = not _ARGUMENTS.isdisjoint(path)
                return f"{TIMESTAMP}{_timestamp(node)}" if said and arguments else _timestamp(node)
        except (_Ambiguous, ValueError, OverflowError) as error:
            unreadable = "can't be read as the value that it looks like; write it in quotes"
            self._found.append((node, path, str(error) if isinstance(error, _Ambiguous) else unreadable))
            return None
        return self._unsupported(node, path)

    def node(self, path: PathKey) -> yaml.Node | None:
        """The node at ``path``, or None."""
        return self._at[path][1] if path in self._at else None

    def line(self, path: PathKey) -> int:
        """The line of the key at ``path``, or of the nearest thing around it that the file holds."""
        while path and path not in self._at:
            path = path[:-1]
        return _line(self._at[path][0]) if path else 1

    def dotted(self, path: PathKey) -> str:
        """``sources.jira.container.memory``: an entry of ``sources`` by its name, other items as ``[n]``."""
        text = ""
        for i, step in enumerate(path):
            name = self.node((*path[:2], "name")) if i == 1 and path[0] == "sources" else None
            if isinstance(name, yaml.ScalarNode) and name.value:
                text += f".{name.value}"
            elif isinstance(step, int):
                text += f"[{step}]"
            else:
                text += f".{step}" if text else step
        return text


class _Ambiguous(Exception):
    """A scalar whose meaning depends on who reads it."""


def _truth(value: str, path: PathKey) -> bool:
    word = value.lower()
    if word in _TRUE_FALSE or path[-1:] == ("enabled",):
        return word in ("true", "yes", "on")
    meant = "true" if word in ("yes", "on") else "false"
    raise _Ambiguous(
        f'{value} is {meant} to YAML 1.1 and text to YAML 1.2: write {meant}, or "{value}" in quotes'
    )


def _integer(value: str) -> int | str:
    if ":" in value:
        return value  # base 60 to YAML 1.1; a time or a pair of ports to everyone else
    digits = value.replace("_", "").lstrip("+-")
    if len(digits) > 1 and digits[0] == "0" and digits.isdigit():
        raise _Ambiguous(f"{value} is octal to YAML 1.1: write it in quotes, or without the leading zero")
    return int(value.replace("_", ""), 0)


def _real(value: str) -> float | str:
    if ":" in value:
        return value
    if value.lower().lstrip("+-") in (".inf", ".nan") or not math.isfinite(float(value.replace("_", ""))):
        raise _Ambiguous("must be a finite number")
    return float(value.replace("_", ""))


def _timestamp(node: yaml.ScalarNode) -> str:
    value = yaml.constructor.SafeConstructor().construct_yaml_timestamp(node)
    return str(node.value) if _DATE.fullmatch(node.value) else str(value.isoformat())
