"""Sources as Kubernetes objects, one file each and a kustomization that names them. Pure."""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from launcher.config.cron import spread
from launcher.config.units import parse_duration
from launcher.engines.kubernetes import manifests
from launcher.engines.kubernetes.names import names_of_source
from launcher.engines.kubernetes.network import egress_rules, network_policy
from launcher.engines.kubernetes.pod import any_run
from launcher.plan.values import JobPlan
from launcher.render.documents import dump_all
from launcher.render.kustomization import FILE, RenderedFile, kustomization
from launcher.render.plans import fixed_job

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


def together(made: Iterable[Made], kept: Collection[RenderedFile] = ()) -> dict[str, str]:
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
    made, comment = documents(plan, with_secrets=with_secrets), _comment(plan, with_secrets)
    files = {_file_name(plan): dump_all(made, comment=comment)}
    state = state_documents(plan)
    if state:
        files[_file_name(plan, ".state")] = dump_all(state, comment=_state_comment(plan))
    return Made(plan.job.source, plan.kubernetes.namespace, files)


def documents(plan: JobPlan, *, with_secrets: bool = False) -> list[dict[str, Any]]:
    """What runs one source, in the order in which it can be created: everything but its state."""
    plan = dataclasses.replace(plan, job=fixed_job(plan, "scheduled"))
    settings = plan.kubernetes
    names = names_of_source(plan)
    manifests.check_plan(plan)
    made = [] if settings.service_account else [manifests.service_account(names)]
    made.append(
        network_policy({"name": names.job, "labels": names.labels}, any_run(names.labels), egress_rules(plan))
    )
    made.append(manifests.config_map(plan, names))
    if with_secrets and not settings.secret:
        made.append(manifests.secret(plan, names))
    keep = KEEP_FINISHED if settings.keep is None else parse_duration(settings.keep)
    schedule = None if plan.schedule is None else spread(plan.schedule, plan.job.source)
    made.append(manifests.cron_job(plan, names, schedule=schedule, retries=plan.retries, keep=keep))
    return _in_namespace(plan, made)


def state_documents(plan: JobPlan) -> list[dict[str, Any]]:
    """The objects that hold a source's state: its volume claim, if it asks for one."""
    claim = manifests.claim(plan, names_of_source(plan))
    if claim is None:
        return []
    claim["metadata"]["annotations"] = dict(_KEPT)
    return _in_namespace(plan, [claim])


def _in_namespace(plan: JobPlan, found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    namespace = plan.kubernetes.namespace
    if namespace is not None:
        for document in found:
            document["metadata"] = {"namespace": namespace, **document["metadata"]}
    return found


def _file_name(plan: JobPlan, part: str = "") -> str:
    """No two sources have one file, for no source's name has a dot or a hyphen of its own."""
    name = f"{plan.job.source.replace('_', '-')}{part}.yaml"
    return name if name != FILE else f"{plan.job.source}.source.yaml"


def _state_comment(plan: JobPlan) -> str:
    source, names = plan.job.source, names_of_source(plan)
    held = "its state" if plan.job.destination.file is None else "its state and the rows that it loaded"
    return (
        f"State of source {source}: made by `dltpod render kubernetes {source}`, to be made again, not"
        f" edited.\nTo delete the claim {names.claim} is to delete {held}."
    )


def _comment(plan: JobPlan, with_secrets: bool) -> str:
    source, names = plan.job.source, names_of_source(plan)
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
