"""A mount never hands over an engine, the host or another source's secrets."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path
from typing import Any

import pytest

import launcher
from launcher.config.forms import mount, split_mount
from launcher.config.mounts import Guard
from launcher.config.rules import mount_source
from tests.unit.config.project import one, report


def mount_fault(root: Path, text: str) -> str | None:
    """What is wrong with a mount's host path, links followed; None if nothing is."""
    return Guard(root).fault(mount_source(root, text), read_only=split_mount(text)[2])


@pytest.mark.parametrize(
    "host",
    [
        "/var/run/docker.sock",
        "/run/docker.sock",
        "/run/podman/podman.sock",
        "/run/containerd/containerd.sock",
        "/run/containerd",
        "/var/run",
        "/run",
        "/var",
        "/",
        "/etc/../var/run/docker.sock",
        "../../../../../../../../../../../../run",
    ],
)
def test_an_engines_socket_is_refused_by_any_of_its_names(tmp_path: Path, host: str) -> None:
    assert "engine's socket" in str(mount_fault(tmp_path, f"{host}:/workspace/x"))


def test_a_link_to_the_folder_of_a_socket_is_refused(tmp_path: Path) -> None:
    (tmp_path / "harmless").symlink_to("/run")
    assert "engine's socket" in str(mount_fault(tmp_path, "harmless:/workspace/x"))
    (tmp_path / "up").symlink_to("/")
    assert "engine's socket" in str(mount_fault(tmp_path, "up/var/run/docker.sock:/workspace/x"))


def test_any_socket_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("s")
        assert "engine's socket" in str(mount_fault(tmp_path, "s:/workspace/x"))


def test_the_socket_that_docker_host_names_is_refused_with_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/engine/d.sock")
    assert "engine's socket" in str(mount_fault(tmp_path / "p", "../engine:/workspace/x"))


@pytest.mark.parametrize(
    "host", [".", "./", "..", ".dlt", ".dlt/secrets.toml", ".env", ".dltpod/state", "x/../.dlt"]
)
def test_the_secrets_of_all_sources_are_never_mounted(tmp_path: Path, host: str) -> None:
    root = tmp_path / "project"
    root.mkdir()
    assert "secrets" in str(mount_fault(root, f"{host}:/workspace/x"))


def test_a_link_to_the_secrets_is_refused(tmp_path: Path) -> None:
    (tmp_path / ".dlt").mkdir()
    (tmp_path / "docs").symlink_to(".dlt")
    assert "secrets" in str(mount_fault(tmp_path, "docs:/workspace/x"))


@pytest.mark.parametrize("host", ["/proc", "/sys/fs", "/dev/mem"])
def test_the_hosts_own_insides_are_refused(tmp_path: Path, host: str) -> None:
    assert "must not be the host's own" in str(mount_fault(tmp_path, f"{host}:/workspace/x"))


@pytest.mark.parametrize(
    "host",
    ["/var/lib", "/var/lib/docker/volumes", "/var/lib/kubelet", "~/.local/share/containers", "~/.local"],
)
def test_an_engines_store_and_what_is_around_it_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert "an engine's storage" in str(mount_fault(tmp_path / "p", f"{host}:/workspace/x"))


@pytest.mark.parametrize("host", ["~", "~/", "~/..", "~/x/.."])
def test_a_home_folder_is_refused_for_reading_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home/me"))
    assert "home folder" in str(mount_fault(tmp_path / "p", f"{host}:/workspace/x"))


@pytest.mark.parametrize(
    "host",
    [
        *("custom_sources", "custom_sources/shop/data", "sources.yml", "locks", "locks/shop.txt", "Makefile"),
        *(".git", ".git/hooks", ".github", ".venv", ".dango", "pyproject.toml", "link", "link/new"),
        *("/etc", "/etc/cron.d", "/usr/local/bin", "/var/spool/cron", "/var/lib/app", "/boot"),
        *("~/.ssh", "~/.bashrc", "~/.config/systemd", "~/.local/bin"),
        *(str(Path(launcher.__file__).parent), str(Path(launcher.__file__).parent / "config"), sys.prefix),
    ],
)
def test_what_says_which_code_runs_is_mounted_for_reading_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    root = tmp_path / "project"
    (root / "custom_sources").mkdir(parents=True)
    (root / "link").symlink_to("custom_sources")
    assert "would let the source write" in str(mount_fault(root, f"{host}:/workspace/x:rw"))
    assert mount_fault(root, f"{host}:/workspace/x:ro") is None


@pytest.mark.parametrize("host", ["out", "data/raw", "~/exports", "~/.local/share/app", "~/.cache/app"])
def test_other_folders_may_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert mount_fault(tmp_path / "project", f"{host}:/workspace/x:rw") is None


