"""The walls between the parts: who may import whom, and how long a file may be."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LAUNCHER = sorted((ROOT / "launcher").rglob("*.py"))
RUNNER = sorted((ROOT / "runner").rglob("*.py"))


def _place(file: Path) -> str:
    return str(file.relative_to(ROOT))


def _rooms() -> dict[str, list[str]]:
    """The rooms of both programs, in the order in which docs/architecture.md lists them."""
    text = (ROOT / "docs" / "architecture.md").read_text()
    return {
        program: re.findall(rf"^\| `{program}/(\w+)(?:/|\.py)` \|", text, re.MULTILINE)
        for program in ("launcher", "runner")
    }


ROOMS = _rooms()


def _room(file: Path) -> str:
    return file.relative_to(ROOT).parts[1].removesuffix(".py")


IN_ROOMS = [file for file in (*LAUNCHER, *RUNNER) if file.name != "__init__.py" and _room(file) != "assets"]


def _dotted(file: Path) -> str:
    return ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


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


@pytest.mark.parametrize("file", RUNNER, ids=_place)
def test_the_runner_needs_only_the_standard_library_and_dlt(file: Path) -> None:
    # dlt itself requires the first three; the others a source or destination brings that comes to such a line
    brought = {"pendulum", "requests", "tomlkit", "duckdb", "fsspec", "pyarrow", "sqlalchemy", "sqlglot"}
    brought.add("confluent_kafka")
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
    engine = relative.parts[:2] if relative.parts[0] == "engines" else ()
    door = relative.as_posix() == "host/docker_engine.py"
    assert "docker" not in heads or engine == ("engines", "docker") or door
    assert "kubernetes" not in heads or engine == ("engines", "kubernetes")
    assert "click" not in heads or relative.parts[0] in ("commands", "cli.py", "console")
    assert "rich" not in heads or relative.parts[0] == "console"


@pytest.mark.parametrize("file", IN_ROOMS, ids=_place)
def test_a_room_imports_only_from_rooms_that_stand_before_it_in_the_map(file: Path) -> None:
    program = file.relative_to(ROOT).parts[0]
    rooms = ROOMS[program]
    own = _room(file)
    names = [name.split(".") for name in _imports(file, types_too=True)]
    found = {name[1] for name in names if name[0] == program and len(name) > 1 and name[1] in rooms}
    assert found <= {own, *rooms[: rooms.index(own)]}


def test_every_room_is_in_the_map() -> None:
    for program, rooms in ROOMS.items():
        assert {_room(file) for file in IN_ROOMS if file.relative_to(ROOT).parts[0] == program} == set(rooms)


def test_no_two_files_import_each_other_whatever_the_way_round() -> None:
    modules = {_dotted(file): file for file in (*LAUNCHER, *RUNNER)}

    def imported(file: Path) -> set[str]:
        """Of ``from a import b`` the module ``a.b`` where there is one, else ``a``."""
        names = set(_imports(file))
        return {name for name in names & set(modules) if not any(n.startswith(f"{name}.") for n in names)}

    left = {name: imported(file) - {name} for name, file in modules.items()}
    while leaves := {name for name, others in left.items() if not others & set(left)}:
        left = {name: others for name, others in left.items() if name not in leaves}
    assert left == {}


def test_no_file_is_longer_than_400_lines() -> None:
    files = [*LAUNCHER, *RUNNER, *(ROOT / "tests").rglob("*.py"), *(ROOT / "custom_sources").rglob("*.py")]
    assert {_place(f): n for f in files if (n := len(f.read_text().splitlines())) > 400} == {}
