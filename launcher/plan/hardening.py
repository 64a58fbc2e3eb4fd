"""What no container may be given, whatever sources.yml asks for."""

from __future__ import annotations

from launcher.config.mounts import engine_socket
from launcher.errors import ConfigurationError
from launcher.plan.egress import DNS_UID
from launcher.plan.values import ContainerSpec


def check(spec: ContainerSpec, *, rootless: bool = False) -> None:
    """Raises ConfigurationError for a container that can't be isolated as asked for.

    That is one with root, a gateway's name server, a network namespace of others, an engine's socket, or no
    memory limit. ``rootless``: uid 0 in the container is an ordinary user of the host.
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
