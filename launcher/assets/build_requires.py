"""Prints what a package asks for to be built, as its pyproject.toml says it. Nothing of it is run."""

import contextlib
import re
import sys
from pathlib import Path

NAMED = re.compile(r"[A-Za-z0-9][\w.-]*(\[[\w, -]*\])?[ \w.,<>=!~*+;()'\"-]*")
"""A name and versions: an option, a path or an address would be for uv to follow."""

file = Path(sys.argv[1], "pyproject.toml")
wanted: object = ["setuptools"]
if sys.version_info >= (3, 11) and file.is_file() and not file.is_symlink():
    import tomllib

    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        wanted = tomllib.loads(file.read_text())["build-system"]["requires"]
for line in wanted if isinstance(wanted, list) else ():
    if isinstance(line, str) and NAMED.fullmatch(line):
        sys.stdout.write(line + "\n")
