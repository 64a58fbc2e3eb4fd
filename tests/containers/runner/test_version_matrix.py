"""Old and new dlt, on old and new Python, side by side in one fleet and one DuckDB file."""

from __future__ import annotations

import subprocess

import pytest

from tests.containers.folder import NO_NETWORK, REPOSITORY, Folder

# Each dlt, each Python, and the corners; the newest on the newest is what all other tests run with.
VERSIONS = {
    "oldest_on_debian_12": ("3.11", "1.18.2"),
    "newest_on_debian_12": ("3.11", "1.31.0"),
    "oldest": ("3.13", "1.18.2"),
    "between": ("3.13", "1.24.0"),
}
CODE = """
    import platform

    import dlt

    @dlt.resource(primary_key="n", write_disposition="merge")
    def versions(count: int, n=dlt.sources.incremental("n")):
        for i in range(count):
            yield {"n": i, "python": platform.python_version(), "dlt": dlt.__version__, "tags": ["a", "b"]}
"""


@pytest.fixture
def fleet(project: Folder) -> Folder:
    subprocess.run([REPOSITORY / "scripts" / "base-image", "3.11", "3.13"], check=True)
    project.code("told", CODE)
    _give(project, 3)
    return project


def _give(project: Folder, count: int) -> None:
    for name, (python, dlt) in VERSIONS.items():
        container = {"python": python, "dlt": f"=={dlt}"}
        project.source(name, "told", "versions", {"count": count}, container=container)


def test_each_version_loads_then_only_what_is_new_then_all_of_it_anew(fleet: Folder) -> None:
    first = {record.source: record for record in fleet.sync().records}
    assert {name: (r.status, r.message) for name, r in first.items()} == dict.fromkeys(VERSIONS, ("ok", ""))
    for name, (python, dlt) in VERSIONS.items():
        assert (first[name].versions["python"][: len(python)], first[name].versions["dlt"]) == (python, dlt)
        assert first[name].rows == {"versions": 3, "versions__tags": 6}
        assert first[name].packages["dlt"] == dlt
        # one file, so one DuckDB, whatever dlt asks for
        assert first[name].packages["duckdb"] == "2.0.0"
    fleet.defaults = NO_NETWORK
    _give(fleet, 5)
    second = {record.source: record for record in fleet.sync().records}
    assert {name: record.rows["versions"] for name, record in second.items()} == dict.fromkeys(VERSIONS, 2)
    third = {record.source: record for record in fleet.sync(full_refresh=True).records}
    assert {name: record.rows["versions"] for name, record in third.items()} == dict.fromkeys(VERSIONS, 5)
    for name, (python, dlt) in VERSIONS.items():
        rows = fleet.rows(f"select python, dlt from raw_{name}.versions")
        assert [(p[: len(python)], d) for p, d in rows] == [(python, dlt)] * 5
