"""The models of the ``kubernetes:`` block. What only Kubernetes knows, its server checks."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from launcher.config.forms import Duration, Form, Model, Size, matches

_DNS_LABEL = r"[a-z0-9]([a-z0-9-]*[a-z0-9])?"
_DNS_NAME = rf"{_DNS_LABEL}(\.{_DNS_LABEL})*"
_OWN = ("dltpod.", "app.kubernetes.io/managed-by")


def _not_ours(key: str) -> str | None:
    return f"is dltpod's own, as keys are that begin with {_OWN[0]}" if key.startswith(_OWN) else None


KubernetesName = Annotated[
    str, matches(_DNS_NAME, "a Kubernetes name: lower-case letters, digits and hyphens", 253)
]
Namespace = Annotated[
    str, matches(_DNS_LABEL, "a namespace: lower-case letters, digits and hyphens, no dots", 63)
]
Key = Annotated[str, Form(_not_ours, r"(?!dltpod\.|app\.kubernetes\.io/managed-by).*")]
AsKubernetes = dict[str, Any]
"""Kubernetes' own keys, handed on as they are."""
_KEYS: dict[str, Any] = {"additionalProperties": False}


class KubernetesState(Model):
    """A volume claim for the pipeline's working directory."""

    size: Size = "1Gi"
    """Its size."""
    storage_class: KubernetesName | None = None
    """Its storage class; default: the cluster's."""


class Requests(Model):
    """What a pod reserves, where that isn't what it may use at most."""

    cpu: Annotated[float, Field(gt=0)] | None = None
    """CPUs; default: 0.1, or `container.cpus` where that is less."""
    memory: Size | None = None
    """Memory; default: `container.memory`."""
    scratch: Size | None = None
    """Disk of the node. With it, the sum of `scratch` and `/tmp` is the pod's limit there."""


class CaBundle(Model):
    """Certificates that the cluster keeps."""

    config_map: KubernetesName
    """The ConfigMap's name."""
    key: str = Field(default="ca.crt", min_length=1)
    """The key in it: a bundle in PEM."""


class Kubernetes(Model):
    """What a cluster needs to know beyond the container."""

    namespace: Namespace | None = None
    """The namespace; default: the context's."""
    service_account: KubernetesName | None = None
    """A service account that is there already."""
    node_selector: dict[str, str] = {}
    """Labels that a node must have."""
    tolerations: tuple[AsKubernetes, ...] = ()
    """Taints that its pods tolerate, with Kubernetes' own keys."""
    affinity: AsKubernetes = {}
    """Kubernetes' own keys; the rule that keeps two runs apart is added."""
    priority_class: KubernetesName | None = None
    """The pods' PriorityClass."""
    runtime_class: KubernetesName | None = None
    """The pods' RuntimeClass, such as gvisor."""
    requests: Requests = Requests()
    """What a pod reserves."""
    image_pull_secrets: tuple[KubernetesName, ...] = ()
    """Secrets for the registry."""
    labels: dict[Key, str] = Field(default={}, json_schema_extra=_KEYS)
    """Labels of its Jobs and pods."""
    annotations: dict[Key, str] = Field(default={}, json_schema_extra=_KEYS)
    """Annotations of its Jobs and pods."""
    secret: KubernetesName | None = None
    """The name of a Secret that something else keeps, instead of one that dltpod makes."""
    ca_bundle: CaBundle | None = None
    """Certificates to trust, from a ConfigMap."""
    uid: Literal["any"] | Annotated[int, Field(ge=1, le=2**31 - 1)] = 65532
    """The user that pods run as; any: the cluster assigns one, as OpenShift does."""
    timezone: str = Field(default="Etc/UTC", min_length=1)
    """The time zone of `schedule`, such as Europe/Berlin."""
    state: KubernetesState | None = None
    """Keep the working directory on a volume claim."""
    scratch: Size = "10Gi"
    """What a pod may write to its node's disk where its state is not on a volume claim."""
    start_timeout: Duration = "5m"
    """How long a run waits for a node, a quota or an image before it is given up."""
    keep: Duration | None = None
    """How long a finished Job stays in the cluster; default: it is removed at once."""
    pod_overrides: AsKubernetes = {}
    """A pod's spec, merged into dltpod's last, lists by name as kubectl does."""
    fewer_walls: bool = False
    """Whether `pod_overrides` and `annotations` may take down walls around the source."""
