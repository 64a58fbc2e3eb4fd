"""What ``render kubernetes`` writes."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from kubernetes_validate.utils import all_versions

from launcher.engines.kubernetes.restricted import violations
from launcher.errors import ConfigurationError
from launcher.plan.values import JobPlan, Mount
from launcher.render.kubernetes import documents, state_documents
from launcher.render.kustomization import earlier_files, kept, removed
from runner.contract import ExitCode
from tests.unit.render.made import kubernetes_files, objects, pod_of
from tests.unit.render.plans import (
    SECRET,
    a_file_destination,
    plan,
    with_container,
    with_job,
    with_kubernetes,
)

GOLDEN = Path(__file__).parents[2] / "golden" / "kubernetes"
VERSIONS = ("1.29", "1.33", all_versions()[-1])
"""A server that people still run, the one that releases are held to, and the newest known."""


def scheduled() -> JobPlan:
    made = dataclasses.replace(plan(), schedule="0  */6 * * *", timeout=1800.0, retries=3)
    made = with_container(made, cpus=1.5, memory=512 << 20, egress=("203.0.113.0/24:443", "10.1.2.3:5432"))
    return with_kubernetes(
        made,
        namespace="pipelines",
        service_account="loader",
        node_selector={"pool": "batch"},
        tolerations=({"key": "batch", "operator": "Exists", "effect": "NoSchedule"},),
        image_pull_secrets=("registry",),
        annotations={"cluster-autoscaler.kubernetes.io/safe-to-evict": "false"},
        secret="jira-from-vault",
        keep="2h",
        labels={"team": "crm"},
        priority_class="batch",
        timezone="Europe/Berlin",
        ca_bundle={"config_map": "company-ca"},
        requests={"cpu": 0.25, "memory": "256m", "scratch": "1g"},
    )


def stateful() -> JobPlan:
    return with_kubernetes(a_file_destination(plan("shop")), state={"size": "5Gi", "storage_class": "fast"})


def fleet() -> list[JobPlan]:
    return [scheduled(), stateful(), plan("repo_commits")]


def each_document() -> Iterator[dict[str, Any]]:
    for name, text in kubernetes_files(fleet(), with_secrets=True).items():
        if name != "kustomization.yaml":
            yield from yaml.safe_load_all(text)


def test_the_rendering_is_the_golden_one_to_the_letter() -> None:
    made = kubernetes_files(fleet())
    golden = {path.name: path.read_text() for path in GOLDEN.iterdir()}
    assert made == golden


@pytest.mark.parametrize("version", VERSIONS)
def test_every_document_is_valid_by_the_strict_schema_of(version: str) -> None:
    for document in each_document():
        kubernetes_validate.validate(document, version, strict=True)


def test_a_misspelt_field_would_be_found_by_the_strict_schema() -> None:
    job = objects(plan())["Job"]
    job["spec"]["podFailurePolice"] = job["spec"].pop("podFailurePolicy")
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(job, VERSIONS[-1], strict=True)


def test_every_pod_meets_the_restricted_pod_security_standard() -> None:
    pods = [pod for document in each_document() if (pod := pod_of(document)) is not None]
    assert [violations(pod) for pod in pods] == [[], [], []]


def test_the_check_of_the_standard_finds_a_pod_that_breaks_it() -> None:
    pod = pod_of(objects(plan())["Job"])
    assert pod is not None
    pod["hostPID"] = True
    pod["volumes"].append({"name": "host", "hostPath": {"path": "/"}})
    pod["securityContext"]["runAsUser"] = 0
    pod["containers"][0]["securityContext"] = {}
    assert violations(pod) == [
        "hostPID is on",
        "volume host is of ['hostPath']",
        "runner: allowPrivilegeEscalation is not false",
        "runner: capabilities are not all dropped",
        "runner: runs as uid 0",
    ]


def test_only_what_the_runner_calls_final_ends_a_job_that_has_retries_left() -> None:
    ignored, final = objects(plan())["Job"]["spec"]["podFailurePolicy"]["rules"]
    assert (ignored["action"], final["action"]) == ("Ignore", "FailJob")
    assert final["onExitCodes"] == {
        "containerName": "runner",
        "operator": "In",
        "values": [ExitCode.FAILED, ExitCode.INTERNAL, ExitCode.CONFIGURATION],
    }


def test_the_runner_ends_at_the_timeout_and_the_deadline_lets_each_attempt_wait_for_a_node_too() -> None:
    made = with_kubernetes(dataclasses.replace(plan(), timeout=600.0, retries=2), start_timeout="1m")
    data = objects(made)
    assert yaml.safe_load(data["ConfigMap"]["data"]["job.json"])["timeout"] == 600.0
    assert data["Job"]["spec"]["activeDeadlineSeconds"] == 3 * (60 + 600 + 20)


def test_the_runner_knows_the_size_of_each_volume_that_the_kubelet_watches() -> None:
    data = objects(with_kubernetes(plan(), scratch="100m"))
    pod = pod_of(data["Job"])
    assert pod is not None
    limits = {v["name"]: v["emptyDir"]["sizeLimit"] for v in pod["volumes"] if "emptyDir" in v}
    assert limits == {"tmp": "1Gi", "state": "100Mi"}
    told = yaml.safe_load(data["ConfigMap"]["data"]["job.json"])["scratch"]
    assert told == {"/tmp": 1 << 30, "/state": 100 << 20}
    assert "/state" not in yaml.safe_load(objects(stateful())["ConfigMap"]["data"]["job.json"])["scratch"]


@pytest.mark.parametrize(
    ("schedule", "enabled", "suspend"),
    [("0 * * * *", True, False), ("0 * * * *", False, True), (None, True, True)],
)
def test_a_source_without_a_schedule_or_disabled_is_a_cron_job_that_starts_nothing(
    schedule: str | None, enabled: bool, suspend: bool
) -> None:
    made = objects(dataclasses.replace(plan(), schedule=schedule, enabled=enabled))["CronJob"]
    assert made["spec"]["suspend"] is suspend


def test_a_source_without_a_schedule_is_told_with_the_command_that_runs_it() -> None:
    made = kubernetes_files([with_kubernetes(plan(), namespace="pipelines")])["jira-issues.yaml"]
    assert (
        "kubectl create job --from=cronjob/dltpod-acme-jira-issues --namespace pipelines"
        " dltpod-acme-jira-issues-$(date +%s)\n" in made
    )
    assert "create job" not in kubernetes_files([scheduled()])["jira-issues.yaml"]


def test_files_of_sources_that_are_gone_are_found_by_their_source() -> None:
    earlier = kubernetes_files([stateful(), plan("jira_issues"), with_job(plan("other"), project="b")])
    gone = removed(earlier_files(earlier), "acme", {"jira_issues"})
    assert {name: sorted(files) for name, files in gone.items()} == {"shop": ["shop.state.yaml", "shop.yaml"]}


def test_nothing_empty_is_rendered_for_the_server_drops_it_and_a_diff_would_show_it() -> None:
    def empty(value: Any, place: str) -> Iterator[str]:
        if isinstance(value, (dict, list)) and not value:
            yield place
        for key, item in value.items() if isinstance(value, dict) else ():
            yield from empty(item, f"{place}.{key}")
        for item in value if isinstance(value, list) else ():
            yield from empty(item, place)

    closed = with_container(plan("closed"), network="none")
    made = [document for made in (*fleet(), closed) for document in documents(made)]
    assert [place for document in made for place in empty(document, document["kind"])] == [
        "NetworkPolicy.spec.egress",  # {}: to anywhere
        "NetworkPolicy.spec.egress",
    ]


@pytest.mark.parametrize(("cpus", "quantity"), [(1.5, "1500m"), (2.0, "2"), (0.25, "250m")])
def test_processors_are_written_as_the_server_writes_them(cpus: float, quantity: str) -> None:
    pod = pod_of(objects(with_container(plan(), cpus=cpus))["Job"])
    assert pod is not None
    assert pod["containers"][0]["resources"]["limits"]["cpu"] == quantity


def test_no_value_of_a_secret_is_rendered_unless_asked_for() -> None:
    assert SECRET not in "".join(kubernetes_files(fleet()).values())
    assert SECRET in "".join(kubernetes_files(fleet(), with_secrets=True).values())


def test_a_secret_that_something_else_keeps_is_named_and_not_made() -> None:
    made = [document["kind"] for document in documents(scheduled(), with_secrets=True)]
    assert "Secret" not in made
    pod = pod_of(objects(scheduled())["CronJob"])
    assert pod is not None
    assert pod["volumes"][1]["secret"]["secretName"] == "jira-from-vault"


def test_a_text_that_looks_like_a_number_stays_a_text_for_every_reader() -> None:
    text = kubernetes_files([with_job(plan(), project="12e4")])["jira-issues.yaml"]
    assert 'dltpod.project: "12e4"' in text


def test_the_runner_is_told_to_watch_no_input_and_to_keep_its_result_to_four_kilobytes() -> None:
    data = yaml.safe_load(objects(plan())["ConfigMap"]["data"]["job.json"])
    assert data["stop_on_eof"] is False
    assert (data["result_file"], data["result_bytes"]) == ("/dev/termination-log", 4096)


def test_where_no_launcher_reads_events_the_runner_writes_lines_for_people() -> None:
    assert yaml.safe_load(objects(plan())["ConfigMap"]["data"]["job.json"])["events"] is False


def test_certificates_of_the_host_are_not_named_in_a_cluster_that_lacks_them() -> None:
    data = objects(plan())
    assert "ca.crt" not in data["ConfigMap"]["data"]["job.json"]
    pod = pod_of(data["Job"])
    assert pod is not None
    assert pod["containers"][0]["env"] == [{"name": "TZ", "value": "UTC"}]


def test_the_same_source_renders_alike_whenever_it_is_planned() -> None:
    later = with_job(plan(), run_id="another", token="0" * 32)
    assert kubernetes_files([plan()]) == kubernetes_files([later])


def test_a_file_destination_without_a_volume_is_refused_with_the_line_that_adds_one() -> None:
    with pytest.raises(ConfigurationError, match=r"'duckdb' is a file") as caught:
        kubernetes_files([a_file_destination(plan())])
    assert "kubernetes.state" in caught.value.hint


def test_a_folder_of_the_host_is_refused() -> None:
    made = plan()
    mounts = (*made.container.mounts, Mount(Path("/srv/acme/.git"), "/workspace/.git"))
    with pytest.raises(ConfigurationError, match=r"mount /srv/acme/\.git is a folder of this host"):
        kubernetes_files([with_container(made, mounts=mounts)])


def test_a_name_in_the_egress_list_is_refused_for_a_network_policy_knows_only_addresses() -> None:
    with pytest.raises(ConfigurationError, match=r"'api\.atlassian\.com:443' names a host"):
        kubernetes_files([with_container(plan(), egress=("api.atlassian.com:443",))])


def test_a_version_6_network_is_an_address_too() -> None:
    policy = objects(with_container(plan(), egress=("[2001:db8::/32]:443", "[2001:db8::1]:22")))[
        "NetworkPolicy"
    ]
    assert policy["spec"]["egress"][:2] == [
        {"to": [{"ipBlock": {"cidr": "2001:db8::/32"}}], "ports": [{"protocol": "TCP", "port": 443}]},
        {"to": [{"ipBlock": {"cidr": "2001:db8::1/128"}}], "ports": [{"protocol": "TCP", "port": 22}]},
    ]


def test_no_network_is_a_policy_that_lets_nothing_out() -> None:
    policy = objects(with_container(plan(), network="none"))["NetworkPolicy"]
    assert "egress" not in policy["spec"]
    assert policy["spec"]["policyTypes"] == ["Ingress", "Egress"]


def test_a_network_of_a_docker_engine_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="network 'warehouse' is a network of one Docker engine"):
        kubernetes_files([with_container(plan(), network="warehouse")])


def test_a_name_too_long_for_kubernetes_is_refused_with_the_number_of_characters_to_lose() -> None:
    with pytest.raises(ConfigurationError, match="has 55 characters") as caught:
        kubernetes_files([with_job(plan(), source="a" * 43)])
    assert "by 3" in caught.value.hint


@pytest.mark.parametrize(
    ("name", "why"),
    [("Äcme", "is no name that Kubernetes takes"), ("acme-", r"'acme-' can't be the label dltpod\.project")],
)
def test_a_project_name_that_is_no_label_is_refused(name: str, why: str) -> None:
    with pytest.raises(ConfigurationError, match=why):
        kubernetes_files([with_job(plan(), project=name)])


def test_the_kustomization_sets_the_namespace_that_all_sources_share() -> None:
    made = [with_kubernetes(plan(name), namespace="pipelines") for name in ("one", "two")]
    assert yaml.safe_load(kubernetes_files(made)["kustomization.yaml"])["namespace"] == "pipelines"


def test_deleting_what_runs_a_source_deletes_no_state() -> None:
    files = kubernetes_files([stateful()])
    kinds = {name: [d["kind"] for d in yaml.safe_load_all(text)] for name, text in files.items()}
    assert "PersistentVolumeClaim" not in kinds["shop.yaml"]
    assert kinds["shop.state.yaml"] == ["PersistentVolumeClaim"]
    assert yaml.safe_load(files["kustomization.yaml"])["resources"] == ["shop.state.yaml", "shop.yaml"]


@pytest.mark.parametrize(
    ("written", "quantity"), [("1g", "1Gi"), ("512m", "512Mi"), ("1.5GB", "1536Mi"), ("2Gi", "2Gi")]
)
def test_a_size_of_a_volume_is_read_as_docker_reads_it_and_written_in_units_of_kubernetes(
    written: str, quantity: str
) -> None:
    [claim] = yaml.safe_load_all(
        kubernetes_files([with_kubernetes(plan("shop"), state={"size": written})])["shop.state.yaml"]
    )
    assert claim["spec"]["resources"]["requests"]["storage"] == quantity
    pod = pod_of(objects(with_kubernetes(plan("shop"), scratch=written))["Job"])
    assert pod is not None
    assert pod["volumes"][-1] == {"name": "state", "emptyDir": {"sizeLimit": quantity}}


def test_no_source_s_file_is_that_of_another_or_the_kustomization() -> None:
    names = ("a", "a_state", "kustomization", "kustomization_source")
    made = kubernetes_files([with_kubernetes(plan(name), state={"size": "1Gi"}) for name in names])
    assert len(made) == 2 * len(names) + 1
    found = yaml.safe_load(made["kustomization.yaml"])
    assert found["kind"] == "Kustomization"
    assert found["resources"] == sorted(set(made) - {"kustomization.yaml"})
    assert "Source kustomization:" in made["kustomization.source.yaml"]


def test_what_an_earlier_rendering_left_in_the_folder_stays_in_the_kustomization() -> None:
    earlier = kubernetes_files(
        [stateful(), plan("jira_issues"), plan("gone"), with_job(plan("other"), project="b")]
    )
    own = {
        "mine.yaml": "kind: ConfigMap\n",
        "broken.yaml": "# Source x: made by `dltpod render kubernetes x`\n]",
    }
    found = kept(earlier_files({**earlier, **own}), "acme", {"shop", "repo_commits"})
    made = kubernetes_files([plan("repo_commits")], kept=found)
    assert yaml.safe_load(made["kustomization.yaml"])["resources"] == [
        "other.yaml",
        "repo-commits.yaml",
        "shop.state.yaml",
        "shop.yaml",
    ]


def test_a_namespace_that_a_file_of_the_folder_does_not_share_is_not_set_for_all() -> None:
    before = kubernetes_files([with_kubernetes(plan("a"), namespace="one")])
    spread = kept(earlier_files(before), "acme", {"a"})
    made = kubernetes_files([with_kubernetes(plan("b"), namespace="two")], kept=spread)
    assert "namespace" not in yaml.safe_load(made["kustomization.yaml"])


def test_a_claim_is_in_the_namespace_of_its_source() -> None:
    made = with_kubernetes(plan("shop"), namespace="pipelines", state={"size": "1Gi"})
    [claim] = yaml.safe_load_all(kubernetes_files([made])["shop.state.yaml"])
    assert claim["metadata"]["namespace"] == "pipelines"


def test_a_check_holds_another_name_than_a_run_of_the_same_source() -> None:
    check = objects(with_job(plan(), action="check"))["Job"]
    assert check["metadata"]["name"] == "dltpodcheck-acme-jira-issues"


def test_a_check_asks_for_no_volume_claim() -> None:
    check = with_job(stateful(), action="check")
    assert state_documents(check) == []
    pod = pod_of(objects(check)["Job"])
    assert pod is not None
    assert pod["volumes"][-1] == {"name": "state", "emptyDir": {"sizeLimit": "10Gi"}}


def test_a_file_of_a_cluster_is_told_by_its_volume_claim() -> None:
    data = yaml.safe_load(objects(stateful())["ConfigMap"]["data"]["job.json"])
    assert data["destination"]["shown"] == "data/warehouse.duckdb in the volume claim dltpod-acme-shop-state"
