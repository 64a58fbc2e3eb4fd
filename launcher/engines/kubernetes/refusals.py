"""The messages for what the API server refuses: the reason, and what to do about it. Pure."""

from __future__ import annotations

import re

from launcher.engines.kubernetes.api import ApiError
from launcher.engines.kubernetes.outcome import Trouble
from runner.contract import FailureKind


def role(namespace: str) -> str:
    """The kubectl commands that give an account the rights that the launcher needs in a namespace."""
    resources = (
        "jobs.batch,pods,pods/log,secrets,configmaps,persistentvolumeclaims,events,"
        "networkpolicies.networking.k8s.io"
    )
    kubectl = f"kubectl -n {namespace} create"
    return (
        f"{kubectl} role dltpod --verb=get,list,watch,create,delete --resource={resources}"
        f" && {kubectl} rolebinding dltpod --role=dltpod --user=YOU"
    )


def forbidden(error: ApiError, namespace: str) -> Trouble:
    """The failure for a refused request. ``namespace`` is where it was sent."""
    text = error.message
    if error.status == 401:
        return Trouble(
            FailureKind.FORBIDDEN,
            "the cluster does not know these credentials any more (401)",
            "log in again: the kubeconfig's token or certificate has expired",
            fatal=True,
        )
    if error.status == 403 and "exceeded quota" in text:
        return Trouble(
            FailureKind.QUOTA,
            f"the namespace's quota is used up: {text}",
            "wait for other runs, or have the quota raised",
            transient=True,
        )
    if error.status == 403 and "being terminated" in text:
        return Trouble(
            FailureKind.CONFIGURATION,
            f"namespace '{namespace}' is being deleted",
            "choose another: kubernetes.namespace",
        )
    if error.status == 403:
        # The server's own words: ... cannot create resource "jobs" in API group "batch" in the namespace "x"
        found = re.search(r'cannot (\w+) resource "([^"]+)"', text)
        place = re.search(r'in the namespace "([^"]+)"', text)
        namespace = place[1] if place else namespace
        what = f"may not {found[1]} {found[2]}" if found else "is not allowed to do that"
        return Trouble(
            FailureKind.FORBIDDEN,
            f"your account {what} in namespace '{namespace}' of the cluster",
            f"a cluster's administrator allows it with: {role(namespace)}",
            fatal=True,
        )
    if error.status == 404 and "namespaces" in text:
        return Trouble(
            FailureKind.CONFIGURATION,
            f"there is no namespace '{namespace}' in the cluster",
            f"kubectl create namespace {namespace}, or correct kubernetes.namespace in sources.yml",
            fatal=True,
        )
    if error.status in (400, 422):
        return Trouble(FailureKind.CONFIGURATION, f"the cluster takes the job for wrong: {text}", fatal=True)
    transient = error.status >= 500 or error.status == 429
    return Trouble(
        FailureKind.ENGINE_GONE if transient else FailureKind.FORBIDDEN,
        f"the API server says {error.status}: {text}",
        transient=transient,
    )
