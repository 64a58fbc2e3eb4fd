"""From a hardened ContainerSpec to what the Docker API is asked for. Pure."""

from __future__ import annotations

from typing import Any

from launcher.host.user import JobUser
from launcher.plan.values import ContainerSpec, Tmpfs

LOG_FILE_BYTES = 64_000_000
"""A container's log is so long before the engine begins a new file."""
LOG_DRIVER = {"Type": "json-file", "Config": {"max-size": f"{LOG_FILE_BYTES // 1_000_000}m", "max-file": "4"}}
"""Set on each container: the daemon's default has no limit, and may be a driver that can't be read.

It goes with the container. Until then it has to hold all that a source prints faster than it is
read, and at the end more than a run's log file keeps (see ``launcher.engines.log``).
"""


def hardened(*, memory: int, pids: int) -> dict[str, Any]:
    """What the ``HostConfig`` of every container of dltpod's has. ``memory`` in bytes."""
    return {
        "ReadonlyRootfs": True,
        "CapDrop": ["ALL"],
        "SecurityOpt": ["no-new-privileges"],
        "Memory": memory,
        # The same as Memory: no swap, so that the limit is the limit.
        "MemorySwap": memory,
        "PidsLimit": pids,
        "LogConfig": LOG_DRIVER,
    }


def create_arguments(
    spec: ContainerSpec, *, network: str | None = None, podman: bool = False
) -> dict[str, Any]:
    """The body of ``POST /containers/create`` (API 1.41).

    ``network`` is what it is connected to, if not ``spec.network``; a gateway brings its own host names.
    ``podman``: a tmpfs can't have an owner, and is root's.
    """
    mode = network or spec.network
    hosts = [] if mode.startswith("container:") else [f"{n}:{at}" for n, at in spec.extra_hosts.items()]
    host: dict[str, Any] = {
        "Mounts": [
            {
                "Type": "bind",
                "Source": str(mount.source),
                "Target": mount.target,
                "ReadOnly": mount.read_only,
                # A mount of the host below this one isn't handed on later.
                "BindOptions": {"Propagation": "rprivate"},
            }
            for mount in spec.mounts
        ],
        "Tmpfs": {t.target: tmpfs_options(t, None if podman else spec.user) for t in spec.tmpfs},
        "NetworkMode": mode,
        "ExtraHosts": hosts,
        **hardened(memory=spec.memory, pids=spec.pids),
        "Privileged": False,
        # The runner is PID 1, which nothing in there can stop. The daemon's default may be an init.
        "Init": False,
        "IpcMode": "private",
        "CgroupnsMode": "private",
        # A core dump would write the secrets to disk.
        "Ulimits": [{"Name": "core", "Soft": 0, "Hard": 0}],
        "ShmSize": 64 << 20,
        "RestartPolicy": {"Name": "no"},
        "AutoRemove": False,
    }
    if spec.cpus is not None:
        host["NanoCpus"] = int(spec.cpus * 1_000_000_000)
    return {
        "Image": spec.image,
        "Cmd": list(spec.command),
        "Entrypoint": [],
        "User": f"{spec.user.uid}:{spec.user.gid}",
        "WorkingDir": spec.working_dir,
        "Env": [f"{name}={value}" for name, value in spec.environment.items()],
        "Labels": dict(spec.labels),
        "Tty": False,
        "OpenStdin": True,
        "StdinOnce": True,
        "AttachStdin": True,
        # Never attached: an attached stream that nobody reads stalls the job.
        "AttachStdout": False,
        "AttachStderr": False,
        "StopTimeout": int(spec.stop_grace),
        "HostConfig": host,
    }


def tmpfs_options(tmpfs: Tmpfs, owner: JobUser | None) -> str:
    """A tmpfs as ``docker run --tmpfs`` is told of it after the colon. Without an ``owner`` it is root's."""
    flags = f"rw,nosuid,nodev,noexec,size={tmpfs.size}"
    if owner is None:
        # Root's, so open to all: the one user in there is the job's, and its files are its own.
        return f"{flags},mode=1777"
    return f"{flags},mode={tmpfs.mode:04o},uid={owner.uid},gid={owner.gid}"
