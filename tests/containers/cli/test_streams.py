"""Output that nobody takes: the run goes on, and its exit code stays its own."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.containers.cli.test_commands import NUMBERS
from tests.containers.folder import REPOSITORY, Folder

pytestmark = pytest.mark.usefixtures("offline")


def _shell(folder: Folder, line: str) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, "PYTHONPATH": str(REPOSITORY), "DLTPOD": f"{sys.executable} -m dltpod"}
    return subprocess.run(
        ["bash", "-o", "pipefail", "-c", line],
        cwd=folder.root,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    "redirection", [">&-", "2>&-", ">&- 2>&- <&-", ">/dev/full", "2>/dev/full", "--json >/dev/full", "| true"]
)
def test_a_sync_whose_output_nobody_takes_loads_its_rows_and_ends_well(
    project: Folder, redirection: str
) -> None:
    project.code("counting", NUMBERS)
    project.source("numbers", "counting", "numbers")
    done = _shell(project, f"$DLTPOD sync numbers {redirection}")
    assert (done.returncode, "a bug of dltpod's" in done.stderr) == (0, False), done.stderr
    assert project.rows("SELECT count(*) FROM raw_numbers.numbers") == [(3,)]


def test_a_failure_stays_a_failure_though_nobody_reads_of_it(project: Folder) -> None:
    project.code("counting", NUMBERS)
    project.source("numbers", "counting", "numbers")
    project.source("broken", "counting", "broken", container={"retries": 0})
    assert _shell(project, "$DLTPOD sync --all | true").returncode == 1


def test_a_list_that_can_not_be_written_is_a_failure_and_says_so(project: Folder) -> None:
    project.code("counting", NUMBERS)
    project.source("numbers", "counting", "numbers")
    done = _shell(project, "$DLTPOD list >/dev/full")
    assert (done.returncode, done.stderr) == (1, "error: No space left on device\n")
