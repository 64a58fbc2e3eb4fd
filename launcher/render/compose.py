"""Sources as services of one Compose file. Pure."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from launcher.engines.docker.spec import tmpfs_options
from launcher.errors import ConfigurationError
from launcher.plan.values import NETWORK, NETWORK_OPTIONS, JobPlan
from launcher.render.documents import commented, dump, dump_entry, table
from launcher.render.plans import fixed_job
from runner.contract import JOB_VARIABLE, SECRETS_DIR, to_json

PROFILE = "dltpod"
"""Of all services: `up` starts none, `--profile dltpod up` starts all, `run --rm NAME` one."""
_COMMENT = """\
The sources of {project} as Compose services: made by `dltpod render compose`, to be made again, not edited.
  dltpod build --all                  the images, where this engine lacks them
  dltpod secrets NAME                 the secrets of a source, for this file to mount
  docker compose -f {file} run --rm NAME"""


@dataclass(frozen=True)
class Made:
    """One source as a service: its plan, its text, and what it needs beside it."""

    plan: JobPlan
    text: str
    secrets: Mapping[str, str]
    """Paths of files, by their names in the Compose file."""


def make(plan: JobPlan, root: Path, place: Path) -> Made:
    """One source's service, for a file in ``place``.

    Secrets are files below ``.dltpod/secrets``, mounted one by one; no value of one is in the text. Raises
    ConfigurationError for what Compose can't do.
    """
    source = plan.job.source
    return Made(
        plan,
        dump_entry("services", source, _escaped(service(plan, root, place))),
        {
            _secret_name(plan, name): _path(root / ".dltpod" / "secrets" / source / name, root, place)
            for name in plan.slice.files
        },
    )


def together(made: Sequence[Made], *, root: Path, file: str = "compose.yml") -> str:
    """The text of a Compose file of these services."""
    project = made[0].plan.job.project if made else root.name
    networks = {
        name: {"driver_opts": dict(NETWORK_OPTIONS)} if name == NETWORK else {"external": True}
        for name in sorted({_network(each.plan) for each in made} - {"none"})
    }
    secrets = (
        dump_entry("secrets", name, {"file": _escaped(path)})
        for each in made
        for name, path in each.secrets.items()
    )
    comment = commented(_COMMENT.format(project=project, file=file))
    services = table("services", (each.text for each in made))
    return comment + services + (dump({"networks": networks}) if networks else "") + table("secrets", secrets)


def _network(plan: JobPlan) -> str:
    network = plan.container.network
    return NETWORK if network == "bridge" else network


def service(plan: JobPlan, root: Path, place: Path) -> dict[str, Any]:
    """One source as a service. Raises ConfigurationError for what Compose can't do."""
    spec, job = plan.container, plan.job
    if spec.egress:
        raise ConfigurationError(
            f"{job.source}: container.egress can't be enforced by a Compose file",
            "run it with `dltpod sync`, which puts a gateway before it, or give it a network of yours",
        )
    as_told = dataclasses.replace(
        fixed_job(plan, "compose"), stop_on_eof=False, timeout=plan.timeout, retries=plan.retries
    )
    service: dict[str, Any] = {
        "profiles": [PROFILE],
        "image": spec.image,
        # Its name is this machine's own: whoever has it at a public registry is not asked.
        "pull_policy": "never",
        "command": list(spec.command),
        "working_dir": spec.working_dir,
        "user": f"{spec.user.uid}:{spec.user.gid}",
        "environment": {**spec.environment, JOB_VARIABLE: to_json(as_told)},
        "read_only": True,
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
        "init": False,
        "ipc": "private",
        "restart": "no",
        "stop_grace_period": f"{spec.stop_grace:g}s",
        "mem_limit": spec.memory,
        "memswap_limit": spec.memory,
        "pids_limit": spec.pids,
    }
    if spec.cpus is not None:
        service["cpus"] = spec.cpus
    service |= {
        "ulimits": {"core": 0},
        "shm_size": 64 << 20,
        "tmpfs": [
            f"{tmpfs.target}:{tmpfs_options(tmpfs, spec.user)}"
            for tmpfs in spec.tmpfs
            if tmpfs.target != SECRETS_DIR
        ],
        "volumes": [
            {
                "type": "bind",
                "source": _path(mount.source, root, place),
                "target": mount.target,
                "read_only": mount.read_only,
            }
            for mount in spec.mounts
        ],
    }
    if plan.slice.files:
        folder = SECRETS_DIR.removeprefix("/run/secrets/")
        service["secrets"] = [
            {"source": _secret_name(plan, name), "target": f"{folder}/{name}"} for name in plan.slice.files
        ]
    network = _network(plan)
    service |= {"network_mode": network} if network == "none" else {"networks": [network]}
    if spec.extra_hosts:
        service["extra_hosts"] = [f"{name}:{address}" for name, address in spec.extra_hosts.items()]
    service["logging"] = {"driver": "json-file", "options": {"max-size": "16m", "max-file": "2"}}
    service["labels"] = {"dltpod.rendered": "compose", "dltpod.source": job.source}
    return service


def _secret_name(plan: JobPlan, file: str) -> str:
    return f"{plan.job.source}_{file.replace('.', '_')}"


def _path(path: Path, root: Path, place: Path) -> str:
    """A path of the project relative to the file, so that the project may move; any other as it is."""
    if not path.is_relative_to(root):
        return str(path)
    relative = os.path.relpath(path, place)
    return relative if relative.startswith("..") else f"./{relative}"


def _escaped(value: Any) -> Any:
    """Compose replaces ``$NAME`` in every text; ``$$`` stands for one dollar."""
    if isinstance(value, str):
        return value.replace("$", "$$")
    if isinstance(value, Mapping):
        return {key: _escaped(item) for key, item in value.items()}
    return [_escaped(item) for item in value] if isinstance(value, list) else value
