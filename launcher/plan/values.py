"""Frozen values that say what will be done; nothing here does any of it.

Dry run, renderers and engines all use these same values.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from launcher.config.models import Kubernetes
from launcher.host.user import JobUser
from launcher.images.tags import Image
from launcher.secrets.slices import Slice
from runner.contract import JobSpec

NETWORK = "dltpod"
"""The network that ``container.network: bridge`` stands for: a bridge of dltpod's own."""
NETWORK_OPTIONS = {"com.docker.network.bridge.enable_icc": "false"}
"""No container on it reaches another."""


@dataclass(frozen=True)
class Mount:
    """A folder or file of the host in the container."""

    source: Path
    target: str
    read_only: bool = True


@dataclass(frozen=True)
class Tmpfs:
    """Scratch in memory. ``size`` in bytes, ``mode`` as in chmod; owned by the job's user."""

    target: str
    size: int
    mode: int = 0o700


@dataclass(frozen=True)
class ContainerSpec:
    """The container, for any engine. Sizes in bytes, times in seconds.

    What can't be chosen has no field here: every engine makes the root file system read-only, drops all
    capabilities, allows no new privileges and starts no container again by itself.
    """

    name: str
    image: str
    command: tuple[str, ...]
    user: JobUser
    environment: Mapping[str, str] = field(default_factory=dict)
    """Never a secret."""
    mounts: tuple[Mount, ...] = ()
    tmpfs: tuple[Tmpfs, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    working_dir: str = "/tmp"
    network: str = "bridge"
    extra_hosts: Mapping[str, str] = field(default_factory=dict)
    egress: tuple[str, ...] = ()
    """HOST:PORT; with any, the container reaches these and nothing else, through ``gateway``."""
    gateway: str = ""
    """The image of the gateway that enforces ``egress`` on a Docker engine."""
    base: str = ""
    """The image that the source's stands on: no package is in it, so what has privileges runs there."""
    memory: int = 2 << 30
    cpus: float | None = None
    pids: int = 512
    stop_grace: float = 20.0


@dataclass(frozen=True)
class JobPlan:
    """One run of one source, whole: the runner's part, its secrets, its container."""

    job: JobSpec
    slice: Slice = field(repr=False)
    container: ContainerSpec
    state_dir: Path
    """The host's folder behind STATE_DIR."""
    log_file: Path
    image: Image
    timeout: float | None = None
    retries: int = 2
    kubernetes: Kubernetes = field(default_factory=Kubernetes)
    """The source's ``kubernetes:`` block, for the engine and the rendering of that name."""
    schedule: str | None = None
    """The source's cron expression, for the renderings that keep time."""
    enabled: bool = True
    """Whether its schedule is kept."""


@dataclass(frozen=True)
class Host:
    """What of this host a job may see, and who runs it. Gathered once, before planning."""

    ca_bundle: Path | None = None
    """A bundle of certificates that the user set for this host."""
    proxies: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Proxy variables as they are set here; those that hold a password travel in the slice."""
    resolver: Path | None = None
    """A file for /etc/resolv.conf that names the egress gateway's own resolver."""
    passwd: Path | None = None
    """A file for /etc/passwd that knows the job's uid (psycopg2 asks for its name)."""
    custom_sources: Path | None = None
    """The folder of custom sources, where there is one."""
    data_folders: frozenset[PurePosixPath] = frozenset()
    """The folders below ``/data`` of the destinations of all sources of the project."""
    launcher: str = ""
    """This launcher's identity (see ``launcher.host.launchers``)."""


@dataclass(frozen=True)
class EngineFacts:
    """What an engine is and can do, gathered once."""

    name: str
    version: str = ""
    """A cluster's: ``1.33``."""
    rootless: bool = False
    remote: bool = False
    """Folders of this host can't be mounted."""
    podman: bool = False
    """Podman behind Docker's API: where it differs, it is asked in its own way."""
    own_hosts: bool = False
    """Jobs run on hosts of their own: nothing of this one (folders, certificates, proxies) is theirs."""
    cgroup: str = "2"
    platform: str = "linux/amd64"
    problems: tuple[str, ...] = ()


Say = Callable[[str], None]
"""Takes a line of progress for people."""
