"""Verified sources from a work tree and from git."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from launcher.config.models import VerifiedSources
from launcher.environment import verified_sources
from launcher.environment.verified_sources import Repository
from launcher.errors import ConfigurationError
from tests.unit.images.projects import committed, project, source, verified_tree


def repository(root: Path, location: str, ref: str = "master", *, refresh: bool = False) -> Repository:
    environ = {"HOME": str(root / "home"), "PATH": "/usr/bin:/bin"}
    settings = VerifiedSources(location=location, ref=ref)
    return Repository(settings, root=root, environ=environ, refresh=refresh)


def test_a_work_tree_is_read_as_it_stands(tmp_path: Path) -> None:
    verified_tree(tmp_path / "tree")
    found = repository(tmp_path, "tree")
    assert set(found.names()) == {"jira", "zoo", "weather"}
    assert found.requirements("weather") == ()
    found.copy("jira", tmp_path / "out")
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == ["__init__.py", "requirements.txt"]


def test_a_git_repository_is_fetched_once_and_read_offline_afterwards(tmp_path: Path) -> None:
    tree = verified_tree(tmp_path / "tree")
    commit = committed(tree)
    assert repository(tmp_path, f"file://{tree}").commit("jira") == commit
    tree.rename(tmp_path / "gone")
    again = repository(tmp_path, f"file://{tree}")
    assert "jira" in again.names()
    assert again.commit("jira") == commit


def test_a_commit_may_be_the_ref(tmp_path: Path) -> None:
    tree = verified_tree(tmp_path / "tree")
    first = committed(tree)
    (tree / "sources/jira/more.py").write_text("X = 1\n")
    committed(tree)
    found = repository(tmp_path, f"file://{tree}", first)
    found.copy("jira", tmp_path / "out")
    assert not (tmp_path / "out/more.py").exists()


def test_a_refresh_takes_the_branchs_new_commit_and_keeps_the_old_where_it_cannot(tmp_path: Path) -> None:
    tree = verified_tree(tmp_path / "tree")
    first = committed(tree)
    assert repository(tmp_path, f"file://{tree}").commit("jira") == first
    (tree / "sources/jira/more.py").write_text("X = 1\n")
    second = committed(tree)
    assert repository(tmp_path, f"file://{tree}").commit("jira") == first
    assert repository(tmp_path, f"file://{tree}", refresh=True).commit("jira") == second
    tree.rename(tmp_path / "gone")
    assert repository(tmp_path, f"file://{tree}", refresh=True).commit("jira") == second


def test_a_ref_that_is_not_there_is_told_and_nothing_half_made_stays(tmp_path: Path) -> None:
    tree = verified_tree(tmp_path / "tree")
    committed(tree)
    with pytest.raises(ConfigurationError, match="has no ref 'v9'"):
        repository(tmp_path, f"file://{tree}", "v9").names()
    assert [file.name for file in (tmp_path / "home").rglob("*") if "fetch" in file.name] == []


def test_a_repository_that_cannot_be_reached_is_told_without_its_password(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as error:
        repository(tmp_path, "https://user:hunter2@127.0.0.1:9/repo.git").names()
    assert "can't be fetched" in error.value.message
    assert "hunter2" not in error.value.message + error.value.hint


def test_a_folder_that_is_no_such_repository_is_told(tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    with pytest.raises(ConfigurationError, match="has no folder 'sources/'"):
        repository(tmp_path, "tree").names()
    with pytest.raises(ConfigurationError, match="'nowhere' does not exist"):
        repository(tmp_path, "nowhere").names()


def test_a_repository_that_can_not_be_had_is_asked_once(tmp_path: Path) -> None:
    tree = verified_tree(tmp_path / "tree")
    found = repository(tmp_path, f"file://{tmp_path}/nowhere")
    with pytest.raises(ConfigurationError) as first:
        found.names()
    tree.rename(tmp_path / "nowhere")
    with pytest.raises(ConfigurationError) as second:
        found.names()
    assert second.value is first.value


def test_a_project_has_one_repository_as_long_as_it_is_loaded(tmp_path: Path) -> None:
    settings = VerifiedSources(location=f"file://{tmp_path}/nowhere")
    environ = {"HOME": str(tmp_path / "home"), "PATH": "/usr/bin:/bin"}
    loaded = project(tmp_path, source("one"), verified=settings)
    again = project(tmp_path, source("one"), verified=settings)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: verified_sources.repository(loaded, environ, print), range(4)))
    with pytest.raises(ConfigurationError):
        found[0].names()
    assert {id(item) for item in found} == {id(found[0])}
    assert verified_sources.repository(again, environ, print).failed is None
    assert loaded == again


def test_several_threads_that_ask_at_once_fetch_it_once(tmp_path: Path) -> None:
    tree = verified_tree(tmp_path / "tree")
    commit = committed(tree)
    found = repository(tmp_path, f"file://{tree}")
    with ThreadPoolExecutor(4) as pool:
        assert [*pool.map(found.commit, ["jira"] * 4)] == [commit] * 4


def test_several_commands_that_fetch_it_at_once_do_not_hinder_each_other(tmp_path: Path) -> None:
    tree = verified_tree(tmp_path / "tree")
    commit = committed(tree)
    with ThreadPoolExecutor(4) as pool:
        found = pool.map(lambda _: repository(tmp_path, f"file://{tree}").commit("jira"), range(4))
        assert [*found] == [commit] * 4


def test_dlts_own_repository_is_not_asked_for_a_module_that_it_does_not_have(tmp_path: Path) -> None:
    found = Repository(VerifiedSources(), root=tmp_path, environ={})
    assert found.may_have("jira", ())
    assert not found.may_have("my_company", ())
    assert repository(tmp_path, "tree").may_have("my_company", ())


@pytest.mark.parametrize(
    ("module", "requirements", "asked"),
    [
        ("my_company.sources.erp", ["acme-sources"], False),
        ("my_company.sources.erp", [], True),
        ("my_company", ["acme-sources"], True),
        ("my_company", ["My.Company>=2"], False),
        ("my_company", ["./packages/my-company"], False),
        ("jira.helpers", ["pendulum"], True),
        ("jira.helpers", ["jira>3"], False),
    ],
)
def test_a_source_is_looked_for_only_where_no_requirement_may_bring_the_module(
    tmp_path: Path, module: str, requirements: list[str], asked: bool
) -> None:
    assert repository(tmp_path, "tree").may_have(module, requirements) is asked


@pytest.fixture
def silent() -> Iterator[tuple[str, socket.socket]]:
    """A git server that takes calls and never answers, as behind a firewall that swallows packets."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(60)
        yield f"git://127.0.0.1:{server.getsockname()[1]}/sources.git", server


