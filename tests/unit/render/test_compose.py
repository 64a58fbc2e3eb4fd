"""What ``render compose`` writes."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from launcher.config.models import Project
from launcher.errors import ConfigurationError
from launcher.host.user import JobUser
from launcher.plan.values import JobPlan, Mount
from launcher.runs.host import prepare
from runner.contract import job_from
from tests.unit.render.made import compose_file
from tests.unit.render.plans import ROOT, SECRET, a_file_destination, plan, with_container, with_job

GOLDEN = Path(__file__).parents[2] / "golden" / "compose.yml"


def fleet() -> list[JobPlan]:
    first = with_container(plan(), cpus=1.5, network="warehouse", environment={"GREETING": "a $dollar"})
    return [first, a_file_destination(plan("shop"))]


def service(made: JobPlan, **place: Any) -> dict[str, Any]:
    document = yaml.safe_load(compose_file([made], root=ROOT, **place))
    found: dict[str, Any] = document["services"][made.job.source]
    return found


def test_the_rendering_is_the_golden_one_to_the_letter() -> None:
    assert compose_file(fleet(), root=ROOT) == GOLDEN.read_text()


def test_the_folders_that_the_file_mounts_are_there(tmp_path: Path) -> None:
    state = tmp_path / ".dltpod" / "state" / "shop"
    (tmp_path / "custom_sources").mkdir()
    made = with_container(
        plan("shop", state_dir=state),
        user=JobUser(os.getuid(), os.getgid(), owns_files=True),
        mounts=(Mount(state, "/state", read_only=False), Mount(tmp_path / "data", "/data", read_only=False)),
    )
    native = {"source_module": "m", "source_function": "f"}
    entry = {"name": "shop", "dlt_native": native}
    project = Project.model_validate(
        {"root": tmp_path, "file": tmp_path / "sources.yml", "name": "acme", "sources": (entry,)}
    )
    prepare(made, project.data)
    text = compose_file([made], root=tmp_path, file="compose.yml")
    volumes = yaml.safe_load(text)["services"]["shop"]["volumes"]
    assert [(tmp_path / volume["source"]).is_dir() for volume in volumes] == [True, True]


def test_no_value_of_a_secret_is_rendered() -> None:
    assert SECRET not in compose_file(fleet(), root=ROOT)


def test_secrets_are_files_that_a_runner_finds_where_it_looks_for_them() -> None:
    document = yaml.safe_load(compose_file([plan()], root=ROOT))
    mounted = document["services"]["jira_issues"]["secrets"]
    assert [entry["target"] for entry in mounted] == [
        "dlt/secrets.toml",
        "dlt/config.toml",
        "dlt/values.json",
    ]
    assert document["secrets"]["jira_issues_secrets_toml"] == {
        "file": "./.dltpod/secrets/jira_issues/secrets.toml"
    }


def test_a_dollar_stays_one_for_compose_replaces_single_ones() -> None:
    assert service(fleet()[0])["environment"]["GREETING"] == "a $$dollar"


def test_the_job_in_the_environment_is_one_that_the_runner_reads_and_watches_no_input() -> None:
    job = job_from(json.loads(service(plan())["environment"]["DLTPOD_JOB"].replace("$$", "$")))
    assert (job.source, job.stop_on_eof, job.result_file) == ("jira_issues", False, "/state/result.json")


def test_a_service_is_walled_in_as_a_sync_walls_it_in() -> None:
    found = service(plan())
    walls = {
        key: found[key] for key in ("user", "read_only", "cap_drop", "security_opt", "init", "pids_limit")
    }
    assert walls == {
        "user": "1000:1000",
        "read_only": True,
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
        "init": False,
        "pids_limit": 512,
    }
    assert (found["mem_limit"], found["memswap_limit"]) == (2 << 30, 2 << 30)


def test_up_starts_no_source() -> None:
    assert service(plan())["profiles"] == ["dltpod"]


def test_paths_are_relative_to_where_the_file_will_lie() -> None:
    found = service(plan(), folder=ROOT / "deploy")
    assert [volume["source"] for volume in found["volumes"]] == [
        "../.dltpod/state/jira_issues",
        "../custom_sources",
    ]


def test_the_same_source_renders_alike_whenever_it_is_planned() -> None:
    later = with_job(plan(), run_id="another", token="0" * 32)
    assert compose_file([plan()], root=ROOT) == compose_file([later], root=ROOT)


def test_an_egress_list_is_refused_for_compose_can_not_hold_it() -> None:
    with pytest.raises(ConfigurationError, match=r"jira_issues: container\.egress can't be enforced"):
        compose_file([with_container(plan(), egress=("api.atlassian.com:443",))], root=ROOT)
