"""Root in another user's project touches its files with that user's rights alone."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest

from launcher import cli
from launcher.config import load
from launcher.errors import ConfigurationError
from launcher.host import rights
from launcher.host.user import JobUser
from launcher.images import scratch
from launcher.plan.options import SyncOptions
from launcher.runs.host import gather, prepare
from launcher.runs.sync import sync
from runner.contract import Destination
from tests.unit.engine.builders import FakeEngine, ok, plan

OWNER = 54321
JOB = JobUser(OWNER, OWNER, owns_files=False)
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root takes another user's rights")

SOURCES = """
    sources:
      - name: shop
        dlt_native: {source_module: shop, source_function: rows}
        schedule: "0 * * * *"
"""


@pytest.fixture
def project(place: Path) -> Path:
    """Another user's project."""
    root = place / "project"
    (root / "custom_sources").mkdir(parents=True)
    (root / "custom_sources/shop.py").write_text("def rows():\n    yield {}\n")
    (root / "sources.yml").write_text(textwrap.dedent(SOURCES))
    for entry in (root, *root.rglob("*")):
        os.chown(entry, OWNER, OWNER)
    return root


@pytest.fixture
def roots(place: Path) -> Path:
    """A folder of root's that any user may read and, by their bits, write: only root's ids forbid it."""
    folder = place / "roots"
    folder.mkdir(mode=0o755)
    (folder / "file").write_text("root's")
    return folder


def run(root: Path, *arguments: str) -> int:
    return cli.main(["-f", str(root / "sources.yml"), *arguments])


def synced(root: Path) -> str:
    loaded = load(root / "sources.yml")
    outcome = sync(
        loaded, loaded.sources, SyncOptions(), environ={}, engine=FakeEngine({"shop": [ok(shop=1)]})
    )
    return outcome.records[0].message or outcome.records[0].status


def uids(root: Path) -> set[int]:
    return {entry.lstat().st_uid for entry in (root, *root.rglob("*"))}


def state_of(folder: Path) -> list[tuple[str, int, int, int, bytes]]:
    found = []
    for entry in sorted((folder, *folder.rglob("*"))):
        now = entry.lstat()
        content = entry.read_bytes() if entry.is_file() else b""
        found.append((str(entry), now.st_uid, now.st_gid, now.st_mode, content))
    return found


