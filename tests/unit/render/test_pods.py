"""What of a pod the ``kubernetes:`` block says, and what it can't take away."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from launcher.engines.kubernetes.restricted import violations
from launcher.errors import ConfigurationError
from tests.unit.render.made import objects, pod_of
from tests.unit.render.plans import plan, with_kubernetes


def pod_with(**block: Any) -> dict[str, Any]:
    pod = pod_of(objects(with_kubernetes(plan(), **block))["Job"])
    assert pod is not None
    return pod


def test_labels_stand_on_jobs_and_pods_and_never_replace_dltpods_own() -> None:
    made = objects(with_kubernetes(plan(), labels={"team": "crm"}))
    spec = made["CronJob"]["spec"]["jobTemplate"]
    for metadata in (
        made["CronJob"]["metadata"],
        spec["metadata"],
        spec["spec"]["template"]["metadata"],
    ):
        assert (metadata["labels"]["team"], metadata["labels"]["dltpod.source"]) == ("crm", "jira_issues")


def test_requests_stand_apart_from_limits_and_disk_is_limited_where_some_is_asked_for() -> None:
    resources = pod_with(requests={"cpu": 0.5, "memory": "256m", "scratch": "1g"}, scratch="2g")["containers"]
    assert resources[0]["resources"] == {
        "requests": {"cpu": "500m", "memory": "256Mi", "ephemeral-storage": "1Gi"},
        "limits": {"memory": "2Gi", "ephemeral-storage": "3136Mi"},
    }
    more = pod_with(requests={"scratch": "9g"}, scratch="2g")["containers"][0]["resources"]
    assert more["limits"]["ephemeral-storage"] == more["requests"]["ephemeral-storage"] == "9Gi"
    assert "ephemeral-storage" not in pod_with()["containers"][0]["resources"]["limits"]


def test_a_users_affinity_is_added_to_the_rule_that_keeps_two_runs_apart() -> None:
    own = {"labelSelector": {"matchLabels": {"app": "db"}}, "topologyKey": "kubernetes.io/hostname"}
    required = "requiredDuringSchedulingIgnoredDuringExecution"
    found = pod_with(affinity={"nodeAffinity": {"x": 1}, "podAntiAffinity": {required: [own]}})["affinity"]
    assert found["nodeAffinity"] == {"x": 1}
    assert found["podAntiAffinity"][required] == [
        own,
        *pod_with()["affinity"]["podAntiAffinity"][required],
    ]


def test_a_cluster_that_assigns_users_is_given_none() -> None:
    pod = pod_with(uid="any")
    assert not {"runAsUser", "runAsGroup", "fsGroup"} & set(pod["securityContext"])
    assert "/etc/passwd" not in [mount["mountPath"] for mount in pod["containers"][0]["volumeMounts"]]
    assert violations(pod) == []


def test_another_user_has_a_line_in_the_passwd_file() -> None:
    made = objects(with_kubernetes(plan(), uid=1234))
    assert "dltpod:x:1234:1234:" in made["ConfigMap"]["data"]["passwd"]
    assert pod_with(uid=1234)["securityContext"]["fsGroup"] == 1234


def test_certificates_of_a_config_map_are_mounted_and_named_to_every_library() -> None:
    made = with_kubernetes(plan(), ca_bundle={"config_map": "company", "key": "all.pem"})
    pod = pod_of(objects(made)["Job"])
    assert pod is not None
    assert {"name": "ca", "mountPath": "/etc/dltpod", "readOnly": True} in pod["containers"][0][
        "volumeMounts"
    ]
    items = [{"key": "all.pem", "path": "ca.crt"}]
    assert {"name": "ca", "configMap": {"name": "company", "items": items}} in pod["volumes"]
    env = yaml.safe_load(objects(made)["ConfigMap"]["data"]["job.json"])["env"]
    assert {env[name] for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")} == {
        "/etc/dltpod/ca.crt"
    }


def test_overrides_are_merged_as_kubectl_merges_them() -> None:
    pod = pod_with(
        pod_overrides={
            "priority": 5,
            "enableServiceLinks": None,
            "containers": [
                {"name": "runner", "env": [{"name": "TZ", "value": "CET"}, {"name": "A", "value": "b"}]}
            ],
            "volumes": [{"name": "extra", "emptyDir": {}}],
        }
    )
    before = pod_with()
    assert (pod["priority"], "enableServiceLinks" in pod) == (5, False)
    assert pod["containers"][0] == {
        **before["containers"][0],
        "env": [{"name": "TZ", "value": "CET"}, {"name": "A", "value": "b"}],
    }
    assert pod["volumes"] == [*before["volumes"], {"name": "extra", "emptyDir": {}}]


@pytest.mark.parametrize(
    ("overrides", "wall"),
    [
        ({"hostNetwork": True}, "hostNetwork is on"),
        ({"volumes": [{"name": "x", "hostPath": {"path": "/"}}]}, "volume x is of"),
        ({"securityContext": None}, "runAsNonRoot|no seccomp profile"),
        ({"automountServiceAccountToken": True}, "automountServiceAccountToken"),
        ({"shareProcessNamespace": True}, "shareProcessNamespace"),
        ({"affinity": None}, "anti-affinity"),
        (
            {"containers": [{"name": "runner", "securityContext": {"readOnlyRootFilesystem": False}}]},
            "readOnlyRootFilesystem",
        ),
        ({"initContainers": [{"name": "root", "securityContext": {"privileged": True}}]}, "root: privileged"),
        ({"containers": [{"name": "beside", "image": "x"}]}, "beside: allowPrivilegeEscalation"),
        ({"hostPID": True}, "hostPID is on"),
        ({"nodeName": "n1"}, "past the scheduler"),
        ({"securityContext": {"runAsUser": 0}}, "runs as uid 0"),
        ({"securityContext": {"$patch": "delete"}}, "no seccomp profile"),
        ({"securityContext": {"$patch": "replace", "runAsUser": 7}}, "no seccomp profile"),
        ({"securityContext": {"seccompProfile": {"type": "Unconfined"}}}, "no seccomp profile"),
        ({"securityContext": {"appArmorProfile": {"type": "Unconfined"}}}, "AppArmor"),
        ({"securityContext": {"windowsOptions": {"hostProcess": True}}}, "host processes"),
        ({"securityContext": {"sysctls": [{"name": "kernel.msgmax", "value": "1"}]}}, "sysctls"),
        ({"volumes": [{"name": "tmp", "hostPath": {"path": "/"}}]}, r"tmp is of \['hostPath'\]"),
        ({"volumes": [{"name": "tmp", "emptyDir": {"sizeLimit": None}}]}, "tmp has no sizeLimit"),
        ({"volumes": [{"name": "nfs", "nfs": {"server": "s", "path": "/"}}]}, "nfs is of"),
        (
            {"volumes": [{"name": "t", "projected": {"sources": [{"serviceAccountToken": {"path": "t"}}]}}]},
            "holds a token of the account",
        ),
        ({"affinity": {"podAntiAffinity": {"$patch": "delete"}}}, "anti-affinity"),
        *(
            ({"containers": [{"name": "runner", **change}]}, wall)
            for change, wall in (
                ({"securityContext": {"capabilities": {"drop": None}}}, "not all dropped"),
                ({"securityContext": {"capabilities": {"add": ["SYS_ADMIN"]}}}, "are added"),
                ({"securityContext": {"procMount": "Unmasked"}}, "procMount"),
                ({"resources": {"limits": None}}, "no limit on memory"),
                ({"ports": [{"containerPort": 80, "hostPort": 80}]}, "host ports"),
                ({"lifecycle": {"preStop": {"httpGet": {"host": "h", "port": 1}}}}, "name a host"),
                ({"$patch": "replace", "image": "x"}, "runner: allowPrivilegeEscalation"),
            )
        ),
    ],
)
def test_an_override_that_takes_down_a_wall_is_refused_unless_said_outright(
    overrides: dict[str, Any], wall: str
) -> None:
    with pytest.raises(ConfigurationError, match=wall) as caught:
        pod_with(pod_overrides=overrides)
    assert "fewer_walls: true" in caught.value.hint
    assert pod_with(pod_overrides=overrides, fewer_walls=True)


APPARMOR = "container.apparmor.security.beta.kubernetes.io/runner"


def test_an_annotation_that_takes_apparmor_down_is_refused_unless_said_outright() -> None:
    annotations = {APPARMOR: "unconfined"}
    with pytest.raises(ConfigurationError, match=f"annotations take down a wall: {APPARMOR}") as caught:
        pod_with(annotations=annotations)
    assert "fewer_walls: true" in caught.value.hint
    assert pod_with(annotations=annotations, fewer_walls=True)


def test_an_annotation_that_names_an_apparmor_profile_takes_down_nothing() -> None:
    for profile in ("runtime/default", "localhost/mine"):
        assert pod_with(annotations={APPARMOR: profile})


def test_directives_of_kubectl_delete_and_replace() -> None:
    names = [{"name": "state", "$patch": "delete"}, {"name": "tmp", "$patch": "replace", "emptyDir": {}}]
    runner = {"name": "runner", "env": [{"$patch": "replace"}, {"name": "A", "value": "b"}]}
    pod = pod_with(pod_overrides={"volumes": names, "containers": [runner]}, fewer_walls=True)
    assert {"name": "tmp", "emptyDir": {}} in pod["volumes"]
    assert "state" not in [volume["name"] for volume in pod["volumes"]]
    assert pod["containers"][0]["env"] == [{"name": "A", "value": "b"}]


def test_a_volume_has_one_source_so_another_replaces_it() -> None:
    claim = {"name": "state", "persistentVolumeClaim": {"claimName": "mine"}}
    assert claim in pod_with(pod_overrides={"volumes": [claim]})["volumes"]
    memory = {"name": "tmp", "emptyDir": {"medium": "Memory"}}
    assert {"name": "tmp", "emptyDir": {"sizeLimit": "1Gi", "medium": "Memory"}} in pod_with(
        pod_overrides={"volumes": [memory]}
    )["volumes"]


@pytest.mark.parametrize(
    ("overrides", "refused"),
    [
        ({"$setElementOrder/containers": [{"name": "x"}]}, "has \\$setElementOrder/containers"),
        ({"securityContext": {"$patch": "remove"}}, "has \\$patch: remove"),
        ({"containers": [{"name": "runner", "$retainKeys": ["name"]}]}, "has \\$retainKeys"),
        ({"containers": None}, "removes the container 'runner'"),
        ({"containers": [{"name": "runner", "$patch": "delete"}]}, "removes the container 'runner'"),
    ],
)
def test_a_directive_that_is_not_known_and_a_pod_without_a_runner_are_refused(
    overrides: dict[str, Any], refused: str
) -> None:
    with pytest.raises(ConfigurationError, match=refused):
        pod_with(pod_overrides=overrides, fewer_walls=True)


def test_rules_beside_the_one_that_keeps_two_runs_apart_take_down_nothing() -> None:
    preferred = [{"weight": 1, "podAffinityTerm": {"topologyKey": "kubernetes.io/hostname"}}]
    apart = {"preferredDuringSchedulingIgnoredDuringExecution": preferred}
    pod = pod_with(pod_overrides={"affinity": {"podAntiAffinity": apart}, "tolerations": [{"key": "x"}]})
    assert len(pod["affinity"]["podAntiAffinity"]) == 2


@pytest.mark.parametrize(
    "block",
    [
        {"affinity": {"podAntiAffinity": 5}},
        {"pod_overrides": {"securityContext": ["x"]}},
        {"pod_overrides": {"containers": [{"image": "x"}]}},
        {"pod_overrides": {"volumes": ["x"]}},
    ],
)
def test_what_has_not_the_form_of_a_pods_spec_is_refused(block: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="of another form than a pod's spec"):
        pod_with(**block)
