"""Reads the code of sources without running it."""

from __future__ import annotations

import ast
import functools
import os
import shlex
import threading
import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from launcher.config.faults import shown_path
from launcher.config.models import Project
from launcher.untrusted import files

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Module:
    """A file of ``custom_sources/``. ``tree`` is None if it isn't valid Python; then ``error`` says why."""

    file: Path
    tree: ast.Module | None
    error: str = ""
    line: int = 0
    hint: str = ""

    @functools.cached_property
    def _nodes(self) -> tuple[ast.AST, ...]:
        return tuple(ast.walk(self.tree)) if self.tree is not None else ()

    @functools.cached_property
    def names(self) -> Names:
        """What its top level defines; nothing where it is no Python."""
        return _names_of(self.tree.body if self.tree is not None else ())

    @functools.cached_property
    def asked(self) -> tuple[tuple[str, int], ...]:
        """Paths that it asks dlt for, ``dlt.secrets["a.b"]`` or ``dlt.config.get("a.b")``, and lines."""
        found = []
        for node in self._nodes:
            match node:
                case ast.Subscript(
                    ast.Attribute(ast.Name("dlt"), "secrets" | "config"), ast.Constant(str(path)) as key
                ) | ast.Call(
                    ast.Attribute(ast.Attribute(ast.Name("dlt"), "secrets" | "config"), "get"),
                    [ast.Constant(str(path)) as key, *_],
                ):
                    found.append((path, key.lineno))
        return tuple(found)

    @functools.cached_property
    def imports(self) -> tuple[ast.Import | ast.ImportFrom, ...]:
        """Its import statements, wherever they are."""
        return tuple(node for node in self._nodes if isinstance(node, (ast.Import, ast.ImportFrom)))

    @functools.cached_property
    def parameters(self) -> frozenset[str]:
        """Names of its functions' parameters, without names that a resource may have too."""
        found: set[str] = set()
        resources: set[str] = set()
        for node in self._nodes:
            match node:
                case ast.FunctionDef(name, arguments) | ast.AsyncFunctionDef(name, arguments):
                    resources.add(name)
                    every = (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)
                    found |= {argument.arg for argument in every}
                case ast.keyword("name", ast.Constant(name)):
                    resources.add(str(name))
        return frozenset(found - resources)


def custom_file(project: Project, module: str) -> Path | None:
    """The file of a custom module: ``a/b.py`` or ``a/b/__init__.py`` in ``custom_sources/`` for ``a.b``.

    For a folder without ``__init__.py`` (a namespace package), the folder; also for one that can't be entered
    or listed, which ``read_module`` tells. None if nothing exists.
    """
    parts = module.split(".")
    if not all(part.isidentifier() for part in parts):
        return None
    place = f"{project.custom_sources}/{'/'.join(parts)}"
    for candidate in (f"{place}/__init__.py", f"{place}.py"):
        if os.path.isfile(candidate):  # noqa: PTH113 - asked several times of each source
            return Path(candidate)
    try:
        return Path(place) if any(name.endswith(".py") for name in _listed(place)) else None
    except PermissionError:
        return Path(place)
    except OSError:
        return None


def _listed(folder: str | Path) -> list[str]:
    """The names in a folder that can be entered, too. Raises OSError."""
    return os.listdir(f"{folder}/.")  # noqa: PTH208 - Path leaves out the dot, which takes the right to enter


def read_module(file: Path) -> Module:
    """The file's syntax tree, or why there is none. Raises nothing and imports nothing."""
    try:
        if file.is_dir():
            _listed(file)
            return Module(file, ast.Module([], []))
        found = file.stat()
        return _parsed(file, found.st_mtime_ns, found.st_size)
    except OSError as error:
        return _unreadable(file, error)  # not kept: a chmod that mends it changes no time


def _unreadable(file: Path, error: OSError) -> Module:
    hint = ""
    if isinstance(error, PermissionError):
        closed = [folder for folder in file.parents if not os.path.isdir(f"{folder}/.")]  # noqa: PTH112 - as above
        place = closed[-1] if closed else file
        hint = f"chmod {'a+r' if place.is_file() else '-R a+rX'} {shlex.quote(shown_path(place))}"
    return Module(file, None, f"can't be read: {error.strerror or type(error).__name__}", hint=hint)


_PARSING = threading.Lock()


