"""Sources as Kubernetes objects, one file each and a kustomization that names them. Pure."""

from __future__ import annotations

import dataclasses
import hashlib
import shlex
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from launcher.config.units import parse_duration
from launcher.engines.kubernetes import manifests
from launcher.engines.kubernetes.names import (
    LABEL_ACTION,
    LABEL_PROJECT,
    LABEL_SOURCE,
    Names,
    labels_of_source,
    names_of_source,
)
from launcher.engines.kubernetes.network import egress_rules, network_policy
from launcher.plan.values import JobPlan
from launcher.render.cron import checked
from launcher.render.documents import dump_all
from launcher.render.kustomization import FILE, Standing, kustomization

_KEPT = {
    "argocd.argoproj.io/sync-options": "Prune=false,Delete=false",
    "kustomize.toolkit.fluxcd.io/prune": "disabled",
}
"""A volume outlives its source: tools that prune what is gone from a repository leave it."""
KEEP_FINISHED = 86_400.0
"""Seconds that a finished Job stays, for its log, where ``kubernetes.keep`` says nothing."""


@dataclass(frozen=True)
class Made:
    """One source's files, by name, and the namespace that they are for."""

    source: str
    namespace: str | None
    files: Mapping[str, str]


def together(made: Iterable[Made], kept: Collection[Standing] = ()) -> dict[str, str]:
    """All files, and ``kustomization.yaml``. ``kept`` are other files of the folder that it names too."""
    made = tuple(made)
    files = {name: text for each in made for name, text in each.files.items()}
    return {**files, FILE: kustomization(files, {each.namespace for each in made}, kept)}


def make(plan: JobPlan, *, with_secrets: bool = False) -> Made:
    """One file for a source, and one more for its state.

    Each source is a CronJob, suspended where it has no schedule or is disabled. No value of a secret is in
    there unless ``with_secrets``; each file begins with the line that makes its Secret. A volume claim is in
    a file of its own, so that deleting what runs a source deletes no data. Raises ConfigurationError for
    what Kubernetes can't do.
    """
    files = {_file_name(plan): _text(plan, with_secrets)}
    state = state_documents(plan)
    if state:
        files[_file_name(plan, ".state")] = dump_all(state, comment=_state_comment(plan))
    return Made(plan.job.source, plan.kubernetes.namespace, files)


def documents(plan: JobPlan, *, with_secrets: bool = False) -> list[dict[str, Any]]:
    """What runs one source, in the order in which it can be created: everything but its state."""
    plan = as_rendered(plan)
    settings = plan.kubernetes
    names = _names(plan)
    manifests.check_plan(plan)
    labels = labels_of_source(plan.job)
    selector = {key: labels[key] for key in (LABEL_PROJECT, LABEL_SOURCE, LABEL_ACTION)}
    container = plan.container
    made: list[dict[str, Any] | None] = [
        None if settings.service_account else manifests.service_account(names, labels),
        network_policy(
            {"name": names.job, "labels": labels},
            selector,
            egress_rules(plan.job.source, container.network, container.egress),
        ),
        manifests.config_map(plan, names, labels),
        manifests.secret(plan, names, labels) if with_secrets and not settings.secret else None,
    ]
    keep = KEEP_FINISHED if settings.keep is None else parse_duration(settings.keep)
    schedule = None if plan.schedule is None else checked(plan.job.source, plan.schedule)
    made.append(manifests.cron_job(plan, names, labels, schedule=schedule, retries=plan.retries, keep=keep))
    return _in_namespace(plan, [document for document in made if document is not None])


def state_documents(plan: JobPlan) -> list[dict[str, Any]]:
    """The objects that hold a source's state: its volume claim, if it asks for one."""
    claim = manifests.claim(plan, _names(plan), labels_of_source(plan.job))
    if claim is not None:
        claim["metadata"]["annotations"] = dict(_KEPT)
    return _in_namespace(plan, [] if claim is None else [claim])


def _in_namespace(plan: JobPlan, found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    namespace = plan.kubernetes.namespace
    if namespace is not None:
        for document in found:
            document["metadata"] = {"namespace": namespace, **document["metadata"]}
    return found


def as_rendered(plan: JobPlan) -> JobPlan:
    """The plan with nothing in it of the moment at which it was made, so that renderings can be compared.

    The token only tells events from what a source prints, so it may be known.
    """
    job = plan.job
    token = hashlib.sha256(f"{job.project}/{job.source}".encode()).hexdigest()[:32]
    job = dataclasses.replace(job, run_id="scheduled", token=token, events=False)
    return dataclasses.replace(plan, job=job)


def _names(plan: JobPlan) -> Names:
    settings = plan.kubernetes
    return names_of_source(plan.job, secret=settings.secret, service_account=settings.service_account)


def _file_name(plan: JobPlan, part: str = "") -> str:
    """No two sources have one file, for no source's name has a dot or a hyphen of its own."""
    name = f"{plan.job.source.replace('_', '-')}{part}.yaml"
    return name if name != FILE else f"{plan.job.source}.source.yaml"


def _text(plan: JobPlan, with_secrets: bool) -> str:
    return dump_all(
        documents(plan, with_secrets=with_secrets), comment=_comment(plan, _names(plan), with_secrets)
    )


def _state_comment(plan: JobPlan) -> str:
    source, names = plan.job.source, _names(plan)
    held = "its state" if plan.job.destination.file is None else "its state and the rows that it loaded"
    return (
        f"State of source {source}: made by `dltpod render kubernetes {source}`, to be made again, not"
        f" edited.\nTo delete the claim {names.claim} is to delete {held}."
    )


def _comment(plan: JobPlan, names: Names, with_secrets: bool) -> str:
    source = plan.job.source
    lines = [f"Source {source}: made by `dltpod render kubernetes {source}`, to be made again, not edited."]
    wanted = plan.kubernetes.namespace
    namespace = f" --namespace {shlex.quote(wanted)}" if wanted else ""
    if plan.schedule is None:
        lines.append("It has no schedule. To run it:")
        lines.append(f"  kubectl create job --from=cronjob/{names.job}{namespace} {names.job}-$(date +%s)")
    if plan.kubernetes.secret:
        lines.append(f"Its secrets are in the Secret {names.secret}, which something else keeps.")
    elif with_secrets:
        lines.append("It holds secret values: keep it out of version control.")
    else:
        folder = shlex.quote(f".dltpod/secrets/{source}")
        lines.append("Its secrets, first and whenever they change:")
        lines.append(
            f"  dltpod secrets {source} && kubectl create secret generic {names.secret}{namespace}"
            f" --from-file={folder} --dry-run=client -o yaml | kubectl apply -f -"
        )
    return "\n".join(lines)
