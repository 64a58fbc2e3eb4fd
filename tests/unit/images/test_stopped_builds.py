"""A Ctrl-C while an image is made."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from launcher.engines.images import ImageFor, docker_images
from launcher.errors import BuildError
from launcher.images.build_many import BuildOptions, build
from launcher.plan.options import SyncOptions
from launcher.runs.sync import sync
from launcher.secrets.gather import Drivers
from runner.contract import Destination
from tests.stand_ins.web import Answer
from tests.unit.engine.builders import FakeEngine
from tests.unit.images.projects import project, source
from tests.unit.images.standing_in import engine

DOCKER = """\
#!/bin/sh
PATH=/usr/bin:/bin
[ "$1" != --version ] || { touch "$(dirname "$0")/asked"; echo 'Docker version 20.10.24, build abc'; exit; }
echo "$@" >>"$(dirname "$0")/builds"
trap 'stopped=1' INT
kill -INT $PPID
while [ -z "$stopped" ]; do sleep 0.05; done
to=$(echo "$@" | sed 's/.*dest=\\([^ ]*\\).*/\\1/')
echo '{"six": "1.16.0"}' >"$to/packages.json"
"""
"""A builder whose step ends well though a stop came meanwhile: as if it had ended just before."""


def answer(path: str) -> Answer:
    if path.startswith("/version"):
        return Answer({"Os": "linux", "Arch": "amd64"})
    missing = re.search("dltpod/(source|environment)", path)
    return Answer({"message": "no such image"}, 404) if missing else Answer({"Id": "sha256:0"})


@pytest.fixture
def tool(tmp_path: Path) -> Path:
    tool = tmp_path / "bin/docker"
    tool.parent.mkdir()
    tool.write_text(DOCKER)
    tool.chmod(0o755)
    return tool


def begun(tool: Path) -> str:
    (only,) = (tool.parent / "builds").read_text().splitlines()
    return only


def test_after_a_ctrl_c_no_further_step_of_an_image_begins(tmp_path: Path, tool: Path) -> None:
    loaded = project(tmp_path, source("one", requirements=("six==1.16.0",)))
    environ = {"HOME": str(tmp_path), "PATH": str(tool.parent)}
    with engine(answer) as client, pytest.raises(KeyboardInterrupt):
        build(loaded, loaded.sources, BuildOptions(), client=client, environ=environ)
    assert "--target packages" in begun(tool)


def test_nor_does_one_where_a_sync_makes_the_image(tmp_path: Path, tool: Path) -> None:
    loaded = project(tmp_path, source("one", requirements=("six==1.16.0",)))
    environ = {"HOME": str(tmp_path), "PATH": str(tool.parent)}
    with engine(answer) as client:

        class Docker(FakeEngine):
            def image_for(self, *asked: Any) -> ImageFor:
                project, environ, *rest = asked
                return docker_images(client, project, environ, "linux/amd64", *rest)

        outcome = sync(loaded, loaded.sources, SyncOptions(), engine=Docker({}), environ=environ)
    assert (outcome.records[0].message, outcome.exit_code) == ("stopped as asked", 130)
    assert "--target packages" in begun(tool)


def test_nor_does_one_after_a_stop_while_a_builder_is_looked_for(tmp_path: Path, tool: Path) -> None:
    loaded = project(tmp_path, source("one", requirements=("six==1.16.0",)))
    environ = {"HOME": str(tmp_path), "PATH": str(tool.parent)}
    asked = tool.parent / "asked"
    with engine(answer) as client:
        make = docker_images(client, loaded, environ, "linux/amd64", SyncOptions(), asked.exists)
        with pytest.raises(BuildError, match="stopped"):
            make(loaded.sources[0], Drivers(Destination("dummy")), print)
    assert asked.exists()
    assert not (tool.parent / "builds").exists()
