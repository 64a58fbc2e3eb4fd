"""The rendered workflow's steps, run as the shell scripts that they are."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.containers.cli.calls import dltpod
from tests.containers.folder import REPOSITORY, Folder

ROWS = "def rows():\n    yield [{'id': n} for n in range(3)]\n"
SECRETIVE = """
import dlt

@dlt.resource(name="rows")
def rows(word, key=dlt.secrets.value):
    yield [{"id": n, "word": word} for n in range(3)]
"""


class Workflow:
    """A repository with a project, and a machine that runs its workflow."""

    def __init__(self, folder: Folder, machine: Path) -> None:
        self.folder = folder
        self._machine = machine
        self._installed = machine / "installed"
        folder.code("one", ROWS)
        folder.code("two", SECRETIVE)
        folder.source("one", "one", "rows", schedule="0 6 * * *")
        folder.source("two", "two", "rows", {"word": "env:TWO_WORD"}, schedule="@hourly")
        folder.source("off", "one", "rows", enabled=False)
        folder.write(".gitignore", ".dltpod/\ndata/\n.dlt/\n.venv/\n")
        for name in ("launcher", "runner", "scripts", "requirements"):
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(REPOSITORY / name, folder.root / "vendor/dltpod" / name, ignore=ignored)
        shutil.copy(REPOSITORY / "Dockerfile", folder.root / "vendor/dltpod")
        entries = json.loads((folder.root / "sources.yml").read_text())
        folder.write("sources.yml", json.dumps({**entries, "dltpod": "./vendor/dltpod"}))
        assert dltpod(folder, "lock", "one", "two").code == 0
        assert dltpod(folder, "render", "ci", "-o", ".github/workflows/dltpod.yml").code == 0
        self.git("init", "-q", "-b", "main")
        self.commit()
        text = (folder.root / ".github" / "workflows" / "dltpod.yml").read_text()
        self.document: dict[str, Any] = yaml.safe_load(text)

    def git(self, *arguments: str) -> str:
        identity = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
        command = ["git", *identity, *arguments]
        return subprocess.run(
            command, cwd=self.folder.root, check=True, capture_output=True, text=True
        ).stdout

    def commit(self) -> str:
        self.git("add", "-A")
        self.git("commit", "-q", "-m", "change", "--allow-empty")
        return self.git("rev-parse", "HEAD").strip()

    def run(self, job: str, **expressions: str) -> dict[str, str]:
        """Every script of a job, in order; what it gives out. ``expressions`` are GitHub's, by their ends."""
        found = self.document["jobs"][job]
        given = {**self.document["env"], **found.get("env", {})}
        output = self._machine / "output"
        output.write_text("")
        for step in found["steps"]:
            if "run" not in step or not _applies(step, expressions):
                continue
            if step.get("name") == "Install dltpod":
                # Once: to this machine the second job comes again.
                if self._installed.exists():
                    continue
                self._installed.touch()
            environ = {**given, **step.get("env", {}), "GITHUB_OUTPUT": str(output)}
            self._script(step["run"], {name: _value(text, expressions) for name, text in environ.items()})
        return dict(line.split("=", 1) for line in output.read_text().splitlines())

    def _script(self, script: str, environ: dict[str, str]) -> None:
        added = self._machine / "path"
        added.touch()
        environ |= {"GITHUB_PATH": str(added), "PYTHON": sys.executable}
        path = ":".join([*added.read_text().split(), os.environ["PATH"]])
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script],
            cwd=self.folder.root,
            env={**os.environ, **environ, "PATH": path},
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )
        assert done.returncode == 0, f"{script}\n{done.stdout}\n{done.stderr}"


def _applies(step: dict[str, Any], expressions: dict[str, str]) -> bool:
    condition = step.get("if", "")
    if not condition:
        return True
    is_pull_request = expressions.get("event_name") == "pull_request"
    return is_pull_request == ("==" in condition)


def _value(text: str, expressions: dict[str, str]) -> str:
    """The text with GitHub's expressions replaced; one that is not given is empty, as it is there."""
    if "${{" not in text:
        return text
    return next((value for name, value in expressions.items() if name in text), "")


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A machine that has nothing yet."""
    return tmp_path_factory.mktemp("machine")


@pytest.fixture
def workflow(project: Folder, machine: Path) -> Workflow:
    return Workflow(project, machine)


def chosen(outputs: dict[str, str]) -> Any:
    return json.loads(outputs["sources"])


def test_the_workflow_chooses_and_runs_sources_as_its_events_ask(workflow: Workflow) -> None:
    first = workflow.git("rev-parse", "HEAD").strip()
    # By hand and with nothing to compare with: all that are enabled, or those that are named.
    assert chosen(workflow.run("choose")) == ["one", "two"]
    assert chosen(workflow.run("choose", **{"inputs.sources": "two"})) == ["two"]
    # A schedule: those that have it, in the words that GitHub knows.
    assert chosen(workflow.run("choose", **{"github.event.schedule": "0 * * * *"})) == ["two"]
    # A push or a pull request: those that the change touches.
    workflow.folder.code("two", SECRETIVE.replace("3", "4"))
    workflow.commit()
    assert chosen(workflow.run("choose", **{"github.event.before": first})) == ["two"]
    assert chosen(workflow.run("choose", **{"github.event.before": "0" * 40})) == ["one", "two"]
    # Then each one's own job: a pull request builds and checks without any secret, anything else loads.
    workflow.run("sync", event_name="pull_request", **{"matrix.source": "two"})
    assert not (workflow.folder.root / "data").exists()
    workflow.run(
        "sync",
        event_name="push",
        **{
            "matrix.source": "two",
            "secrets.DLTPOD_SECRETS": "[sources.two]\nkey = 'x'\n",
            "secrets.TWO_WORD": "spoken",
        },
    )
    found = workflow.folder.rows("select count(*), min(word) from raw_two.rows")
    assert found == [(4, "spoken")]
    secrets = workflow.folder.root / ".dlt" / "secrets.toml"
    assert secrets.stat().st_mode & 0o777 == 0o600
