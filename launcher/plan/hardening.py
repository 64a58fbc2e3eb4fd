"""The hardening of every container: one definition, applied last, with no setting that undoes it."""

from __future__ import annotations

import dataclasses

from launcher.config.mounts import engine_socket
from launcher.errors import ConfigurationError
from launcher.plan.egress import DNS_UID
from launcher.plan.values import ContainerSpec, Restart


def harden(spec: ContainerSpec, *, rootless: bool = False) -> ContainerSpec:
    """The same container with every wall up.

    ``rootless`` says that uid 0 in the container is an ordinary user of the host. Raises
    ConfigurationError where the container as asked for can't be walled in: root, a
    gateway's name server, a network namespace of others, an engine's socket, no memory limit.
    """
    if spec.user.uid == 0 and not rootless:
        raise ConfigurationError(
            f"{spec.name} would run as root", "run dltpod as an ordinary user, or under rootless Docker"
        )
    if spec.user.uid == DNS_UID:
        raise ConfigurationError(
            f"{spec.name} would run as uid {DNS_UID}, which an egress gateway lets ask any name server",
            "give the project's folder to another user, or call dltpod as another one",
        )
    if spec.network == "host" or spec.network.startswith("container:"):
        raise ConfigurationError(
            f"network '{spec.network}' would remove the container's isolation",
            "use bridge, none, or the name of a network of yours",
        )
    if spec.memory <= 0 or spec.pids <= 0:
        raise ConfigurationError(f"{spec.name} has no limit of memory or processes", "set container.memory")
    for mount in spec.mounts:
        socket = engine_socket(mount.source)
        if socket is not None:
            raise ConfigurationError(
                f"mount {mount.source} would give access to the engine ({socket})",
                "no source may have an engine's socket: take the mount out of sources.yml",
            )
    return dataclasses.replace(
        spec,
        read_only_root=True,
        cap_drop=("ALL",),
        no_new_privileges=True,
        restart=Restart.NEVER,
    )
