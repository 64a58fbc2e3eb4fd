"""What of ``data/`` a source's container sees, and what ``show`` sees of a source."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

import pytest

from launcher.check.verdicts import Level, check_source
from launcher.config.models import Project
from launcher.host.user import JobUser
from launcher.plan.job import read_only_plan, within_data
from launcher.plan.values import Host, JobPlan
from launcher.runs.host import prepare
from launcher.secrets.destinations import folder_of
from launcher.secrets.gather import all_destinations, drivers_for, part_of, read_environment
from tests.unit.engine import builders
from tests.unit.secrets.asking import given, source

SECRETS = """
[sources.one]
token = "the token of source one"
[destination.mine]
destination_type = "duckdb"
credentials = "data/mine/rows.duckdb"
[destination.near]
destination_type = "duckdb"
credentials = "data/near.duckdb"
[destination.pg]
destination_type = "postgres"
credentials = "postgres://loader:password-of-pg@db.example.com/rows"
[lake.destination.filesystem]
bucket_url = "data/mine/lake"
"""
NAMES = {
    "one": "duckdb",
    "two": "mine",
    "three": "near",
    "four": "pg",
    "lake": "filesystem",
    "five": "ducklake",
}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    entries = "".join(
        f"  - {{name: {name}, destination: {kind}, dlt_native: {{source_module: m, source_function: f}}}}\n"
        for name, kind in NAMES.items()
    )
    return given(tmp_path, f"sources:\n{entries}", SECRETS)


def folders(project: Project, environ: Mapping[str, str]) -> frozenset[PurePosixPath]:
    found = (folder_of(destination) for destination in all_destinations(project, environ))
    return frozenset(folder for folder in found if folder is not None)


def plan(project: Project, name: str) -> JobPlan:
    one = source(project, name)
    environ = read_environment(project, {})
    return builders.plan(
        project.root,
        one,
        slice=part_of(project, one, environ, {}).slice,
        destination=drivers_for(project, one, environ).destination,
        host=Host(data_folders=folders(project, environ)),
    )


def seen(made: JobPlan) -> tuple[list[str], list[str]]:
    """The parts of ``data/`` that are mounted, and those of them that are covered."""
    mounts = [mount for mount in made.container.mounts if within_data(mount.target)]
    assert all(str(mount.source).endswith(mount.target) for mount in mounts)
    return [m.target for m in mounts], [t.target for t in made.container.tmpfs if within_data(t.target)]


@pytest.mark.parametrize(
    ("name", "mounted", "covered"),
    [
        ("one", ["/data"], ["/data/mine"]),
        ("two", ["/data/mine"], ["/data/mine/lake"]),
        ("three", ["/data"], ["/data/mine"]),
        ("four", [], []),
        ("lake", ["/data/mine/lake"], []),
        ("five", ["/data"], ["/data/mine"]),
    ],
)
def test_a_source_sees_the_folder_of_its_own_file_and_no_other_destinations(
    project: Project, name: str, mounted: list[str], covered: list[str]
) -> None:
    assert seen(plan(project, name)) == (mounted, covered)


def test_folders_are_those_of_all_sources_that_are_right(project: Project) -> None:
    (project.root / ".dlt/config.toml").write_text('[destination.near]\ncredentials = "elsewhere/x.duckdb"\n')
    found = folders(project, {"TWO__DESTINATION__MINE__CREDENTIALS": "data/other/x.duckdb"})
    assert found == {PurePosixPath(p) for p in ("/data", "/data/other", "/data/mine/lake")}


def test_folders_that_are_mounted_or_covered_are_there_before_an_engine_makes_them(project: Project) -> None:
    made = plan(project, "one")
    container = dataclasses.replace(made.container, user=JobUser(*_me(project), owns_files=True))
    prepare(dataclasses.replace(made, container=container), project.data)
    assert [path.name for path in project.data.iterdir()] == ["mine"]


def _me(project: Project) -> tuple[int, int]:
    found = project.root.stat()
    return found.st_uid, found.st_gid


@pytest.mark.parametrize(("name", "files"), [("one", []), ("two", []), ("four", ["secrets.toml"])])
def test_show_has_no_secret_but_those_of_a_destination_in_the_network(
    project: Project, name: str, files: list[str]
) -> None:
    made = plan(project, name)
    looked = read_only_plan(made)
    assert sorted(looked.slice.files) == files
    assert "the token of source one" not in str(looked.slice.files)
    assert ("password-of-pg" in str(looked.slice.files)) == (name == "four")
    assert (looked.job.kwargs, looked.job.overrides) == ({}, ())


def test_show_has_neither_code_nor_state_writes_nothing_and_has_no_network(project: Project) -> None:
    looked = read_only_plan(plan(project, "one"))
    assert [(m.target, m.read_only) for m in looked.container.mounts] == [("/data", True)]
    assert (looked.container.network, looked.container.egress, looked.container.extra_hosts) == (
        "none",
        (),
        {},
    )
    assert seen(looked)[1] == ["/data/mine"]
    assert read_only_plan(plan(project, "four")).container.network == "bridge"


def test_show_can_write_to_the_folder_of_sqlite_which_it_could_not_read_otherwise(project: Project) -> None:
    (project.root / ".dlt/config.toml").write_text('[destination.mine]\ndestination_type = "sqlalchemy"\n')
    secrets = project.root / ".dlt/secrets.toml"
    text = secrets.read_text().replace(
        'destination_type = "duckdb"\ncredentials = "data/mine/rows.duckdb"', ""
    )
    secrets.write_text(
        text + '[destination.mine.credentials]\ndrivername = "sqlite"\ndatabase = "data/mine/x.db"\n'
    )
    looked = read_only_plan(plan(project, "two"))
    assert [(m.target, m.read_only) for m in looked.container.mounts] == [("/data/mine", False)]
    assert looked.container.network == "none" and "sqlite" in looked.slice.files["secrets.toml"]


def test_variables_of_the_source_that_are_secrets_are_not_those_of_show(project: Project) -> None:
    made = plan(project, "four")
    env = {
        "TZ": "UTC",
        "API_KEY": "env:KEY",
        "DESTINATION__PG__PASSWORD": "env:PG",
        "HTTPS_PROXY": "env:DLTPOD_HTTPS_PROXY",
    }
    values = {"KEY": "k", "PG": "p", "DLTPOD_HTTPS_PROXY": "http://u:p@proxy"}
    files = {**made.slice.files, "values.json": json.dumps(values)}
    made = dataclasses.replace(
        made, job=dataclasses.replace(made.job, env=env), slice=dataclasses.replace(made.slice, files=files)
    )
    looked = read_only_plan(made)
    assert sorted(looked.job.env) == ["DESTINATION__PG__PASSWORD", "HTTPS_PROXY", "TZ"]
    assert sorted(json.loads(looked.slice.files["values.json"])) == ["DLTPOD_HTTPS_PROXY", "PG"]


def test_check_says_which_file_lies_beside_anothers_and_where_it_would_be_alone(project: Project) -> None:
    def notes(name: str) -> list[tuple[str, str]]:
        rows = check_source(project, source(project, name), {}, destinations=all_destinations(project, {}))
        return [(row.text, row.hint) for row in rows if row.what == "destination" and row.level is Level.NOTE]

    [(text, hint)] = notes("three")
    assert text.endswith("data/warehouse.duckdb: the sources of either can change both")
    assert hint == "A folder of its own keeps others away: data/near/near.duckdb"
    assert notes("one") == notes("two") == notes("four") == []
