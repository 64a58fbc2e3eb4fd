"""Reads a custom source's file without running it."""

from __future__ import annotations

import ast
import functools
import os
import shlex
import threading
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from launcher.config.faults import shown_path
from launcher.config.models import Project
from launcher.untrusted import files


@dataclass(frozen=True)
class Module:
    """A file of ``custom_sources/``. ``tree`` is None if it isn't valid Python; then ``error`` says why."""

    file: Path
    tree: ast.Module | None
    error: str = ""
    line: int = 0
    hint: str = ""

    @functools.cached_property
    def names(self) -> Names:
        """What its top level defines; nothing where it is no Python."""
        return _names_of(self.tree) if self.tree is not None else Names()

    @functools.cached_property
    def asked(self) -> tuple[tuple[str, int], ...]:
        """Places that it asks by path, ``dlt.secrets["a.b"]`` or ``dlt.config.get("a.b")``, and lines."""
        return tuple(_asked_by(self.tree)) if self.tree is not None else ()

    @functools.cached_property
    def imports(self) -> tuple[ast.Import | ast.ImportFrom, ...]:
        """Its import statements, wherever they are."""
        nodes = ast.walk(self.tree) if self.tree is not None else ()
        return tuple(node for node in nodes if isinstance(node, (ast.Import, ast.ImportFrom)))

    @functools.cached_property
    def parameters(self) -> frozenset[str]:
        """Names of its functions' parameters, without names that a resource may have too."""
        return _parameters_of(self.tree) if self.tree is not None else frozenset()


def custom_file(project: Project, module: str) -> Path | None:
    """The file of a custom module: ``a/b.py`` or ``a/b/__init__.py`` in ``custom_sources/`` for ``a.b``.

    For a folder without ``__init__.py`` (a namespace package), the folder. None if nothing exists.
    """
    parts = module.split(".")
    if not all(part.isidentifier() for part in parts):
        return None
    place = f"{project.custom_sources}/{'/'.join(parts)}"
    for candidate in (f"{place}/__init__.py", f"{place}.py"):
        if os.path.isfile(candidate):  # noqa: PTH113 - asked several times of each source
            return Path(candidate)
    folder = Path(place)
    return folder if folder.is_dir() and any(folder.glob("*.py")) else None


def read_module(file: Path) -> Module:
    """The file's syntax tree. Never raises; never imports."""
    if file.is_dir():
        return Module(file, ast.Module([], []))
    try:
        found = file.stat()
    except OSError as error:
        return Module(file, None, f"can't be read: {type(error).__name__}")
    return _parsed(file, found.st_mtime_ns, found.st_size)


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
    except OSError as error:
        why = f"can't be read: {error.strerror or type(error).__name__}"
        closed = isinstance(error, PermissionError)
        return Module(file, None, why, hint=f"chmod a+r {shlex.quote(shown_path(file))}" if closed else "")
    except (ValueError, RecursionError, MemoryError) as error:
        return Module(file, None, f"can't be read: {type(error).__name__}")


@dataclass(frozen=True)
class Names:
    """Top-level names of a module. ``functions`` are defined there; ``imported`` come from elsewhere."""

    functions: dict[str, ast.FunctionDef | ast.AsyncFunctionDef] = field(default_factory=dict)
    assigned: dict[str, ast.expr | None] = field(default_factory=dict)
    classes: frozenset[str] = frozenset()
    imported: dict[str, str] = field(default_factory=dict)
    """Name to the last part of the module it comes from."""
    dynamic: bool = False
    """Whether it may define names that can't be read from its text: ``import *``, ``__getattr__``."""


def _names_of(tree: ast.Module) -> Names:
    """What a module's top level defines, branches of ``if``, ``try`` and ``with`` included."""
    functions: dict[str, ast.FunctionDef | ast.AsyncFunctionDef] = {}
    assigned: dict[str, ast.expr | None] = {}
    classes: set[str] = set()
    imported: dict[str, str] = {}
    dynamic = False
    todo: list[ast.stmt] = list(tree.body)
    while todo:
        node = todo.pop(0)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            functions[node.name] = node
            dynamic = dynamic or node.name == "__getattr__"
        elif isinstance(node, ast.ClassDef):
            classes.add(node.name)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            origin = (node.module or "") if isinstance(node, ast.ImportFrom) else ""
            for alias in node.names:
                dynamic = dynamic or alias.name == "*"
                imported[alias.asname or alias.name.split(".")[0]] = (origin or alias.name).split(".")[-1]
        elif isinstance(node, ast.Assign):
            for target in node.targets:
                for name in ast.walk(target):
                    if isinstance(name, ast.Name):
                        assigned[name.id] = node.value
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            assigned[node.target.id] = node.value
        else:
            for part in ("body", "orelse", "finalbody"):
                todo.extend(getattr(node, part, []))
            for handler in getattr(node, "handlers", []):
                todo.extend(handler.body)
    return Names(functions, assigned, frozenset(classes), imported, dynamic)


_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_SAY_SECTIONS = {
    **dict.fromkeys(("source", "clone", "with_args"), ("section", "name")),
    **dict.fromkeys(("resource", "transformer"), ("section",)),
}


def sections_for(project: Project, module: str, function: str) -> tuple[tuple[str, ...], frozenset[str]]:
    """Names of the sections that dlt looks up for a source, ``[sources.<one of these>]``, and of parameters.

    dlt takes the last part of the module's name, ``__source_name__`` if the module says one, and what the
    decorator says (``section=``, and ``name=`` from dlt 1.31 on), or a copy (``.clone``, ``.with_args``); a
    function imported from a submodule has that one's name. The same holds for the sources that it calls. The
    parameters are those of a custom module's functions, without those that may be a resource's as well.
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
    within = _names_of(ast.Module(node.body, [])).imported if isinstance(node, _FUNCTIONS) else {}
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


def _asked_by(tree: ast.Module) -> Iterator[tuple[str, int]]:
    for node in ast.walk(tree):
        place, key = None, None
        if isinstance(node, ast.Subscript):
            place, key = node.value, node.slice
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "get":
            place, key = node.func.value, node.args[0] if node.args else None
        if (
            isinstance(place, ast.Attribute)
            and place.attr in ("secrets", "config")
            and isinstance(place.value, ast.Name)
            and place.value.id == "dlt"
            and isinstance(key, ast.Constant)
            and isinstance(key.value, str)
        ):
            yield key.value, key.lineno


def _parameters_of(tree: ast.Module) -> frozenset[str]:
    found: set[str] = set()
    resources: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            resources.add(node.name)
            found |= {arg.arg for arg in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)}
        elif isinstance(node, ast.keyword) and node.arg == "name" and isinstance(node.value, ast.Constant):
            resources.add(str(node.value.value))
    return frozenset(found - resources)