def test_a_fetch_without_an_answer_ends_at_its_limit(
    tmp_path: Path, silent: tuple[str, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verified_sources, "SECONDS", 1)
    with pytest.raises(ConfigurationError, match="can't be fetched: no answer within 1 s"):
        repository(tmp_path, silent[0]).names()


def test_a_stop_ends_a_fetch_in_whichever_thread_it_is(
    tmp_path: Path, silent: tuple[str, socket.socket]
) -> None:
    from launcher.host.processes import cancel_all

    errors: list[ConfigurationError] = []

    def ask() -> None:
        try:
            repository(tmp_path, silent[0]).names()
        except ConfigurationError as error:
            errors.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    call, _ = silent[1].accept()
    cancel_all()
    thread.join(60)
    call.close()
    assert len(errors) == 1


def test_ctrl_c_ends_check_while_git_waits_and_leaves_no_git(
    tmp_path: Path, silent: tuple[str, socket.socket]
) -> None:
    (tmp_path / "sources.yml").write_text(
        f"verified_sources: {{location: '{silent[0]}'}}\n"
        "sources: [{name: zoo, dlt_native: {source_module: zoo_keeper, source_function: zoo}}]\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "dltpod", "check"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3]), "HOME": str(tmp_path)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    call, _ = silent[1].accept()
    call.settimeout(60)
    assert call.recv(4096)
    process.send_signal(signal.SIGINT)
    # a process that waits for the network for two minutes would outlast this
    assert process.wait(60) == 130
    while call.recv(4096):  # until git has closed it
        pass
    call.close()
