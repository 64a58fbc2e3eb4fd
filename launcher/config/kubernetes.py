"""The models of the ``kubernetes:`` block, as strict as the server that its values go to."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import ConfigDict, Field, model_validator

from launcher.config import forms
from launcher.config.forms import Form, Model, fault, form, matches
from launcher.errors import near_miss

_DNS_LABEL = r"[a-z0-9]([a-z0-9-]*[a-z0-9])?"
_DNS_NAME = rf"{_DNS_LABEL}(\.{_DNS_LABEL})*"
_LABEL_NAME = r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?"
_LABEL_KEY = rf"({_DNS_NAME}/)?{_LABEL_NAME}"
_ANNOTATION_KEY = rf"([A-Za-z0-9.-]+/)?{_LABEL_NAME}"
_OWN_ANNOTATIONS = "dltpod."
_SCHEMA_TOLERATION: dict[str, Any] = {
    "allOf": [
        {
            "if": {"required": ["tolerationSeconds"]},
            "then": {"required": ["effect"], "properties": {"effect": {"const": "NoExecute"}}},
        },
        {
            "if": {"required": ["operator"], "properties": {"operator": {"const": "Exists"}}},
            "then": {"properties": {"value": {"maxLength": 0}}},
            "else": {"required": ["key"]},
        },
    ]
}


def label_key(text: str) -> str | None:
    prefix = text.rpartition("/")[0]
    if len(prefix) <= 253 and re.fullmatch(_LABEL_KEY, text):
        return None
    return "must be the key of a label, such as pool or example.com/pool: letters, digits, '-', '_' and '.'"


def label_value(text: str) -> str | None:
    if not text or re.fullmatch(_LABEL_NAME, text):
        return None
    return "must be the value of a label: up to 63 letters, digits, '-', '_' and '.'"


def annotation_key(text: str) -> str | None:
    if text.startswith(_OWN_ANNOTATIONS):
        return f"is dltpod's own: keys that begin with {_OWN_ANNOTATIONS} are"
    # the server reads the key in small letters
    if len(text.rpartition("/")[0]) <= 253 and re.fullmatch(_LABEL_KEY, text.lower()):
        return None
    return "must be the key of an annotation, such as example.com/team: letters, digits, '-', '_' and '.'"


def _one_of(*words: str) -> Form:
    legal = f"must be {', '.join(words[:-1])} or {words[-1]}"
    return form(lambda text: None if text in words else legal + near_miss(text, words), "|".join(words))


KubernetesName = Annotated[
    str, matches(_DNS_NAME, "a Kubernetes name: lower-case letters, digits and hyphens", 253)
]
Namespace = Annotated[
    str, matches(_DNS_LABEL, "a namespace: lower-case letters, digits and hyphens, no dots", 63)
]
LabelKey = Annotated[str, form(label_key, _LABEL_KEY)]
LabelValue = Annotated[str, form(label_value, rf"({_LABEL_NAME})?")]
AnnotationKey = Annotated[str, form(annotation_key, rf"(?!dltpod\.){_ANNOTATION_KEY}")]


class Toleration(Model):
    """A taint that pods tolerate, with Kubernetes' own keys and rules."""

    model_config = ConfigDict(json_schema_extra=_SCHEMA_TOLERATION)

    key: LabelKey | None = Field(default=None, description="The taint's key; default: any, with Exists.")
    operator: Annotated[str, _one_of("Exists", "Equal")] | None = Field(
        default=None, description="Exists or Equal; default: Equal."
    )
    value: LabelValue | None = Field(default=None, description="The taint's value, with Equal.")
    effect: Annotated[str, _one_of("NoSchedule", "PreferNoSchedule", "NoExecute")] | None = Field(
        default=None, description="NoSchedule, PreferNoSchedule or NoExecute; default: any."
    )
    tolerationSeconds: int | None = Field(
        default=None, description="How long a pod stays on a node with the taint, with NoExecute."
    )

    @model_validator(mode="after")
    def _as_the_server_wants(self) -> Toleration:
        wrong = self._wrong()
        if wrong is not None:
            raise fault(wrong)
        return self

    def _wrong(self) -> str | None:
        if self.operator == "Exists" and self.value:
            return "has a value, which operator: Exists doesn't look at; leave it out, or say operator: Equal"
        if self.operator != "Exists" and self.key is None:
            return "needs a key, or operator: Exists for every taint"
        if self.tolerationSeconds is not None and self.effect != "NoExecute":
            return "has tolerationSeconds, which needs effect: NoExecute"
        return None

    def manifest(self) -> dict[str, Any]:
        """It as Kubernetes is told it."""
        return self.model_dump(exclude_none=True)


class KubernetesState(Model):
    """A volume claim for the pipeline's working directory."""

    size: Annotated[str, form(forms.size, forms.SIZE)] = Field(default="1Gi", description="Its size.")
    storage_class: KubernetesName | None = Field(
        default=None, description="Its storage class; default: the cluster's."
    )


class Kubernetes(Model):
    """What a cluster needs to know beyond the container."""

    namespace: Namespace | None = Field(default=None, description="The namespace; default: the context's.")
    service_account: KubernetesName | None = Field(
        default=None, description="A service account that is there already."
    )
    node_selector: dict[LabelKey, LabelValue] = Field(
        default={},
        description="Labels that a node must have.",
        json_schema_extra={"additionalProperties": False},
    )
    tolerations: tuple[Toleration, ...] = Field(default=(), description="Taints that its pods tolerate.")
    image_pull_secrets: tuple[KubernetesName, ...] = Field(
        default=(), description="Secrets for the registry."
    )
    annotations: dict[AnnotationKey, str] = Field(
        default={},
        description="Annotations of its pods.",
        json_schema_extra={"additionalProperties": False},
    )
    secret: KubernetesName | None = Field(
        default=None,
        description="The name of a Secret that something else keeps, instead of one that dltpod makes.",
    )
    state: KubernetesState | None = Field(
        default=None, description="Keep the working directory on a volume claim."
    )
    scratch: Annotated[str, form(forms.size, forms.SIZE)] = Field(
        default="10Gi",
        description="What a pod may write to its node's disk where its state is not on a volume claim.",
    )
    start_timeout: Annotated[str, form(forms.duration, forms.DURATION)] = Field(
        default="5m",
        description="How long a run waits for a node, a quota or an image before it is given up.",
    )
    keep: Annotated[str, form(forms.duration, forms.DURATION)] | None = Field(
        default=None,
        description="How long a finished Job stays in the cluster; default: it is removed at once.",
    )