@functools.lru_cache(maxsize=64)
def _parsed(file: Path, changed: int, size: int) -> Module:
    try:
        text = files.read(file)
        # Several threads plan at once: CPython 3.11's parser miscounts when two parse (gh-106905), and
        # the warnings filter is one for all.
        with _PARSING, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return Module(file, ast.parse(text, filename=file.name))
    except SyntaxError as error:
        # Of the parser's messages, this one alone shows a word of the file.
        why = "unknown encoding" if "encoding" in error.msg else error.msg
        return Module(file, None, f"syntax error: {why}", error.lineno or 0)
    except (ValueError, RecursionError, MemoryError) as error:
        return Module(file, None, f"can't be read: {type(error).__name__}")


@dataclass
class Names:
    """Top-level names of a module. ``functions`` are defined there; ``imported`` come from elsewhere."""

    functions: dict[str, Function] = field(default_factory=dict)
    assigned: dict[str, ast.expr | None] = field(default_factory=dict)
    classes: set[str] = field(default_factory=set)
    imported: dict[str, str] = field(default_factory=dict)
    """Name to the last part of the module it comes from."""
    dynamic: bool = False
    """Whether it may define names that can't be read from its text: ``import *``, ``__getattr__``."""


def _names_of(body: Iterable[ast.stmt]) -> Names:
    """What statements define, with those in branches of ``if``, ``try`` and ``with``."""
    names = Names()
    todo = list(body)
    while todo:
        node = todo.pop(0)
        if isinstance(node, Function):
            names.functions[node.name] = node
            names.dynamic |= node.name == "__getattr__"
        elif isinstance(node, ast.ClassDef):
            names.classes.add(node.name)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            origin = (node.module or "") if isinstance(node, ast.ImportFrom) else ""
            for alias in node.names:
                names.dynamic |= alias.name == "*"
                name = alias.asname or alias.name.split(".")[0]
                names.imported[name] = (origin or alias.name).split(".")[-1]
        elif isinstance(node, ast.Assign):
            for part in (part for target in node.targets for part in ast.walk(target)):
                if isinstance(part, ast.Name):
                    names.assigned[part.id] = node.value
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names.assigned[node.target.id] = node.value
        else:
            for field_name in ("body", "orelse", "finalbody"):
                todo.extend(getattr(node, field_name, []))
            for handler in getattr(node, "handlers", []):
                todo.extend(handler.body)
    return names


_SAY_SECTIONS = {
    **dict.fromkeys(("source", "clone", "with_args"), ("section", "name")),
    **dict.fromkeys(("resource", "transformer"), ("section",)),
}


def sections_for(project: Project, module: str, function: str) -> tuple[tuple[str, ...], frozenset[str]]:
    """Names of the sections that dlt looks up for a source, ``[sources.<one of these>]``, and of parameters.

    dlt takes the last part of the module's name, ``__source_name__`` if the module has one, and what the
    decorator says (``section=``, and ``name=`` from dlt 1.31 on), or a copy (``.clone``, ``.with_args``). For
    a function imported from a submodule, it takes the submodule's name. The same holds for the sources that
    the function calls. The parameters are ``Module.parameters``, none where the module isn't a custom one.
    """
    file = custom_file(project, module)
    last = module.rpartition(".")[2]
    if file is None:
        return (last,), frozenset()
    read = read_module(file)
    return _sections_of(read, last, function), read.parameters


@functools.lru_cache(maxsize=64)
def _sections_of(module: Module, last: str, function: str) -> tuple[str, ...]:
    names = module.names
    found = [last]
    said = names.assigned.get("__source_name__")
    if isinstance(said, ast.Constant) and isinstance(said.value, str):
        found.append(said.value)
    if function in names.imported:
        found.append(names.imported[function])
    todo = [function]
    for name in todo:  # what is found is added
        node = names.functions.get(name) or names.assigned.get(name)
        if node is not None:
            found += _sections_said(node, names.imported)
            used = {inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name)}
            todo += sorted((used & {*names.functions, *names.assigned}) - {*todo})
    return tuple(dict.fromkeys(name for name in found if name))


def _sections_said(node: ast.AST, imported: Mapping[str, str]) -> Iterator[str]:
    """What a function or an expression says of sections, and the modules of the functions that it calls."""
    within = _names_of(node.body).imported if isinstance(node, Function) else {}
    for call in ast.walk(node):
        if not isinstance(call, ast.Call):
            continue
        called = call.func
        if isinstance(called, ast.Name) and (module := {**imported, **within}.get(called.id)):
            yield module
        word = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
        asked = _SAY_SECTIONS.get(word, ())
        for keyword in call.keywords:
            if keyword.arg in asked and isinstance(keyword.value, ast.Constant):
                yield str(keyword.value.value)
