"""Moves an installation from the cache's disk into /opt/venv, compiled, each file written once.

    place.py seed PREFIX        what is installed already, for uv to see in PREFIX
    place.py move PREFIX CACHE  what uv changed there, into /opt/venv

A layer's file system is slow to write: each call on fuse-overlayfs goes through a process. So uv
installs into a prefix beside its wheel cache, by hard links, and nothing but the finished files, their
times already right, goes into the layer. Bytecode is kept in CACHE by content: a module is compiled once
for all builds. It is unchecked: nothing looks at its source's time again, as each start would.

A wheel may bring files for any place below the prefix. Those that would get beside the interpreter, or in
its place, are refused: dltpod starts it with more rights than a package has. This file itself is run by the
base image's interpreter, which reads nothing of /opt/venv.
"""

import hashlib
import importlib.util
import multiprocessing
import os
import py_compile
import shutil
import stat
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import NoReturn

VENV = Path("/opt/venv")
_PYTHON = "python{}.{}".format(*sys.version_info)
SITE = VENV / "lib" / _PYTHON / "site-packages"
TIME = int(os.environ.get("SOURCE_DATE_EPOCH") or 0)
BATCH = 100
_TOP = ("bin", "doc", "docs", "etc", "include", "lib", "man", "share")
"""Where packages have files, besides ``site-packages``."""
_SETTINGS = ("._pth", ".cfg", ".txt")
"""How the names end that CPython looks for beside its executable (Modules/getpath.py)."""
_READ_BY_PEOPLE = (".md", ".rst", ".txt", "COPYING", "LICENSE", "NOTICE", "README")
"""How the names end of files that careless packages leave at the top of a prefix."""


def seed(prefix: Path) -> None:
    """uv reads what is installed from these folders alone."""
    for folder in SITE.glob("*.dist-info"):
        shutil.copytree(folder, prefix / folder.relative_to(VENV))


def move(prefix: Path, cache: Path) -> None:
    """RECORD has a hash of every file: where it is the same, so is the distribution."""
    changed = []
    for folder in SITE.glob("*.dist-info"):
        new = prefix / folder.relative_to(VENV)
        if _same(folder / "RECORD", new / "RECORD"):
            shutil.rmtree(new)
        else:
            changed.append(folder.name.partition("-")[0])
    if changed:
        subprocess.run(["/opt/uv/bin/uv", "pip", "uninstall", "--quiet", *changed], check=True)
    (prefix / ".lock").unlink(missing_ok=True)  # uv's own
    folders, files = [], []
    for place, _, names in os.walk(prefix):
        below = Path(place).relative_to(prefix)
        names = [name for name in names if _belongs(below / name, Path(place, name).lstat().st_mode)]
        if not names and below.parts[:1] not in [(top,) for top in _TOP]:
            continue
        folder = VENV / below
        kept = [folder, folder / "__pycache__"] if any(n.endswith(".py") for n in names) else [folder]
        for path in kept:
            path.mkdir(exist_ok=True)
        folders += kept
        files += [os.path.join(os.path.relpath(place, prefix), name) for name in names]  # noqa: PTH118
    batches = [files[first : first + BATCH] for first in range(0, len(files), BATCH)]
    # Forked: an interpreter that starts now would run the .pth files of what is being installed.
    context = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(min(os.cpu_count() or 1, len(batches) or 1), mp_context=context) as pool:
        for _ in pool.map(put, batches, [prefix] * len(batches), [cache] * len(batches)):
            pass
    for path in folders:
        os.utime(path, (TIME, TIME))


def _belongs(path: Path, mode: int) -> bool:
    """Whether a file is placed at ``path``, relative to the prefix; ends the build where none may be."""
    target = VENV / path
    if not stat.S_ISREG(mode):
        _refuse(f"has no regular file at {target}")
    if target.is_relative_to(SITE):
        if target.is_symlink():
            _refuse(f"would replace {target}")
        return True
    # What was replaced by another version is uninstalled by now.
    if os.path.lexists(target):
        _refuse(f"would replace {target}")
    if len(path.parts) == 1 and path.name.endswith(_READ_BY_PEOPLE):
        return False
    in_bin = path.parts[0] == "bin"
    if (
        len(path.parts) == 1
        or path.parts[0] not in _TOP
        or (in_bin and (len(path.parts) > 2 or path.name.endswith(_SETTINGS)))
        or path.parts[:2] == ("lib", _PYTHON)
    ):
        _refuse(f"would put a file at {target}, which is no place for one")
    return True


def _refuse(what: str) -> NoReturn:
    sys.exit(f"DLTPOD-ERROR a package {what} | leave it out of requirements, or take a version that doesn't")


def put(batch: list[str], prefix: Path, cache: Path) -> None:
    """Writes files of PREFIX, by their names in it, to the same names in the virtual environment."""
    for name in batch:
        source, target = prefix / name, VENV / name
        _write(source, target, executable=bool(source.stat().st_mode & 0o111))
        if name.endswith(".py"):
            bytecode = _compiled(source, target, cache)
            if bytecode is not None:
                _write(bytecode, Path(importlib.util.cache_from_source(str(target))), executable=False)


def _compiled(source: Path, target: Path, cache: Path) -> Path | None:
    """The bytecode's file in the cache, or None: packages bring files that are for other Pythons."""
    key = hashlib.sha256(f"{target}\0".encode() + source.read_bytes()).hexdigest()
    magic = f"{sys.implementation.cache_tag}-{importlib.util.MAGIC_NUMBER.hex()}"
    kept = cache / magic / key[:2] / f"{key}.pyc"
    if not kept.exists():
        try:
            unchecked = py_compile.PycInvalidationMode.UNCHECKED_HASH
            py_compile.compile(
                str(source), str(kept), dfile=str(target), doraise=True, invalidation_mode=unchecked
            )
        except (py_compile.PyCompileError, OSError, RecursionError, ValueError):
            return None
    return kept


def _write(source: Path, target: Path, *, executable: bool) -> None:
    mode = 0o755 if executable else 0o644
    made = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with source.open("rb") as given, os.fdopen(made, "wb", buffering=0) as stream:
        shutil.copyfileobj(given, stream, 1 << 20)
        os.utime(stream.fileno(), (TIME, TIME))


def _same(one: Path, other: Path) -> bool:
    return one.is_file() and other.is_file() and one.read_bytes() == other.read_bytes()


if __name__ == "__main__":
    if sys.argv[1] == "seed":
        seed(Path(sys.argv[2]))
    else:
        move(Path(sys.argv[2]), Path(sys.argv[3]))
