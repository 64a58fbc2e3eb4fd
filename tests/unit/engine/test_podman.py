"""Where Podman behind Docker's API differs from Docker."""

from __future__ import annotations

from launcher.engines.docker.engine import _facts
from launcher.engines.docker.spec import create_arguments
from tests.unit.render.plans import plan


def test_podman_is_known_by_what_it_says_of_itself() -> None:
    podman = _facts({"ServerVersion": "4.3.1", "BuildahVersion": "1.28.2"}, remote=False)
    docker = _facts({"ServerVersion": "20.10.24"}, remote=False)
    assert (podman.podman, podman.name) == (True, "Podman 4.3.1")
    assert (docker.podman, docker.name) == (False, "Docker Engine 20.10.24")


def test_podman_is_given_no_owner_of_a_tmpfs_for_it_takes_none() -> None:
    body = create_arguments(plan().container, podman=True)
    assert body["HostConfig"]["Tmpfs"]["/run/secrets/dlt"] == (
        f"rw,nosuid,nodev,noexec,size={8 << 20},mode=1777"
    )
    body = create_arguments(plan().container)
    assert body["HostConfig"]["Tmpfs"]["/run/secrets/dlt"].endswith("mode=0700,uid=1000,gid=1000")
