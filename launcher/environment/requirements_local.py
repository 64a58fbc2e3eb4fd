"""Local packages: their content's digest, and a copy of what a build may see of them."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from launcher.environment import LocalPackage
from launcher.environment.requirement import Requirement
from launcher.errors import ConfigurationError

_LEFT_OUT = frozenset(
    {
        "__pycache__",
        ".git",
        ".hg",
        ".venv",
        "venv",
        ".tox",
        ".mypy_cache",
        ".ruff_cache",
        ".pytest_cache",
        "node_modules",
    }
)
_SECRETS = frozenset({".env", "secrets.toml"})
"""Never part of a package: they would end in an image."""


def split_extras(text: str) -> tuple[str, str]:
    """``./packages/erp[pdf]`` to its path and ``[pdf]``, which may be empty."""
    path, bracket, rest = text.partition("[")
    return path.strip(), bracket + rest


def find(requirement: Requirement, root: Path) -> LocalPackage:
    """The local package that a requirement such as ``./packages/erp`` names.

    Raises ConfigurationError: not there, outside the project, neither a project folder nor a wheel or sdist.
    """
    path = split_extras(requirement.text)[0]
    target = (root / Path(path).expanduser()).resolve()
    if not target.is_relative_to(root.resolve()):
        raise ConfigurationError(
            f"{requirement.origin}: '{path}' lies outside the project {root}",
            "put the package below the project's folder, or name it by git+https://…",
        )
    if not target.exists():
        raise ConfigurationError(
            f"{requirement.origin}: '{path}' is not there", "the path is relative to sources.yml"
        )
    if target.is_dir() and not any((target / name).is_file() for name in ("pyproject.toml", "setup.py")):
        raise ConfigurationError(
            f"{requirement.origin}: '{path}' has neither pyproject.toml nor setup.py",
            "code without a project file belongs into custom_sources/",
        )
    if target.is_file() and target.suffix not in (".whl", ".zip", ".gz"):
        raise ConfigurationError(
            f"{requirement.origin}: '{path}' is no package", "give a folder, a wheel or an sdist"
        )
    return LocalPackage(str(target.relative_to(root.resolve())), content_digest(target))


def content_digest(target: Path) -> str:
    """SHA-256, as hex, of a file, or of a folder's files with their paths and executable bits."""
    digest = hashlib.sha256()
    if target.is_file():
        digest.update(target.read_bytes())
        return digest.hexdigest()
    for file in _files(target):
        mode = b"x" if os.access(file, os.X_OK) else b"-"
        content = str(file.readlink()).encode() if file.is_symlink() else file.read_bytes()
        digest.update(
            str(file.relative_to(target)).encode() + b"\0" + mode + hashlib.sha256(content).digest()
        )
    return digest.hexdigest()


def copy(target: Path, to: Path) -> None:
    """What ``content_digest`` counts, and nothing else, to the place ``to``."""
    if target.is_file():
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(target, to)
        return
    to.mkdir(parents=True, exist_ok=True)
    for file in _files(target):
        place = to / file.relative_to(target)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(file, place, follow_symlinks=False)


def _files(folder: Path) -> Iterator[Path]:
    """The folder's files and links, in one order whatever the file system's."""
    for current, folders, files in os.walk(folder):
        folders[:] = sorted(n for n in folders if n not in _LEFT_OUT and not n.endswith(".egg-info"))
        for name in sorted(files):
            if name not in _SECRETS and not name.endswith(".pyc"):
                yield Path(current, name)
        for name in list(folders):
            if Path(current, name).is_symlink():
                folders.remove(name)
                yield Path(current, name)
