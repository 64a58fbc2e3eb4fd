"""A source may be, import and install what is called as the parts of dltpod are."""

from __future__ import annotations

import pytest

from tests.containers.folder import Folder
from tests.containers.images.server import wheel

pytestmark = pytest.mark.usefixtures("offline")


def test_a_package_and_modules_called_runner_and_launcher_are_the_sources_own(project: Folder) -> None:
    jobs = "def jobs():\n    return [{'id': 1}, {'id': 2}]\n"
    package = project.root / "acme_runner-1.0-py3-none-any.whl"
    package.write_bytes(wheel("acme_runner", **{"runner/__init__": "", "runner/jobs": jobs}))
    project.code("uses_runner", "from runner.jobs import jobs\ndef rows():\n    yield from jobs()\n")
    project.code("runner", "def rows():\n    yield {'id': 1}\n")
    project.code("launcher", "import runner\ndef rows():\n    yield {'file': runner.__file__}\n")
    project.source("a", "uses_runner", "rows", container={"requirements": [f"./{package.name}"]})
    project.source("b", "runner", "rows")
    project.source("c", "launcher", "rows")
    outcome = project.sync("a", "b", "c")
    records = {record.source: record for record in outcome.records}
    assert {name: record.status for name, record in records.items()} == dict.fromkeys("abc", "ok"), records
    assert project.rows("select count(*) from raw_a.rows") == [(2,)]
    assert project.rows("select file from raw_c.rows") == [("/opt/custom_sources/runner.py",)]
