"""Which of a project's files belong to which source. Reads code and links, and runs nothing."""

from __future__ import annotations

import ast
import contextlib
import os
import re
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

from launcher.config.models import Project, Source
from launcher.config.rules import mount_source
from launcher.environment import local_packages, requirement_files
from launcher.environment.verified_sources import FOLDER, local_folder
from launcher.errors import ConfigurationError
from launcher.secrets import code

_UNREADABLE = frozenset({"importlib", "__import__", "exec", "eval", "runpy", "pkgutil", "imp"})
"""Code that names one of these may import anything."""
_LINKS = 40
"""The longest chain of links that is followed, as on Linux."""
_SHARED = (".env", ".dlt/secrets.toml", ".dlt/config.toml", ".dango/project.yml")
_NOT_CODE = frozenset({"__pycache__", ".git", "README.md"})


class ChangedFiles:
    """The absolute paths that a change adds, modifies or deletes, as git reports them."""

    def __init__(self, project: Project, paths: frozenset[Path]) -> None:
        self._project = project
        self._root = project.root.resolve()
        self._custom = self._root / project.custom_sources.relative_to(project.root)
        self._paths = paths
        self._above = frozenset(parent for path in paths for parent in path.parents)
        self._named: dict[str, frozenset[str]] = {}

    def concern_all(self) -> bool:
        """Whether they change what all sources share, sources.yml itself left out."""
        places = [self._root / name for name in _SHARED]
        # The file is compared entry by entry, but a link on the way to it is one to another file.
        places.append(self._root / os.path.relpath(self._project.file, self._project.root))
        return any(self._changed(place) for place in places)

    def concern(self, source: Source) -> bool:
        """Whether they change this source's own files, or what its code uses of ``custom_sources/``."""
        return any(self._changed(place) for place in self._places(source)) or self._code(source)

    def _changed(self, place: Path) -> bool:
        """Whether a changed path is the place, lies in it, or held it: a submodule is one path to git."""
        return any(
            hop in self._paths or hop in self._above or not self._paths.isdisjoint(hop.parents)
            for hop in _hops(place)
        )

    def _places(self, source: Source) -> list[Path]:
        """The source's files outside ``custom_sources/``: lock, mounts, local packages, verified sources."""
        places = [self._root / "locks" / f"{source.name}.txt"]
        places += [mount_source(self._root, mount) for mount in source.container.mounts]
        location = local_folder(self._project.verified_sources, self._root)
        if location is not None:
            names = (source.dlt_native.source_module.split(".")[0], *source.container.extras)
            places += [location / FOLDER / name for name in names]
        asked = list(source.container.requirements)
        module = source.dlt_native.source_module
        # A file of the source's own that can't be read is reported by its run.
        with contextlib.suppress(ConfigurationError):
            found = requirement_files.of_module(self._custom, module, root=self._root)
            asked += [requirement.text for requirement in found]
        for text in asked:
            if requirement_files.is_path(text):
                places.append(self._root / Path(local_packages.split_extras(text)[0]).expanduser())
        return places

    def _code(self, source: Source) -> bool:
        changed = self._names_changed
        head = source.dlt_native.source_module.split(".")[0]
        if head in changed or "" in changed:
            return True
        if not changed or not ((self._custom / f"{head}.py").exists() or (self._custom / head).exists()):
            return False
        # Any source may use a helper that lies beside the modules, in any way.
        modules = {s.dlt_native.source_module.split(".")[0] for s in self._project.sources}
        if not changed <= modules:
            return True
        used = self._used_by(head)
        return used is None or not used.isdisjoint(changed)

    @cached_property
    def _names_changed(self) -> frozenset[str]:
        """Modules of ``custom_sources/`` that changed; of what is no module (``a.sql``), the file's name.

        Empty text stands for the folder as a whole.
        """
        links = [(link, list(_hops(link))) for link in _links(self._custom, frozenset())]
        found = set()
        for path in self._paths:
            for place in (path, *_by_links(path, links)):
                if place == self._custom or place in self._custom.parents:
                    found.add("")
                elif self._custom in place.parents:
                    parts = place.relative_to(self._custom).parts
                    if parts[0] not in _NOT_CODE:
                        found.add(parts[0].removesuffix(".py") if len(parts) == 1 else parts[0])
        return frozenset(found)

    def _used_by(self, head: str) -> frozenset[str] | None:
        """Names in ``custom_sources/`` that a module's code may use in any way; None if it may use all."""
        used: set[str] = set()
        todo = {head}
        while todo:
            name = todo.pop()
            used.add(name)
            named = self._named_in(name)
            if not named.isdisjoint(_UNREADABLE):
                return None
            todo |= (named & self._known) - used
        return frozenset(used)

    @cached_property
    def _known(self) -> frozenset[str]:
        """All names of ``custom_sources/``, also those of modules that are gone."""
        names = {entry.name.removesuffix(".py") for entry in self._custom.iterdir()}
        return frozenset(names | self._names_changed)

    def _named_in(self, name: str) -> frozenset[str]:
        """What in a module's code may name another module: imported names, and words in its texts."""
        if name in self._named:
            return self._named[name]
        single = self._custom / f"{name}.py"
        words: set[str] = set()
        for file in (*(self._custom / name).rglob("*.py"), *([single] if single.is_file() else [])):
            tree = code.read_module(file).tree
            words |= _words(tree) if tree is not None else _UNREADABLE
        return self._named.setdefault(name, frozenset(words))


def _words(tree: ast.Module) -> set[str]:
    found: set[str] = set()
    remarks = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {part for alias in node.names for part in alias.name.split(".")}
        elif isinstance(node, ast.ImportFrom):
            found |= {*(node.module or "").split("."), *(alias.name for alias in node.names)}
        elif isinstance(node, ast.Name) and node.id in _UNREADABLE:
            found.add(node.id)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in remarks:
            found |= set(re.findall(r"\w+", node.value))
    return found


def _links(folder: Path, above: frozenset[Path]) -> Iterator[Path]:
    """The folder if it is a link, and every link below it, also within linked folders."""
    if folder.is_symlink():
        yield folder
    real = folder.resolve()
    if real in above:
        return  # a ring
    try:
        entries = sorted(Path(entry.path) for entry in os.scandir(folder))
    except OSError:
        return
    for entry in entries:
        if entry.is_dir():
            if entry.name not in _NOT_CODE:
                yield from _links(entry, above | {real})
        elif entry.is_symlink():
            yield entry


def _by_links(path: Path, links: list[tuple[Path, list[Path]]]) -> Iterator[Path]:
    """The names that a path has by links."""
    for link, hops in links:
        for hop in hops:
            if path == hop or hop in path.parents:
                yield link / path.relative_to(hop)
            elif path in hop.parents:
                yield link


def _hops(place: Path) -> Iterator[Path]:
    """The place, each link that it leads through, and where it ends."""
    here = Path(os.path.normpath(place))
    yield here
    # A ring of links leads nowhere: an error until Python 3.12, and then a path.
    with contextlib.suppress(OSError, RuntimeError):
        yield here.resolve()
        for _ in range(_LINKS):
            if not here.is_symlink():
                break
            here = Path(os.path.normpath(here.parent.resolve() / here.readlink()))
            yield here
