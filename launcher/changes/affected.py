"""Which sources a change touches: what CI has to run.

Nobody notices a source that is missed, and an extra run does no harm: in doubt, a source is touched.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from launcher.errors import ConfigurationError
from launcher.host import rights

if TYPE_CHECKING:
    from launcher.config.models import Project


def changed_sources(project: Project, ref: str) -> frozenset[str]:
    """Names of the sources whose entry, code, lock, local packages or mounts differ from ``ref``.

    Compared are the working tree, untracked files too, and the commit where it left ``ref``.
    Raises ConfigurationError where git can't tell.
    """
    from launcher.changes.files import ChangedFiles

    if shutil.which("git") is None:
        raise ConfigurationError("--changed-since needs git, which is not on PATH", "apt-get install git")
    start = _start(project.root, ref)
    top = Path(_asked(project.root, "rev-parse", "--show-toplevel").rstrip("\n"))
    # The user's settings may hide folders and submodules, so all that matters is said. From the top: a
    # mount or a package may lie beside the project.
    differ = ("diff", "--name-only", "--no-renames", "--no-relative", "--no-ext-diff", "-z")
    tracked = _asked(top, *differ, "--ignore-submodules=none", start, "--")
    untracked = _asked(top, "ls-files", "--others", "--exclude-standard", "-z")
    paths = {top / name for name in (tracked + untracked).split("\0") if name}
    # git's paths have no links above the repository, and the project may be named by one.
    file = project.file.resolve()
    entries: frozenset[str] = frozenset()
    if file in paths:
        before = rights.git(top, "show", f"{start}:{PurePosixPath(os.path.relpath(file, top))}")
        entries = _entries_changed(file.read_text(encoding="utf-8"), before or "")
    changed = ChangedFiles(project, frozenset(paths - {file}))
    if "*" in entries or changed.concern_all():
        return frozenset(source.name for source in project.sources)
    return frozenset(s.name for s in project.sources if s.name in entries or changed.concern(s))


def _start(root: Path, ref: str) -> str:
    """The commit to compare with. Raises ConfigurationError where git knows no such ``ref``."""
    start = None
    if not ref.startswith("-"):  # git would take it for an option
        start = rights.git(root, "merge-base", ref, "HEAD") or rights.git(
            root, "rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}"
        )
    if start:
        return start.strip()
    why, hint = f" in {root}", "a shallow clone lacks older commits: git fetch --unshallow"
    if rights.git(root, "rev-parse", "--git-dir") is None:
        why, hint = f": {root} is in no git repository", "run it in a clone, or `git init`"
    raise ConfigurationError(f"git knows no '{ref}'{why}", hint)


def _entries_changed(now: str, before: str) -> frozenset[str]:
    """Names whose entry differs; ``*`` where something outside the entries does."""
    here, there = _document(now), _document(before)
    old, new = _by_name(there.pop("sources", None)), _by_name(here.pop("sources", None))
    if here != there:
        return frozenset("*")
    return frozenset(name for name in new if new[name] != old.get(name))


def _document(text: str) -> dict[str, Any]:
    import yaml

    try:
        loaded = yaml.safe_load(text)
    except yaml.YAMLError:
        return {}
    return loaded if isinstance(loaded, dict) else {}


def _by_name(entries: Any) -> dict[str, Any]:
    """Entries by name; lower case, as a Dango project's names are read."""
    entries = entries if isinstance(entries, list) else []
    return {str(e.get("name")).lower(): e for e in entries if isinstance(e, dict)}


def _asked(folder: Path, *arguments: str) -> str:
    """What git answers. Raises ConfigurationError where git fails: an empty answer would touch nothing."""
    answer = rights.git(folder, *arguments)
    if answer is None:
        raise ConfigurationError(
            f"`git {arguments[0]}` fails in {folder}", "--changed-since needs a whole git repository"
        )
    return answer
