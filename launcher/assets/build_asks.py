"""Writes to the named file what the package in this folder asks for as it is built, beyond pyproject.toml.

Runs the package's build code, so in the step `built` alone. Source: PEP 517, `get_requires_for_build_wheel`.
"""

import importlib
import sys
from pathlib import Path
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    sys.path.append("/opt/uv")
    import tomli as tomllib

file = Path("pyproject.toml")
table: dict[str, Any] = (
    tomllib.loads(file.read_text(encoding="utf-8")).get("build-system", {}) if file.is_file() else {}
)
sys.path[:1] = [str(Path(folder).resolve()) for folder in table.get("backend-path", [])]
module, _, names = table.get("build-backend", "setuptools.build_meta:__legacy__").partition(":")
backend: Any = importlib.import_module(module)
for name in filter(None, names.split(".")):
    backend = getattr(backend, name)
hook = getattr(backend, "get_requires_for_build_wheel", None)
asked = hook() if hook is not None else []
Path(sys.argv[1]).write_text("".join(f"{line}\n" for line in asked))
