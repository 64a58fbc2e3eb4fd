"""The walls between the parts: who may import whom, and how long a file may be."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LAUNCHER = sorted((ROOT / "launcher").rglob("*.py"))
RUNNER = sorted((ROOT / "runner").rglob("*.py"))


def _imports(file: Path, *, types_too: bool = False) -> Iterator[str]:
    """Dotted names that a file imports anywhere, those for type checkers left out unless asked for."""
    skipped: set[int] = set()
    tree = ast.parse(file.read_text())
    for node in ast.walk(tree):
        if not types_too and isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            skipped.update(id(inner) for statement in node.body for inner in ast.walk(statement))
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _place(file: Path) -> str:
    return str(file.relative_to(ROOT))


@pytest.mark.parametrize("file", RUNNER, ids=_place)
def test_the_runner_needs_only_the_standard_library_and_dlt(file: Path) -> None:
    # dlt itself requires the first three; the others a destination brings that comes to such a line
    brought = {"pendulum", "requests", "tomlkit", "duckdb", "fsspec", "pyarrow", "sqlalchemy", "sqlglot"}
    allowed = {*sys.stdlib_module_names, "dlt", "runner", *brought}
    assert {name.split(".")[0] for name in _imports(file, types_too=True)} <= allowed


@pytest.mark.parametrize("file", LAUNCHER, ids=_place)
def test_the_launcher_knows_of_the_runner_its_contract_and_nothing_else(file: Path) -> None:
    names = {name for name in _imports(file, types_too=True) if name.split(".")[0] in ("runner", "dlt")}
    assert all(name == "runner" or name.startswith("runner.contract") for name in names)


@pytest.mark.parametrize("file", LAUNCHER, ids=_place)
def test_each_library_of_an_engine_or_a_view_stays_in_its_place(file: Path) -> None:
    relative = file.relative_to(ROOT / "launcher")
    heads = {name.split(".")[0] for name in _imports(file)}
    in_engines = relative.parts[0] == "engines"
    assert (
        "docker" not in heads
        or (in_engines and file.stem.startswith(("docker", "egress")))
        or relative.parts[0] == "images"  # the engine's own library makes and removes them
    )
    assert "kubernetes" not in heads or (in_engines and file.stem.startswith("kubernetes"))
    assert "click" not in heads or relative.parts[0] in ("commands", "cli.py", "console")
    assert "rich" not in heads or relative.parts[0] == "console"


@pytest.mark.parametrize("file", LAUNCHER, ids=_place)
def test_imports_run_one_way(file: Path) -> None:
    """Configuration knows nothing of plans, plans nothing of engines, engines nothing of commands."""
    relative = file.relative_to(ROOT / "launcher")
    names = set(_imports(file))
    forbidden = {
        "errors.py": ("launcher.",),
        "config": (
            "launcher.planning",
            "launcher.engines",
            "launcher.sync",
            "launcher.commands",
            "launcher.console",
        ),
        "planning.py": ("launcher.engines.docker", "launcher.sync", "launcher.commands", "launcher.console"),
        "policy.py": ("launcher.engines", "launcher.sync", "launcher.commands", "launcher.console"),
        "engines": ("launcher.sync", "launcher.commands", "launcher.console", "launcher.cli"),
        "sync.py": ("launcher.commands", "launcher.console", "launcher.cli"),
        "render": ("launcher.commands", "launcher.console", "launcher.cli"),
    }.get(relative.parts[0], ("launcher.cli",) if relative.parts[0] != "__main__.py" else ())
    assert not [name for name in names if name.startswith(forbidden)]


def test_no_file_is_longer_than_400_lines() -> None:
    files = [*LAUNCHER, *RUNNER, *(ROOT / "tests").rglob("*.py"), *(ROOT / "custom_sources").rglob("*.py")]
    assert {_place(f): n for f in files if (n := len(f.read_text().splitlines())) > 400} == {}
