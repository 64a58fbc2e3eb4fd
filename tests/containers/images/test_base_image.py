"""scripts/base-image, for machines that can't pull python:<version>-slim. `make test` makes one first."""

from __future__ import annotations

import subprocess
from pathlib import Path

import docker
import pytest

from launcher.engines.images import docker_images
from launcher.errors import BuildError
from launcher.images.base import build_command, find
from launcher.plan.options import SyncOptions
from launcher.secrets.gather import Drivers
from runner.contract import Destination
from tests.containers.folder import image_tags
from tests.containers.images.conftest import Workshop

SCRIPT = Path(__file__).parents[3] / "scripts/base-image"


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(SCRIPT), *arguments], capture_output=True, text=True, check=False)


def test_a_base_image_that_is_there_is_made_no_second_time(
    client: docker.DockerClient, base_image: None
) -> None:
    before = image_tags(client, reference="*/base:3.13")
    identities = [client.images.get(tag).id for tag in before]
    done = run("3.13")
    assert done.returncode == 0
    assert done.stderr.endswith(" is there\n")
    assert [client.images.get(tag).id for tag in before] == identities


def test_a_python_that_debian_lacks_is_told_in_three_lines(base_image: None) -> None:
    done = run("--force", "3.12")
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "base-image: Debian has no Python 3.12 to make a base image of",
        "  hint: 3.13 and 3.11 can be had; or set base_image: to an image that can be pulled",
    ]


def test_the_image_made_here_is_known_by_its_packages(client: docker.DockerClient, base_image: None) -> None:
    base = find(client, "python:{python}-slim", "3.13", lambda line: None)
    assert base.identity.startswith(("sha256:", "debian-trixie-"))


def test_a_mirror_that_lacks_the_image_has_no_stand_in(client: docker.DockerClient, base_image: None) -> None:
    said: list[str] = []
    with pytest.raises(BuildError) as error:
        find(client, "127.0.0.1:9/python:{python}", "3.13", said.append)
    assert error.value.message.startswith(
        "base image 127.0.0.1:9/python:3.13 is not present and can't be pulled"
    )
    assert "base_image:" in error.value.hint
    assert said == ["pulling 127.0.0.1:9/python:3.13", "127.0.0.1:9/python:3.13 can't be pulled"]
    assert build_command("3.13") == "make base-image"


def test_a_base_image_that_cannot_be_pulled_is_asked_for_once_and_told_to_each_source(
    workshop: Workshop,
) -> None:
    workshop.base_image = "127.0.0.1:9/python:{python}"
    sources = [workshop.source(name, egress=("example.org:443",)) for name in ("one", "two", "three")]
    project, options = workshop.project(*sources), SyncOptions()
    make = docker_images(workshop.client, project, workshop.environ, "linux/amd64", options)
    for source in sources:
        with pytest.raises(BuildError, match="is not present and can't be pulled"):
            make(source, Drivers(Destination("dummy")), workshop.said.append)
    assert workshop.said == ["pulling 127.0.0.1:9/python:3.13", "127.0.0.1:9/python:3.13 can't be pulled"]
