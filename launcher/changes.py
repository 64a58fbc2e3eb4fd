"""Which sources a change touches: what CI has to run, and nothing else."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from launcher.errors import ConfigurationError

if TYPE_CHECKING:
    from launcher.config.models import Project, Source


def changed_sources(project: Project, ref: str) -> frozenset[str]:
    """Names of the sources whose entry, code, lock, local packages or mounts differ from ``ref``.

    Compared are the working tree, untracked files too, and the commit where it left ``ref``.
    Raises ConfigurationError where git can't tell.
    """
    start = _git(project.root, "merge-base", ref, "HEAD") or _git(
        project.root, "rev-parse", "--verify", f"{ref}^{{commit}}"
    )
    if not start:
        raise ConfigurationError(
            f"git knows no '{ref}' in {project.root}",
            "a shallow clone lacks older commits: git fetch --unshallow",
        )
    start = start.strip()
    top = Path((_git(project.root, "rev-parse", "--show-toplevel") or "").strip())
    tracked = _git(project.root, "diff", "--name-only", "-z", "--no-renames", start, "--") or ""
    untracked = _git(project.root, "ls-files", "--others", "--exclude-standard", "-z", "--full-name") or ""
    paths = {top / name for name in (tracked + untracked).split("\0") if name}
    before = _git(top, "show", f"{start}:{_relative(project.file, top)}") if project.file in paths else None
    entries = None if project.file not in paths else _entries_changed(project.file.read_text(), before or "")
    return frozenset(s.name for s in project.sources if _touched(project, s, paths, entries))


def _touched(project: Project, source: Source, paths: set[Path], entries: frozenset[str] | None) -> bool:
    if entries is not None and ("*" in entries or source.name in entries):
        return True
    return any(path == place or place in path.parents for place in _places(project, source) for path in paths)


def _places(project: Project, source: Source) -> list[Path]:
    """Where the source's own files lie. A helper beside the modules of custom_sources touches all of them."""
    custom = project.custom_sources
    head = source.dlt_native.source_module.split(".")[0]
    places = [custom / f"{head}.py", custom / head, project.root / "locks" / f"{source.name}.txt"]
    places += [project.root / ".dlt" / "config.toml"]
    places += [project.root / r for r in source.container.requirements if r.startswith(("./", "../"))]
    places += [project.root / m.split(":")[0] for m in source.container.mounts]
    if (custom / f"{head}.py").exists() or (custom / head).exists():
        modules = {s.dlt_native.source_module.split(".")[0] for s in project.sources}
        places += [p for p in custom.glob("*") if p.suffix != ".md" and p.stem not in modules]
    return [Path(os.path.normpath(place)) for place in places]


def _entries_changed(now: str, before: str) -> frozenset[str]:
    """Names whose entry differs; ``*`` where something outside the entries does."""
    here, there = _document(now), _document(before)
    if {k: v for k, v in here.items() if k != "sources"} != {
        k: v for k, v in there.items() if k != "sources"
    }:
        return frozenset("*")
    old, new = _by_name(there), _by_name(here)
    return frozenset(name for name in new if new[name] != old.get(name))


def _document(text: str) -> Mapping[str, Any]:
    import yaml

    try:
        loaded = yaml.safe_load(text)
    except yaml.YAMLError:
        return {}
    return loaded if isinstance(loaded, dict) else {}


def _by_name(document: Mapping[str, Any]) -> dict[str, Any]:
    entries = document.get("sources") or []
    return (
        {str(e.get("name")): e for e in entries if isinstance(e, dict)} if isinstance(entries, list) else {}
    )


def _relative(file: Path, top: Path) -> str:
    return str(PurePosixPath(os.path.relpath(file, top)))


def _git(folder: Path, *arguments: str) -> str | None:
    """What git answers, None where it fails. Raises ConfigurationError where there is no git."""
    try:
        done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise ConfigurationError(
            "--changed-since needs git, which is not on PATH", "apt-get install git"
        ) from None
    return done.stdout if done.returncode == 0 else None
