"""dlt's own sources, which come with dlt, and what each can't be imported without."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from pathlib import Path

from launcher.secrets import code

EXTRAS = {"sql_database": "sql-database", "filesystem": None, "rest_api": None}
"""The sources (``dlt.sources.<name>``), and the dlt extra that each needs."""


def extra_of(module: str) -> str | None:
    """The dlt extra that one of dlt's own sources needs, by its bare name or as ``dlt.sources.<name>``."""
    return EXTRAS.get(module.removeprefix("dlt.sources.").partition(".")[0])


def extras_of(files: Iterable[Path]) -> set[str]:
    """The dlt extras that Python files need because they import dlt's own sources.

    A file that can't be read or parsed needs none here: its run will tell. No file is run.
    """
    found: set[str] = set()
    for file in files:
        tree = code.read_module(file).tree
        for node in ast.walk(tree) if tree is not None else ():
            if isinstance(node, ast.Import):
                modules = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and not node.level:
                modules = [node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)]
            else:
                continue
            for module in modules:
                extra = extra_of(module)
                if module.startswith("dlt.sources.") and extra is not None:
                    found.add(extra)
    return found