def test_all_that_a_sync_and_other_commands_make_is_the_owners(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert synced(project) == "ok"
    monkeypatch.chdir(project)
    for arguments in (("secrets", "shop"), ("report",), ("render", "cron", "-o", "jobs/crontab"), ("runs",)):
        assert run(project, *arguments) == 0
    made = {str(entry.relative_to(project)) for entry in project.rglob("*")}
    assert {
        ".dltpod/history.sqlite",
        ".dltpod/state/shop",
        "data",
        ".dltpod/secrets/shop/secrets.toml",
    } < made
    assert {"jobs/crontab", ".dltpod/report.html", ".dltpod/logs/shop"} < made
    assert uids(project) == {OWNER}


@pytest.mark.parametrize("name", [".dltpod", "data", ".dltpod/state", ".dltpod/state/shop", ".dltpod/logs"])
def test_a_link_of_the_owners_leads_root_nowhere(project: Path, roots: Path, name: str) -> None:
    link = project / name
    with rights.rights(project):
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(roots)
    before = state_of(roots)
    try:
        assert synced(project) != "ok"
    except ConfigurationError as error:
        assert "can't be written" in error.message
    run(project, "secrets", "shop")
    run(project, "report")
    assert state_of(roots) == before


@pytest.mark.parametrize("output", ["crontab", "out/crontab"])
def test_what_root_renders_into_the_project_follows_no_link_to_a_file_of_roots(
    project: Path, roots: Path, output: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with rights.rights(project):
        (project / "crontab").symlink_to(roots / "file")
        (project / "out").symlink_to(roots)
    before = state_of(roots)
    assert run(project, "render", "cron", "-o", str(project / output)) != 0
    assert state_of(roots) == before
    assert f"uid {OWNER}" in capsys.readouterr().err


@pytest.mark.parametrize("mode", [0o600, 0o640])
def test_a_link_shows_the_owner_no_file_that_only_root_or_roots_group_may_read(
    project: Path, roots: Path, mode: int, capsys: pytest.CaptureFixture[str]
) -> None:
    (roots / "file").write_text("HIDDEN = [unclosed")
    (roots / "file").chmod(mode)
    (project / ".dlt").mkdir()
    (project / ".dlt/secrets.toml").symlink_to(roots / "file")
    (project / "custom_sources/shop.py").unlink()
    (project / "custom_sources/shop.py").symlink_to(roots / "file")
    for command in (("check",), ("secrets", "shop"), ("list",)):
        run(project, *command)
    shown = capsys.readouterr()
    assert "HIDDEN" not in shown.out + shown.err


def test_a_folder_that_the_owner_moved_to_another_disk_by_a_link_is_used(project: Path, place: Path) -> None:
    disk = place / "disk"
    disk.mkdir()
    os.chown(disk, OWNER, OWNER)
    (project / "data").symlink_to(disk)
    assert synced(project) == "ok"


def test_threads_have_the_owners_rights_and_all_is_as_before_afterwards(project: Path, roots: Path) -> None:
    groups = os.getgroups()
    told: list[str] = []

    def write() -> None:
        try:
            (roots / "new").write_text("")
        except PermissionError:
            told.append("refused")
        with rights.as_invoking_user():
            (roots / "settings").write_text("")
        (project / "by-a-thread").write_text("")

    with rights.rights(project):
        thread = threading.Thread(target=write)
        thread.start()
        thread.join()
    assert told == ["refused"]
    assert (roots / "settings").stat().st_uid == 0
    assert (project / "by-a-thread").stat().st_uid == OWNER
    (roots / "after").write_text("")
    assert (roots / "after").stat().st_uid == 0
    assert os.getgroups() == groups


def test_a_module_that_only_root_can_read_is_still_imported(
    project: Path, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (place / "home").mkdir(mode=0o700)
    (place / "home/late_module.py").write_text("VALUE = 5")
    monkeypatch.syspath_prepend(place / "home")
    with rights.rights(project):
        import late_module  # type: ignore[import-not-found]
    assert late_module.VALUE == 5


def test_certificates_of_roots_own_are_handed_to_a_job_of_the_owners(project: Path, place: Path) -> None:
    (place / "home").mkdir(mode=0o700)
    (place / "home/ca.pem").write_text("certificates")
    with rights.rights(project):
        found = gather(project / ".dltpod", project, {"SSL_CERT_FILE": str(place / "home/ca.pem")}, JOB, "")
        prepare(plan(project, user=JOB, host=found), project / "data")
    assert found.ca_bundle == place / "home/ca.pem"


def test_git_in_the_owners_repository_runs_as_the_owner(
    project: Path, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.chmod(0o777)
    told = place / "uid"
    hook = project / "hook"
    hook.write_text(f"#!/bin/sh\nid -u >> {told}\n")
    hook.chmod(0o755)

    def git(*arguments: str) -> None:
        subprocess.run(
            ["git", *arguments], cwd=project, check=True, user=OWNER, env={"PATH": os.environ["PATH"]}
        )

    git("init", "-q")
    git("add", ".")
    git("-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "first")
    git("config", "core.fsmonitor", str(hook))
    monkeypatch.setenv("SUDO_UID", str(OWNER))  # where git trusts the folder even as root
    assert run(project, "list", "--changed-since", "HEAD") == 0
    assert set(told.read_text().split()) == {str(OWNER)}


def test_what_a_started_program_reads_as_root_is_out_of_the_owners_reach(project: Path) -> None:
    with rights.rights(project), scratch.folder() as (place, own):
        (own / "Dockerfile").write_text("FROM x")
        assert (
            subprocess.run(["cat", place / "Dockerfile"], capture_output=True, check=True).stdout == b"FROM x"
        )
        tried = subprocess.run(["cat", place / "Dockerfile"], capture_output=True, check=False, user=OWNER)
        assert tried.returncode != 0
    assert not place.parent.exists()


def test_what_root_left_in_the_owners_project_is_told_with_the_command_that_gives_it_back(
    project: Path,
) -> None:
    (project / ".dltpod").mkdir()
    with pytest.raises(ConfigurationError, match="can't be written") as caught:
        synced(project)
    assert f"chown -R {OWNER}:{OWNER} {project}/.dltpod" in caught.value.hint


def test_where_the_system_knows_no_rights_by_thread_root_is_refused_with_the_way_out(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda name: object())
    assert run(project, "list") == 2
    assert f"sudo -u '#{OWNER}'" in capsys.readouterr().err
    assert not (project / ".dltpod").exists()


def test_a_folder_that_another_user_put_into_a_project_of_roots_is_not_written_to(project: Path) -> None:
    (project / ".dltpod").mkdir()
    os.chown(project / ".dltpod", OWNER, OWNER)
    os.chown(project, 0, 0)
    with pytest.raises(ConfigurationError, match=f"belongs to uid {OWNER}"):
        synced(project)


def test_in_a_folder_that_its_owner_cannot_reach_root_still_writes_with_the_owners_rights_alone(
    project: Path, place: Path, roots: Path
) -> None:
    place.chmod(0o700)
    (project / "data").symlink_to(roots)
    before = state_of(roots)
    assert synced(project) != "ok"
    (project / "data").unlink()
    assert synced(project) == "ok"
    assert state_of(roots) == before
    assert uids(project) == {OWNER}


def test_who_made_the_link_to_a_project_decides_whose_rights_hold(project: Path, place: Path) -> None:
    os.chown(project, 0, 0)
    link = place / "link"
    link.symlink_to(project)
    assert rights.owner_of(link) is None
    os.chown(link, OWNER, OWNER, follow_symlinks=False)
    found = rights.owner_of(link)
    assert found is not None
    assert found.uid == OWNER


def test_in_a_project_of_roots_the_jobs_two_folders_are_given_and_nothing_in_them(project: Path) -> None:
    os.chown(project, 0, 0)
    job = JobUser(65532, 65532, owns_files=False)
    data = project / "data"
    data.mkdir()
    (data / "by-hand").write_text("root's")
    made = plan(project, user=job)
    prepare(made, data)
    assert [data.stat().st_uid, made.state_dir.stat().st_uid] == [65532, 65532]
    assert {(data / "by-hand").stat().st_uid, (project / ".dltpod").stat().st_uid} == {0}


def test_in_a_project_of_roots_a_link_of_roots_is_followed_and_what_it_leads_to_stays_as_it_is(
    project: Path, place: Path
) -> None:
    os.chown(project, 0, 0)
    (place / "disk").mkdir(mode=0o755)
    (project / "data").symlink_to(place / "disk")
    with pytest.raises(ConfigurationError, match="can't write"):
        prepare(plan(project, user=JobUser(65532, 65532, owns_files=False)), project / "data")
    assert (place / "disk").stat().st_uid == 0
    os.chown(place / "disk", 65532, 65532)
    prepare(plan(project, user=JobUser(65532, 65532, owns_files=False)), project / "data")


def test_in_a_project_of_roots_no_link_of_a_jobs_in_data_makes_root_make_or_give_a_folder(
    project: Path, roots: Path
) -> None:
    os.chown(project, 0, 0)
    (project / "data").mkdir()
    (project / "data/deep").symlink_to(roots)
    before = state_of(roots)
    file = Destination("duckdb", file="/data/deep/er/warehouse.duckdb")
    made = plan(project, user=JobUser(65532, 65532, owns_files=False), destination=file)
    with pytest.raises(ConfigurationError, match="without following a link"):
        prepare(made, project / "data")
    assert state_of(roots) == before


def test_a_warehouse_that_root_made_by_hand_is_told_before_the_job_starts(project: Path) -> None:
    os.chown(project, 0, 0)
    (project / "data").mkdir()
    (project / "data/warehouse.duckdb").write_text("root's")
    with pytest.raises(ConfigurationError, match=r"warehouse\.duckdb belongs to uid 0") as caught:
        prepare(plan(project, user=JobUser(65532, 65532, owns_files=False)), project / "data")
    assert "chown -R 65532:65532" in caught.value.hint


def test_folders_that_a_running_source_swaps_and_files_that_vanish_disturb_no_other_start(
    project: Path, roots: Path
) -> None:
    """A process of the owner's exchanges folders with links to root's, as fast as it can."""
    code = f"""
        import os
        os.setgroups([]); os.setresgid({OWNER}, {OWNER}, {OWNER}); os.setresuid({OWNER}, {OWNER}, {OWNER})
        while True:
            for place in ("{project}/data/x", "{project}/.dltpod/state/shop/x"):
                os.mkdir(place)
                os.mkdir(place + "/file")
                os.rename(place, place + ".aside")
                os.symlink("{roots}", place)
                os.unlink(place)
                os.rmdir(place + ".aside/file")
                os.rmdir(place + ".aside")
    """
    assert synced(project) == "ok"
    before = state_of(roots)
    swapper = subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)])
    try:
        assert {synced(project) for _ in range(20)} == {"ok"}
        assert swapper.poll() is None
    finally:
        swapper.kill()
        swapper.wait()
    assert state_of(roots) == before
