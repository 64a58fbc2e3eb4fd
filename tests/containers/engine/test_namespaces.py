"""A job's network namespace is its own while it runs, and gone with its launcher."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace

import pytest

from launcher.engines.docker.network import Networks
from launcher.host.user import JobUser
from launcher.images.base import find
from launcher.plan.values import ContainerSpec
from tests.containers.folder import REPOSITORY, Folder
from tests.waiting import wait_for


@pytest.fixture
def networks(project: Folder) -> Iterator[Networks]:
    with contextlib.closing(Networks(project.client.api, reuse=True)) as made:
        yield made


@pytest.fixture
def spec(project: Folder) -> ContainerSpec:
    base = find(project.client, "python:{python}-slim", "3.13", lambda line: None).reference
    return ContainerSpec("x", base, (), JobUser(1000, 1000, owns_files=True), base=base)


def mode_of(networks: Networks, spec: ContainerSpec) -> str:
    with networks.of(spec, "run", podman=False) as network:
        return network.mode


def test_jobs_one_after_the_other_join_one_namespace_and_jobs_side_by_side_have_their_own(
    networks: Networks, spec: ContainerSpec
) -> None:
    with (
        networks.of(spec, "run", podman=False) as one,
        networks.of(spec, "run", podman=False) as two,
    ):
        assert one.mode != two.mode
    assert mode_of(networks, spec) == mode_of(networks, spec) in (one.mode, two.mode)
    assert mode_of(networks, replace(spec, extra_hosts={"near": "192.0.2.1"})) not in (one.mode, two.mode)


def test_a_namespace_that_has_gone_is_made_anew(
    project: Folder, networks: Networks, spec: ContainerSpec
) -> None:
    gone = mode_of(networks, spec)
    project.client.api.remove_container(gone.removeprefix("container:"), force=True)
    assert mode_of(networks, spec) != gone


HOLDS = """
import sys, time
from launcher.engines.docker.network import Networks
from launcher.host.docker_engine import connect
from launcher.host.user import JobUser
from launcher.plan.values import ContainerSpec
spec = ContainerSpec("x", "", (), JobUser(1000, 1000, owns_files=True), base=sys.argv[1])
with Networks(connect().api).of(spec, "run", podman=False) as network:
    network.wait_closed()
    print(network.mode, flush=True)
    time.sleep(600)
"""


def test_of_a_launcher_that_was_killed_no_namespace_stays(project: Folder, spec: ContainerSpec) -> None:
    command = [sys.executable, "-c", HOLDS, spec.base]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=REPOSITORY) as launcher:
        assert launcher.stdout is not None
        mode = launcher.stdout.readline().strip()
        container = project.client.containers.get(mode.removeprefix("container:"))
        launcher.kill()
    wait_for(lambda: container not in project.client.containers.list(all=True))
