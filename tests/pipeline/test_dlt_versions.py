"""The runner's promises hold with the oldest dlt that it serves and with one in between.

The newest one is what the tests themselves run with.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
UV = Path(sys.executable).with_name("uv")
SUITES = {
    "1.18.2": ("killed", "refresh", "state", "selection", "stopped", "fast"),
    "1.24.0": ("killed", "fast"),
    "1.26.0": ("intervals",),
}
"""By version. With the one in between only what leans on dlt's insides: the names that ``runner.load.fast``
replaces, and the points at which a load may be cut off. 1.26 is the first that knows intervals.
"""


def interpreter(version: str) -> Path:
    """A virtual environment with that dlt, made once and kept beside the tests' own."""
    folder = Path(sys.prefix) / f"dlt-{version}"
    python = folder / "bin" / "python"
    done = folder / "ready"
    if not done.exists():
        subprocess.run([UV, "venv", "-q", "--clear", "-p", sys.executable, folder], check=True)
        needs = [f"dlt[duckdb,parquet,postgres]=={version}", "pytest", "pytest-xdist", "hypothesis"]
        subprocess.run([UV, "pip", "install", "-q", "--compile-bytecode", "-p", python, *needs], check=True)
        done.touch()
    return python


@pytest.mark.parametrize("version", SUITES)
def test_the_runner_loses_and_doubles_nothing_with_this_dlt(version: str) -> None:
    python = interpreter(version)
    suites = [f"tests/pipeline/test_{name}.py" for name in SUITES[version]]
    options = ["-q", "-p", "no:cacheprovider", "-o", "tmp_path_retention_policy=failed"]
    ran = subprocess.run(
        # one process: what it imports and the runs that it copies cost once
        [python, "-m", "pytest", *options, *suites],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout[-4000:] + ran.stderr[-2000:]
    assert " passed" in ran.stdout
