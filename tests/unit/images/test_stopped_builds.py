"""A Ctrl-C during ``dltpod build``."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from launcher.images.build_many import BuildOptions, build
from tests.unit.images.projects import project, source
from tests.unit.images.standing_in import Answer, engine

DOCKER = """\
#!/bin/sh
PATH=/usr/bin:/bin
[ "$1" != --version ] || { echo 'Docker version 20.10.24, build abc'; exit; }
echo "$@" >>"$(dirname "$0")/builds"
trap 'stopped=1' INT
kill -INT $PPID
while [ -z "$stopped" ]; do sleep 0.05; done
to=$(echo "$@" | sed 's/.*dest=\\([^ ]*\\).*/\\1/')
echo '{"six": "1.16.0"}' >"$to/packages.json"
"""
"""A builder whose step ends well though a stop came meanwhile: as if it had ended just before."""


def test_after_a_ctrl_c_no_further_step_of_an_image_begins(tmp_path: Path) -> None:
    def answer(path: str) -> Answer:
        if path.startswith("/version"):
            return 200, {"Os": "linux", "Arch": "amd64"}
        missing = re.search("dltpod/(source|environment)", path)
        return (404, {"message": "no such image"}) if missing else (200, {"Id": "sha256:0"})

    tool = tmp_path / "bin/docker"
    tool.parent.mkdir()
    tool.write_text(DOCKER)
    tool.chmod(0o755)
    loaded = project(tmp_path, source("one", requirements=("six==1.16.0",)))
    environ = {"HOME": str(tmp_path), "PATH": str(tool.parent)}
    with engine(answer) as client, pytest.raises(KeyboardInterrupt):
        build(loaded, loaded.sources, BuildOptions(), client=client, environ=environ)
    (begun,) = (tool.parent / "builds").read_text().splitlines()
    assert "--target packages" in begun
