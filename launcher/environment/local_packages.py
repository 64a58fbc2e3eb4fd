"""Local packages: their content's digest, and a copy of what a build may see of them."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from launcher.environment.values import LocalPackage, Requirement
from launcher.errors import ConfigurationError
from launcher.untrusted import files as foreign_files

_LEFT_OUT = frozenset(
    {
        *("__pycache__", ".git", ".hg", ".venv", "venv", ".tox", "node_modules"),
        *(".mypy_cache", ".ruff_cache", ".pytest_cache"),
        # What holds secrets, or what runs have left: it would end in an image.
        *(".dltpod", ".dlt", "secrets.toml", ".netrc", ".pypirc"),
    }
)
"""Names, in lower case, that are never part of a package, whatever folder they are in; nor is ``.env*``."""
_PROJECTS_OWN = (".dltpod", ".dlt", ".dlt/secrets.toml", ".env", "data", "locks")
"""Left out only in the project's root: a package may have a ``data`` folder of its own."""


def split_extras(text: str) -> tuple[str, str]:
    """``./packages/erp[pdf]`` to its path and ``[pdf]``, which may be empty."""
    path, bracket, rest = text.partition("[")
    return path.strip(), bracket + rest


def find(requirement: Requirement, root: Path) -> LocalPackage:
    """The local package that a requirement such as ``./packages/erp`` names.

    Raises ConfigurationError: not there, outside the project, neither a project folder nor a wheel or sdist.
    """
    path = split_extras(requirement.text)[0]
    top = root.resolve()
    try:
        target = (root / Path(path).expanduser()).resolve()
    except (OSError, RuntimeError, ValueError):  # a ring of links, a user that does not exist
        target = None
    within = requirement.within
    if within is not None and (target is None or (target != within and within not in target.parents)):
        raise ConfigurationError(
            f"{requirement.shown} names a path outside its package's own folder",
            "put the package below that, or name it in container.requirements of sources.yml",
        )
    if target is None or not target.is_relative_to(top):
        raise ConfigurationError(
            f"{requirement.shown} lies outside the project {root}",
            "put the package below the project's folder, or name it by git+https://…",
        )
    if not target.exists():
        raise ConfigurationError(
            f"{requirement.shown} does not exist",
            "the path is relative to " + ("sources.yml" if within is None else "the file that names it"),
        )
    if target.is_dir() and not any((target / name).is_file() for name in ("pyproject.toml", "setup.py")):
        raise ConfigurationError(
            f"{requirement.shown} has neither pyproject.toml nor setup.py",
            "code without a project file belongs into custom_sources/",
        )
    if not target.is_dir() and (not target.is_file() or target.suffix not in (".whl", ".zip", ".gz")):
        raise ConfigurationError(f"{requirement.shown} is no package", "give a folder, a wheel or an sdist")
    return LocalPackage(str(target.relative_to(top)), content_digest(target, root))


def content_digest(target: Path, root: Path) -> str:
    """SHA-256, as hex, of a file, or of a folder's files with their paths and executable bits.

    ``root``: the project's, whose secrets, state and data are no part of any package.
    """
    digest = hashlib.sha256()
    if target.is_file():
        return _file_digest(target).hex()
    for file in _files(target, root):
        mode = b"x" if os.access(file, os.X_OK) else b"-"
        link = file.is_symlink()
        content = hashlib.sha256(str(file.readlink()).encode()).digest() if link else _file_digest(file)
        digest.update(str(file.relative_to(target)).encode() + b"\0" + mode + content)
    return digest.hexdigest()


def _file_digest(file: Path) -> bytes:
    digest = hashlib.sha256()
    with os.fdopen(foreign_files.open_regular(file, follow=False), "rb") as stream:
        while part := stream.read(1 << 20):
            digest.update(part)
    return digest.digest()


def copy(target: Path, to: Path, root: Path) -> None:
    """What ``content_digest`` counts, and nothing else, to the place ``to``. No link is followed."""
    if target.is_file():
        to.parent.mkdir(parents=True, exist_ok=True)
        _copy_file(target, to)
        return
    to.mkdir(parents=True, exist_ok=True)
    for file in _files(target, root):
        place = to / file.relative_to(target)
        place.parent.mkdir(parents=True, exist_ok=True)
        if file.is_symlink():
            place.symlink_to(file.readlink())
        else:
            _copy_file(file, place)


def _copy_file(file: Path, to: Path) -> None:
    with (
        os.fdopen(foreign_files.open_regular(file, follow=False), "rb") as stream,
        to.open("xb") as copied,
    ):
        found = os.fstat(stream.fileno())
        shutil.copyfileobj(stream, copied, 1 << 20)
        os.fchmod(copied.fileno(), stat.S_IMODE(found.st_mode) & 0o777)
    os.utime(to, ns=(found.st_atime_ns, found.st_mtime_ns))


def _files(folder: Path, root: Path) -> Iterator[Path]:
    """The folder's files and links, in one order whatever the file system's; no FIFO, socket or device."""
    own = set()
    for name in _PROJECTS_OWN:
        with contextlib.suppress(OSError):
            # By device and inode, because a name may be a link to another place of the project.
            own.add(_file_id((root / name).stat()))

    def counts(place: Path) -> bool:
        name = place.name.lower()
        if name in _LEFT_OUT or name.startswith(".env") or name.endswith((".pyc", ".egg-info")):
            return False
        found = place.lstat()
        usual = stat.S_ISDIR(found.st_mode) or stat.S_ISREG(found.st_mode) or stat.S_ISLNK(found.st_mode)
        return usual and _file_id(found) not in own

    for current, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if counts(Path(current, name)))
        for name in sorted(files):
            if counts(Path(current, name)):
                yield Path(current, name)
        for name in list(folders):
            if Path(current, name).is_symlink():
                folders.remove(name)
                yield Path(current, name)


def _file_id(found: os.stat_result) -> tuple[int, int]:
    return found.st_dev, found.st_ino
