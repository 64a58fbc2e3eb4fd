"""Where Kubernetes' API keeps the objects that dltpod works with. Pure."""

from __future__ import annotations

_COLLECTIONS = {
    "Job": ("/apis/batch/v1", "jobs"),
    "Pod": ("/api/v1", "pods"),
    "Secret": ("/api/v1", "secrets"),
    "ConfigMap": ("/api/v1", "configmaps"),
    "Event": ("/api/v1", "events"),
    "PersistentVolumeClaim": ("/api/v1", "persistentvolumeclaims"),
    "NetworkPolicy": ("/apis/networking.k8s.io/v1", "networkpolicies"),
}


def collection(kind: str, namespace: str) -> str:
    """The path of all objects of a kind in a namespace."""
    group, plural = _COLLECTIONS[kind]
    return f"{group}/namespaces/{namespace}/{plural}"


def item(kind: str, namespace: str, name: str) -> str:
    """The path of one object."""
    return f"{collection(kind, namespace)}/{name}"


def selector(labels: dict[str, str]) -> dict[str, str]:
    """The query that asks for objects with these labels."""
    return {"labelSelector": ",".join(f"{key}={value}" for key, value in labels.items())}
