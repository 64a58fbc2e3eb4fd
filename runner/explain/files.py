"""Files that a source can't open: they aren't where it looks for them, or its user can't read them."""

from __future__ import annotations

import os
import posixpath
import re
import shlex

from runner.contract import WORKSPACE_DIR
from runner.explain import code
from runner.explain.wording import one_line


def mount_hint(exc: BaseException) -> str:
    """For a missing file: where it is looked for, and the line that mounts it; empty for other exceptions."""
    file = _relative_file(exc)
    if file is None:
        return ""
    name = one_line(file.removeprefix("./"), 100)
    place = posixpath.normpath(f"{WORKSPACE_DIR}/{name}")
    return f'it is looked for at {place}; mount it: container: {{mounts: ["{name}:{place}"]}}'


def _relative_file(exc: BaseException) -> str | None:
    if not isinstance(exc, FileNotFoundError):
        return None
    file = exc.filename
    if file is None and exc.args:  # Arrow's own errors say it in their text
        quoted = re.search(r"local file '([^']+)'", str(exc.args[-1]))
        file = quoted[1] if quoted else exc.args[0] if len(exc.args) == 1 else None
    return file if isinstance(file, str) and file and not re.search(r"^/|\s|://", file) else None


def chmod(exc: PermissionError) -> str:
    """The command that makes the file of ``custom_sources/`` readable; empty for any other file."""
    shown = code.shown(exc.filename)
    if not shown.startswith("custom_sources/") or os.access(exc.filename, os.R_OK):
        return ""
    if os.path.exists(exc.filename):  # noqa: PTH110 - a Path raises where a folder can't be entered
        return f"chmod a+r {shlex.quote(shown)}"
    return "chmod -R a+rX custom_sources"
