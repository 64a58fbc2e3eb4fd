"""The demo sources, each in its container, on data made here."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable

import pytest

from tests.containers.cli.calls import borrow, dltpod, git
from tests.containers.folder import REPOSITORY, Folder

pytestmark = pytest.mark.usefixtures("offline")
COMMITS = "SELECT sha, subject, committed_at FROM raw_repo_commits.commits ORDER BY 1"
FILES = """
    SELECT c.subject, f.path, f.change FROM raw_repo_commits.commits c
    JOIN raw_repo_commits.commits__files f ON f._dlt_parent_id = c._dlt_id ORDER BY ALL
"""


def _commit(folder: Folder, file: str, when: str) -> None:
    folder.write(file, f"{file} {when}\n")
    git(folder, "add", file)
    git(folder, "commit", "-q", "-m", f"write {file}", when=when)


def _repository(folder: Folder) -> None:
    borrow(folder, "repo_commits")
    git(folder, "init", "-q")
    _commit(folder, "a.txt", "2024-01-01T10:00:00Z")
    _commit(folder, "b.txt", "2024-01-02T10:00:00Z")
    folder.source(
        "repo_commits", "repo_commits", "repo_commits", container={"mounts": [".git:/workspace/.git:ro"]}
    )


def test_a_git_history_is_loaded_with_its_files_then_what_is_new_of_an_old_date_too_then_the_same_anew(
    project: Folder,
) -> None:
    _repository(project)
    record = project.must("repo_commits")
    assert record.rows == {"commits": 2, "commits__files": 2}
    assert project.rows(FILES) == [("write a.txt", "a.txt", "add"), ("write b.txt", "b.txt", "add")]
    said = dltpod(project, "sync", "repo_commits")
    assert (said.code, said.out.splitlines()[0].split(":")[1]) == (0, " nothing new since the last run")

    # one commit at the very second of the cursor, one branch of an older date merged late
    git(project, "checkout", "-q", "-b", "side", "HEAD~1")
    _commit(project, "side.txt", "2024-01-01T12:00:00Z")
    git(project, "checkout", "-q", "main")
    _commit(project, "c.txt", "2024-01-02T10:00:00Z")
    git(project, "merge", "-q", "--no-ff", "-m", "merge side", "side", when="2024-01-03T10:00:00Z")
    later = project.must("repo_commits")
    assert later.rows["commits"] == 3
    assert not later.first_run
    assert len(project.rows(COMMITS)) == len(git(project, "rev-list", "HEAD").split()) == 5

    before = project.rows(COMMITS), project.rows(FILES)
    fresh = project.must("repo_commits", full_refresh=True)
    assert fresh.rows["commits"] == 5
    assert (project.rows(COMMITS), project.rows(FILES)) == before


def test_a_shallow_clone_that_is_deepened_brings_the_older_commits(
    project: Folder, make_folder: Callable[[], Folder]
) -> None:
    origin = make_folder()
    _repository(origin)
    _commit(origin, "c.txt", "2024-01-03T10:00:00Z")
    borrow(project, "repo_commits")
    git(project, "clone", "-q", "--bare", "--depth", "1", f"file://{origin.root}", "clone.git")
    project.source(
        "repo_commits", "repo_commits", "repo_commits", container={"mounts": ["clone.git:/workspace/.git:ro"]}
    )
    assert project.must("repo_commits").rows["commits"] == 1
    git(project, "-C", "clone.git", "fetch", "-q", "--unshallow", "origin")
    project.must("repo_commits")
    assert len(project.rows(COMMITS)) == 3
    assert project.must("repo_commits").rows == {}


def test_a_worktree_and_an_empty_repository_are_told_plainly(project: Folder) -> None:
    borrow(project, "repo_commits")
    git(project, "init", "-q")
    project.write("pointer", "gitdir: /elsewhere/.git/worktrees/x\n")
    project.source(
        "pointed", "repo_commits", "repo_commits", container={"mounts": ["pointer:/workspace/.git:ro"]}
    )
    project.source("empty", "repo_commits", "repo_commits", container={"mounts": [".git:/workspace/.git:ro"]})
    pointed = project.run("pointed")
    assert pointed.status == "failed"
    assert "linked worktree or a submodule" in pointed.message
    empty = project.must("empty")
    assert empty.rows == {}
    assert "no commits yet" in project.log(empty)


def test_a_shop_is_merged_on_the_keys_that_its_database_declares(project: Folder) -> None:
    script = [sys.executable, str(REPOSITORY / "examples" / "make_shop.py"), str(project.root / "shop.db")]
    subprocess.run([*script, "--orders", "100"], check=True, capture_output=True)
    project.source(
        "shop",
        "sql_database",
        "sql_database",
        {"credentials": "sqlite:////workspace/shop.db"},
        native={"write_disposition": "merge"},
        container={"mounts": ["shop.db:/workspace/shop.db:ro"]},
    )
    assert project.must("shop").rows["orders"] == 100
    subprocess.run([*script, "--orders", "150"], check=True, capture_output=True)
    project.must("shop")
    assert project.rows("SELECT count(*), count(DISTINCT id) FROM raw_shop.orders") == [(150, 150)]
    lines = "SELECT count(*), count(DISTINCT (order_id, line)) FROM raw_shop.order_lines"
    assert len({*project.rows(lines)[0]}) == 1


def test_two_sources_whose_pins_contradict_each_other_sync_side_by_side(project: Folder) -> None:
    borrow(project, "pinned_packages", "release_notes")
    shutil.copytree(REPOSITORY / "requirements", project.root / "requirements")
    shutil.copy(REPOSITORY / "CHANGELOG.md", project.root)
    project.source(
        "new",
        "pinned_packages",
        "pinned_packages",
        container={"mounts": ["requirements:/workspace/requirements:ro"]},
    )
    project.source(
        "old",
        "release_notes",
        "release_notes",
        container={"mounts": ["CHANGELOG.md:/workspace/CHANGELOG.md:ro"]},
    )
    outcome = project.sync(jobs=2)
    assert [record.status for record in outcome.records] == ["ok", "ok"]
    query = "SELECT DISTINCT split_part(checked_with, '.', 1) FROM raw_{0}.{1}"
    assert project.rows(query.format("new", "pinned_packages")) == [("marshmallow 3",)]
    assert project.rows(query.format("old", "release_notes")) == [("marshmallow 2",)]
