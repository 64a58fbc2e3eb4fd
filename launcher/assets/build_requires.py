"""Prints what a package asks for to be built, as its pyproject.toml says it. Nothing of it is run.

Ends with 3 where that is not all: what is no name with versions is left out.
"""

import contextlib
import re
import sys
from pathlib import Path

if sys.version_info >= (3, 11):
    import tomllib
else:
    sys.path.append("/opt/uv")
    import tomli as tomllib

NAMED = re.compile(r"[A-Za-z0-9][\w.-]*(\[[\w, -]*\])?[ \w.,<>=!~*+;()'\"-]*")
"""A name and versions: an option, a path or an address would be for uv to follow."""

file = Path(sys.argv[1], "pyproject.toml")
wanted: object = ["setuptools"]
if file.is_file() and not file.is_symlink():
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        wanted = tomllib.loads(file.read_text(encoding="utf-8"))["build-system"]["requires"]
lines = wanted if isinstance(wanted, list) else [wanted]
named = [line for line in lines if isinstance(line, str) and NAMED.fullmatch(line)]
sys.stdout.writelines(f"{line}\n" for line in named)
sys.exit(0 if len(named) == len(lines) else 3)
