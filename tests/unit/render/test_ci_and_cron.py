"""What ``render ci`` and ``render cron`` write."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
import yaml

from launcher.config.models import Project
from launcher.errors import ConfigurationError
from launcher.render import ci, cron
from tests.unit.images.projects import committed

ROOT = Path(__file__).parents[3]
GOLDEN = ROOT / "tests" / "golden"
COMMIT = "git+https://github.com/acme/dltpod@0123456789abcdef0123456789abcdef01234567"
WHEEL = "https://files.example.com/dltpod.whl#sha256=" + "a1" * 32


def project(**more: Any) -> Project:
    def entry(name: str, **keys: Any) -> dict[str, Any]:
        return {"name": name, "dlt_native": {"source_module": "m", "source_function": "f"}, **keys}

    return Project.model_validate(
        {
            "root": Path("/srv/acme"),
            "file": Path("/srv/acme/sources.yml"),
            "name": "acme",
            "registry": "ghcr.io/acme",
            "dltpod": COMMIT,
            "sources": (
                entry("jira_issues", schedule="0  */6 * * *"),
                entry("shop", schedule="@daily"),
                entry("by_hand"),
                entry("off", schedule="@hourly", enabled=False),
            ),
            **more,
        }
    )


def workflow(found: Project) -> Any:
    return yaml.safe_load(ci.render(found, found.sources))


def test_the_workflow_is_the_golden_one_to_the_letter() -> None:
    found = project()
    made = ci.render(found, found.sources, folder=PurePosixPath("pipelines"))
    assert made == (GOLDEN / "ci.yml").read_text()


def test_the_word_on_stays_a_word_for_readers_that_take_it_for_true() -> None:
    assert '"on":' in ci.render(project(), project().sources)


def test_each_schedule_of_an_enabled_source_starts_the_workflow_in_the_form_that_github_knows() -> None:
    assert workflow(project())["on"]["schedule"] == [{"cron": "0 */6 * * *"}, {"cron": "0 0 * * *"}]


def clone(folder: Path) -> Path:
    """What looks like a clone of dltpod, with a setup that makes a program to call."""
    for name in ("launcher/cli.py", "runner/contract.py", "scripts/setup"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("")
    (folder / "scripts/setup").write_text(
        '#!/bin/sh\ncd "$(dirname "$0")/.." && mkdir -p .venv/bin && echo echo made >.venv/bin/dltpod\n'
        "chmod +x .venv/bin/dltpod\n"
    )
    (folder / "scripts/setup").chmod(0o755)
    return folder


def installed(found: Project, here: Path, **given: str) -> str:
    """What ``dltpod`` says after the workflow's step that installs it."""
    made = workflow(found)
    [step] = [s for s in made["jobs"]["choose"]["steps"] if s.get("name") == "Install dltpod"]
    assert step in made["jobs"]["sync"]["steps"]
    (here / "path").write_text("")
    variables = {
        **os.environ,
        **made["env"],
        "RUNNER_TEMP": str(here),
        "GITHUB_PATH": str(here / "path"),
        **given,
    }
    shell = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c"]
    subprocess.run([*shell, step["run"]], cwd=found.root, env=variables, check=True, capture_output=True)
    program = Path((here / "path").read_text().strip(), "dltpod")
    return subprocess.run(["sh", program], check=True, capture_output=True, text=True).stdout


def test_a_project_that_does_not_say_which_dltpod_to_install_gets_no_workflow() -> None:
    with pytest.raises(ConfigurationError, match="does not say which") as error:
        workflow(project(dltpod=None))
    line = error.value.hint.partition("into it: ")[2].partition(", with")[0].replace("COMMIT", "0" * 40)
    install = yaml.safe_load(line)["dltpod"]
    assert workflow(project(dltpod=install))["env"]["DLTPOD"] == install


def test_no_workflow_installs_a_bare_name() -> None:
    for install in (COMMIT, WHEEL):
        assert f"DLTPOD: {install}" in ci.render(project(dltpod=install), project().sources)
        assert "==" not in workflow(project(dltpod=install))["env"]["DLTPOD"]


def test_a_commit_is_installed_with_the_hashes_that_it_holds(tmp_path: Path) -> None:
    commit = committed(clone(tmp_path / "origin"))
    found = project(root=tmp_path, file=tmp_path / "sources.yml")
    assert installed(found, tmp_path, DLTPOD=f"git+file://{tmp_path}/origin@{commit}") == "made\n"
    with pytest.raises(subprocess.CalledProcessError):
        installed(found, tmp_path, DLTPOD=f"git+file://{tmp_path}/origin@{'0' * 40}")


def test_a_clone_in_the_repository_is_installed_as_it_stands(tmp_path: Path) -> None:
    clone(tmp_path / "vendor/dltpod")
    found = project(root=tmp_path, file=tmp_path / "sources.yml", dltpod="./vendor/dltpod")
    assert installed(found, tmp_path) == "made\n"


def test_a_project_that_is_itself_the_clone_installs_itself(tmp_path: Path) -> None:
    found = project(root=clone(tmp_path / "clone"), file=tmp_path / "clone/sources.yml", dltpod=None)
    assert installed(found, tmp_path) == "made\n"


