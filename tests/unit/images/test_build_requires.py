"""What a package asks for to be built is read on every Python, and nothing of it is run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from launcher.images import contexts

SCRIPT = Path(contexts.__file__).parents[1] / "assets/build_requires.py"
AS_ON_3_10 = """
import runpy, sys
sys.modules["tomli"] = __import__(sys.argv.pop(1))
sys.modules["tomllib"] = None
sys.version_info = (3, 10, 13)
runpy.run_path(sys.argv.pop(1), run_name="__main__")
"""
TOMLLIB = "tomllib" if sys.version_info >= (3, 11) else "tomli"


def asked(folder: Path, *command: str) -> tuple[list[str], int]:
    command = command or (sys.executable, "-I", str(SCRIPT))
    done = subprocess.run([*command, str(folder)], capture_output=True, text=True, check=False)
    assert done.stderr == ""
    return done.stdout.splitlines(), done.returncode


@pytest.mark.parametrize(
    ("text", "lines", "status"),
    [
        (None, ["setuptools"], 0),
        ("[project]\nname = 'x'\n", ["setuptools"], 0),
        ("[build-system]\nrequires = ['hatchling>=1', 'x[y]; python_version>\"3\"']\n", None, 0),
        ("[build-system]\nrequires = []\n", [], 0),
        (
            "[build-system]\nrequires = ['x', '--index-url=https://example.org', 'y @ file:///etc']\n",
            ["x"],
            3,
        ),
        ("[build-system", ["setuptools"], 0),
    ],
)
def test_names_with_versions_are_told_and_nothing_that_uv_would_follow(
    tmp_path: Path, text: str | None, lines: list[str] | None, status: int
) -> None:
    if text is not None:
        (tmp_path / "pyproject.toml").write_text(text)
    wanted = ["hatchling>=1", 'x[y]; python_version>"3"'] if lines is None else lines
    assert asked(tmp_path) == (wanted, status)
    as_on_3_10 = (sys.executable, "-c", AS_ON_3_10, TOMLLIB, str(SCRIPT))
    assert asked(tmp_path, *as_on_3_10) == (wanted, status)
