"""A mount never hands over an engine, the host or another source's secrets."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from launcher.config.forms import mount, split_mount
from launcher.config.rules import mount_fault, mount_source
from tests.unit.config.project import one, report


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


@pytest.mark.parametrize("host", ["/proc", "/sys/fs", "/dev/mem", "/var/lib/docker/volumes"])
def test_the_hosts_own_insides_are_refused(tmp_path: Path, host: str) -> None:
    assert "must not be the host's own" in str(mount_fault(tmp_path, f"{host}:/workspace/x"))


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
        "sources.yml:4: defaults.container.mounts[0]: would hand the source an engine's socket"
    )