@pytest.mark.parametrize("install", ["./vendor", "..", "./link"])
def test_a_folder_that_holds_no_clone_of_the_repository_is_refused(tmp_path: Path, install: str) -> None:
    clone(tmp_path)
    root = tmp_path / "project"
    (root / "vendor").mkdir(parents=True)
    (root / "link").symlink_to("..")
    with pytest.raises(ConfigurationError, match="holds no clone of dltpod"):
        workflow(project(root=root, file=root / "sources.yml", dltpod=install))


def test_a_registry_elsewhere_is_signed_in_to_with_secrets_of_its_own() -> None:
    steps = workflow(project(registry="https://registry.acme.example:5000/data"))["jobs"]["sync"]["steps"]
    [login] = [step for step in steps if step.get("name") == "Log in to the registry"]
    assert "docker login registry.acme.example:5000" in login["run"]
    assert login["env"]["TOKEN"] == "${{ secrets.REGISTRY_TOKEN }}"


def test_without_a_registry_nothing_signs_in() -> None:
    assert "docker login" not in ci.render(project(registry=None), project().sources)


def test_no_expression_stands_inside_a_script_where_its_text_would_be_run() -> None:
    jobs = workflow(project())["jobs"].values()
    assert [step["run"] for job in jobs for step in job["steps"] if "${{" in step.get("run", "")] == []


def test_the_file_reaches_dltpod_as_it_is_called() -> None:
    found = project(file=Path("/srv/acme/my $sources.yml"))
    assert workflow(found)["env"]["DLTPOD_FILE"] == "my $sources.yml"
    assert "--file" not in ci.render(found, found.sources)


def _sync_step(found: Project) -> Any:
    return next(s for s in workflow(found)["jobs"]["sync"]["steps"] if s.get("name") == "Sync")


def test_each_variable_that_an_enabled_source_or_the_webhook_asks_for_comes_from_a_secret_of_its_name() -> (
    None
):
    native = {"source_module": "m", "source_function": "f"}
    kwargs = {"deep": [{"token": "env:SHOP_TOKEN"}], "again": "env:SHOP_TOKEN", "text": "env: none"}
    found = project(
        notify={"webhook": "env:HOOK_URL"},
        sources=(
            {"name": "shop", "dlt_native": {**native, "function_kwargs": kwargs}},
            {"name": "tz", "dlt_native": native, "container": {"env": {"TZ": "env:ZONE", "LANG": "C"}}},
            {"name": "off", "enabled": False, "dlt_native": {**native, "function_kwargs": {"x": "env:OFF"}}},
        ),
    )
    names = ["DLTPOD_SECRETS", "HOOK_URL", "SHOP_TOKEN", "ZONE"]
    assert _sync_step(found)["env"] == {name: f"${{{{ secrets.{name} }}}}" for name in names}
    assert "its value: HOOK_URL, SHOP_TOKEN, ZONE\n" in ci.render(found, found.sources)


def test_a_variable_that_githubs_machines_set_is_not_emptied_by_a_secret_that_nobody_could_make() -> None:
    names = ("HOME", "GITHUB_REPOSITORY", "RUNNER_TEMP", "GITHUB_TOKEN", "GITHUB_PAT")
    kwargs = {name: f"env:{name}" for name in names}
    native = {"source_module": "m", "source_function": "f", "function_kwargs": kwargs}
    found = project(sources=({"name": "repo", "dlt_native": native},))
    assert _sync_step(found)["env"] == {
        "DLTPOD_SECRETS": "${{ secrets.DLTPOD_SECRETS }}",
        "GITHUB_PAT": "${{ secrets.DLTPOD_GITHUB_PAT }}",
        "GITHUB_TOKEN": "${{ secrets.GITHUB_TOKEN }}",
    }


def test_the_crontab_is_the_golden_one_to_the_letter() -> None:
    found = project(root=Path("/srv/100% acme"), file=Path("/srv/100% acme/sources.yml"))
    made = cron.render(found, found.sources, command="/srv/venv/bin/dltpod")
    assert made == (GOLDEN / "crontab").read_text()


def test_a_line_runs_where_nothing_ran_before_and_its_log_is_its_owners_alone(tmp_path: Path) -> None:
    root = tmp_path / "100% acme"
    root.mkdir()
    found = project(root=root, file=root / "sources.yml")
    command = """/bin/sh -c 'echo "$0 $@"'"""
    line = cron.render(found, found.sources, command=command).splitlines()[-1]
    # As cron does it: the words after the schedule, percent signs bare.
    subprocess.run(["/bin/sh", "-c", line.partition(" ")[2].replace("\\%", "%")], cwd="/", check=True)
    assert (root / ".dltpod" / "cron.log").read_text() == f"--file {root}/sources.yml sync shop --json\n"
    assert (root / ".dltpod").stat().st_mode & 0o777 == 0o700


def test_a_line_of_dltpod_called_as_a_module_calls_it_as_one(tmp_path: Path) -> None:
    native = {"source_module": "m", "source_function": "f"}
    entry = {"name": "one", "schedule": "@daily", "dlt_native": native}
    (tmp_path / "sources.yml").write_text(json.dumps({"version": 1, "sources": [entry]}))
    call = [sys.executable, "-m", "dltpod", "render", "cron", "--file", str(tmp_path / "sources.yml")]
    made = subprocess.run(call, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    assert f"&& {sys.executable} -m dltpod --file {tmp_path}/sources.yml sync one" in made


def test_a_crontab_without_a_scheduled_source_is_refused() -> None:
    found = project()
    with pytest.raises(ConfigurationError, match="no source has a schedule"):
        cron.render(found, found.sources[2:], command="dltpod")
