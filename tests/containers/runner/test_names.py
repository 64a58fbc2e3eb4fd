"""A source may be, import and install what is called as the parts of dltpod are."""

from __future__ import annotations

import pytest

from tests.containers.folder import Folder

pytestmark = pytest.mark.usefixtures("offline")
PACKAGE = """
[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"
[project]
name = "acme-runner"
version = "1"
[tool.setuptools]
packages = ["runner"]
"""


def test_a_package_and_modules_called_runner_and_launcher_are_the_sources_own(project: Folder) -> None:
    project.write("pk/pyproject.toml", PACKAGE)
    project.write("pk/runner/__init__.py", "")
    project.write("pk/runner/jobs.py", "def jobs():\n    return [{'id': 1}, {'id': 2}]\n")
    project.code("uses_runner", "from runner.jobs import jobs\ndef rows():\n    yield from jobs()\n")
    project.code("runner", "def rows():\n    yield {'id': 1}\n")
    project.code("launcher", "import runner\ndef rows():\n    yield {'file': runner.__file__}\n")
    project.source("a", "uses_runner", "rows", container={"requirements": ["./pk"]})
    project.source("b", "runner", "rows")
    project.source("c", "launcher", "rows")
    outcome = project.sync("a", "b", "c")
    records = {record.source: record for record in outcome.records}
    assert {name: record.status for name, record in records.items()} == dict.fromkeys("abc", "ok"), records
    assert project.rows("select count(*) from raw_a.rows") == [(2,)]
    assert project.rows("select file from raw_c.rows") == [("/opt/custom_sources/runner.py",)]
