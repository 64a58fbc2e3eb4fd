"""The script of the rendered workflow that chooses the sources, run as it is."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from launcher import config
from launcher.render import ci

COMMIT = f"git+https://github.com/acme/dltpod@{'0' * 40}"


class Chooser:
    """A project of so many sources, and its workflow's step."""

    def __init__(self, root: Path, count: int) -> None:
        self.root = root
        native = {"source_module": "m", "source_function": "f"}
        entries: list[dict[str, Any]] = [{"name": f"s{n}", "dlt_native": native} for n in range(count)]
        entries[0]["schedule"] = "@daily"
        entries.append({"name": "off", "enabled": False, "dlt_native": native})
        file = root / "my sources.yml"
        file.write_text(json.dumps({"dltpod": COMMIT, "sources": entries}))
        project = config.load(file)
        self.project = project.name
        self.workflow = yaml.safe_load(ci.render(project, project.sources))
        [self.step] = [s for s in self.workflow["jobs"]["choose"]["steps"] if s.get("id") == "choose"]

    def run(self, **given: str) -> subprocess.CompletedProcess[str]:
        output = self.root / "output"
        output.write_text("")
        variables = {**self.workflow["env"], **dict.fromkeys(self.step["env"], "")}
        variables |= {"SCHEDULES": self.step["env"]["SCHEDULES"], "GITHUB_OUTPUT": str(output), **given}
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        return subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", self.step["run"]],
            cwd=self.root,
            env={**os.environ, **variables, "PATH": path},
            capture_output=True,
            text=True,
            check=False,
        )

    def chosen(self, **given: str) -> tuple[list[str], dict[str, str]]:
        done = self.run(**given)
        assert done.returncode == 0, done.stderr
        lines = (self.root / "output").read_text().splitlines()
        outputs = {name: json.loads(text) for name, text in (line.split("=", 1) for line in lines)}
        return outputs["sources"], outputs["groups"]


def test_up_to_256_sources_are_a_job_each_that_waits_for_its_own(tmp_path: Path) -> None:
    chooser = Chooser(tmp_path, 256)
    names = [f"s{n}" for n in range(256)]
    assert chooser.chosen() == (names, {name: name for name in names})
    assert chooser.chosen(SCHEDULE="0 0 * * *") == (["s0"], {"s0": "s0"})


def test_more_sources_than_a_matrix_takes_are_batches_that_stay_the_same(tmp_path: Path) -> None:
    chooser = Chooser(tmp_path, 300)
    batches, groups = chooser.chosen()
    assert 128 < len(batches) <= 256
    assert sorted(" ".join(batches).split()) == sorted(f"s{n}" for n in range(300))
    assert len(set(groups.values())) == len(batches)
    # Fewer that are chosen wait for the batches that they are in otherwise.
    several = max(batches, key=len).split()
    assert len(several) > 1
    [alone], one = chooser.chosen(ONLY=several[1])
    assert alone == several[1]
    assert one[alone] == groups[" ".join(several)]


@pytest.mark.parametrize(
    ("names", "why"),
    [
        ("s1 s22", "there is no source 's22'; did you mean 's2'?"),
        ("s1 off", "disabled in sources.yml: off"),
        ("*", "there is no source '*'"),
        ("--file=elsewhere.yml", "there is no source '--file=elsewhere.yml'"),
    ],
)
def test_a_name_given_by_hand_that_can_not_run_fails_with_the_reason(
    tmp_path: Path, names: str, why: str
) -> None:
    done = Chooser(tmp_path, 3).run(ONLY=names)
    assert done.returncode != 0
    assert why in done.stderr


def test_loads_of_one_source_wait_for_each_other_on_all_branches_and_pull_requests_for_their_own(
    tmp_path: Path,
) -> None:
    chooser = Chooser(tmp_path, 1)
    group = chooser.workflow["jobs"]["sync"]["concurrency"]["group"]
    assert group == (
        f"dltpod-{chooser.project}-"
        "${{ github.event_name == 'pull_request' && github.ref || 'sync' }}"
        "-${{ fromJSON(needs.choose.outputs.groups)[matrix.source] }}"
    )