@pytest.mark.parametrize("host", [".env.production", ".env.d/a", ".envrc"])
def test_other_files_of_variables_are_secrets_too(tmp_path: Path, host: str) -> None:
    assert "secrets" in str(mount_fault(tmp_path, f"{host}:/workspace/x:ro"))


def test_a_second_name_of_the_secrets_is_refused(tmp_path: Path) -> None:
    root = tmp_path / "project"
    root.mkdir()
    (root / ".env").write_text("KEY=value")
    (tmp_path / "copy").hardlink_to(root / ".env")
    assert "secrets" in str(mount_fault(root, "../copy:/workspace/x:ro"))


@pytest.mark.parametrize("place", ["agent", "deep/er/agent"])
@pytest.mark.parametrize("mode", ["ro", "rw"])
def test_a_folder_that_holds_a_socket_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str, mode: str
) -> None:
    file = tmp_path / "folder" / place
    file.parent.mkdir(parents=True)
    monkeypatch.chdir(file.parent)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("agent")
        found = mount_fault(tmp_path / "project", f"{tmp_path}/folder:/workspace/x:{mode}")
    assert f"contains the socket {file}" in str(found)


def test_the_socket_that_tells_git_of_changed_files_is_no_hindrance(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".git").mkdir()
    monkeypatch.chdir(tmp_path / ".git")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("fsmonitor--daemon.ipc")
        assert mount_fault(tmp_path, ".git:/workspace/.git:ro") is None


def test_the_socket_of_an_ssh_agent_is_refused_however_deep_it_lies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "a/b/agent.1"))
    assert "agent.1" in str(mount_fault(tmp_path / "p", f"{tmp_path}/a:/workspace/x"))


def test_a_huge_folder_is_not_searched_for_sockets_to_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    scan = os.scandir

    def counted(path: Path) -> Any:
        read.append(str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", counted)
    for number in range(60):
        (tmp_path / f"in/{number}").mkdir(parents=True)
        for inner in range(60):
            (tmp_path / f"in/{number}/{inner}").touch()
    assert mount_fault(tmp_path / "project", f"{tmp_path}/in:/workspace/x") is None
    assert len(read) < 25


def test_a_link_in_a_folder_that_sources_write_to_leads_no_mount_out_of_it(tmp_path: Path) -> None:
    for name in ("data", "out", "elsewhere"):
        (tmp_path / name).mkdir()
    for name in ("data", "out"):
        (tmp_path / name / "in").symlink_to(tmp_path / "elsewhere")
    assert "leads by a link" in str(mount_fault(tmp_path, "data/in:/workspace/x:ro"))
    mounts = "{mounts: [out:/workspace/out:rw, out/in:/workspace/in:ro, data:/workspace/data:ro]}"
    found = report(tmp_path, one(f"container: {mounts}"))
    assert len(found) == 1
    assert "container.mounts[1]: leads by a link" in found[0]


@pytest.mark.parametrize(
    "target",
    [
        "/",
        "/state",
        "/data/x",
        "/run/secrets",
        "/opt",
        "/opt/custom_sources/x",
        "/opt/venv",
        "/tmp",
        "/proc",
        "/usr/lib",
        "/etc/passwd",
        "relative",
        "/a/../state",
        "//x",
        "/x/",
    ],
)
def test_a_target_of_dltpods_own_or_of_the_system_is_refused(target: str) -> None:
    assert mount(f"folder:{target}") is not None


@pytest.mark.parametrize("text", ["a", "a:", ":/b", "a:/b:rx", "a:/b:ro:x", "", "$HOME:/workspace/x"])
def test_a_mount_of_another_form_is_refused(text: str) -> None:
    assert mount(text) is not None


@pytest.mark.parametrize(
    ("text", "read_only"),
    [(".git:/workspace/.git", True), ("a:/workspace/a:ro", True), ("a:/workspace/a:rw", False)],
)
def test_a_mount_is_read_only_unless_it_says_otherwise(tmp_path: Path, text: str, read_only: bool) -> None:
    assert mount(text) is None
    assert mount_fault(tmp_path, text) is None
    assert split_mount(text)[2] is read_only
    assert mount_source(tmp_path, text).parent == tmp_path


def test_a_mount_of_the_defaults_is_looked_at_too(tmp_path: Path) -> None:
    text = "defaults:\n  container:\n    mounts:\n      - /run:/workspace/run\n" + one("enabled: true")
    found = report(tmp_path, text)
    assert len(found) == 1
    assert found[0].startswith(
        "sources.yml:4: defaults.container.mounts[0]: would give the source an engine's socket"
    )
