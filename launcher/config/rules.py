"""What must hold between the entries of a file, and between the file and the disk."""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from launcher.config.destinations import EXTRAS
from launcher.config.document import PathKey
from launcher.config.forms import mount, reserved, split_mount
from launcher.errors import near_miss

Found = tuple[PathKey, str]
"""Path of a fault, and its text."""

_SOCKETS = (
    "/run/docker.sock",
    "/var/run/docker.sock",
    "/run/podman/podman.sock",
    "/run/containerd/containerd.sock",
    "/run/crio/crio.sock",
)
_HOME_SOCKETS = (
    ".docker/run/docker.sock",
    ".docker/desktop/docker.sock",
    ".colima/default/docker.sock",
    ".rd/docker.sock",
)
_HOST_FOLDERS = ("/proc", "/sys", "/dev", "/var/lib/docker", "/var/lib/containers", "/var/lib/containerd")


@dataclass(frozen=True)
class Named:
    """What tells one entry from another. ``place`` is its place in the file, ``line`` its line."""

    place: int
    line: int
    name: str
    pipeline_name: str | None

    @property
    def pipeline(self) -> str:
        return self.pipeline_name or self.name


def names(entries: Iterable[Named]) -> Iterator[Found]:
    """Names and pipeline names that stand twice, or that no pipeline can have."""
    first: dict[str, Named] = {}
    pipelines: dict[str, Named] = {}
    for entry in entries:
        earlier = first.setdefault(entry.name, entry)
        if earlier is not entry:
            text = f"'{entry.name}' stands here twice; first on line {earlier.line}"
            yield ("sources", entry.place, "name"), text
            continue
        if entry.pipeline_name is None and (why := reserved(entry.name)):
            text = f"'{entry.name}' is {why}; rename it, or set pipeline_name"
            yield ("sources", entry.place, "name"), text
        other = pipelines.setdefault(entry.pipeline.lower(), entry)
        if other is not entry:
            text = f"'{entry.pipeline}' is the pipeline of '{other.name}' (line {other.line}) too, and they "
            text += "would share its state; give one of them another pipeline_name"
            yield ("sources", entry.place, "dlt_native", "pipeline_name"), text


def destinations(asked: Iterator[tuple[PathKey, str]], configured: Collection[str]) -> Iterator[Found]:
    """Destinations that neither dlt has nor ``.dlt/`` configures. A dotted one is a class or a module."""
    known = {*EXTRAS, *configured}
    for path, name in asked:
        if name not in known and "." not in name:
            yield (
                path,
                f"'{name}' is no destination of dlt, and .dlt/ has no [destination.{name}] with a "
                f"destination_type{near_miss(name, known)}",
            )


def mounts(root: Path, asked: Iterator[tuple[PathKey, str]]) -> Iterator[Found]:
    """Mounts that would hand over an engine, the host, or other sources' secrets."""
    for path, text in asked:
        wrong = None if mount(text) else mount_fault(root, text)  # a form that is wrong has been told
        if wrong:
            yield path, wrong


def mount_source(root: Path, text: str) -> Path:
    """The host's path of a mount, absolute: from the project's root, or ``~``, the home folder."""
    host, _, _ = split_mount(text)
    path = Path(host)
    if host == "~" or host.startswith("~/"):
        path = Path(os.path.expanduser(host))  # noqa: PTH111 - no error where there is no home
    return Path(os.path.normpath(root / path))


def mount_fault(root: Path, text: str) -> str | None:
    """What is wrong with a mount's host path, links followed; None if nothing is."""
    host = mount_source(root, text)
    spellings = {host, Path(os.path.realpath(host))}
    if any(_holds_socket(p) for p in spellings):
        return (
            "would hand the source an engine's socket, and with it this host; mount the folder that it needs"
        )
    for p in spellings:
        if any(p == Path(f) or Path(f) in p.parents for f in _HOST_FOLDERS):
            return "must not be the host's own /proc, /sys, /dev or an engine's store"
    private = [root / ".dlt", root / ".env", root / ".dltpod"]
    for p in spellings:
        for kept in [*private, *(Path(os.path.realpath(k)) for k in private)]:
            if p == kept or p in kept.parents or kept in p.parents:
                return (
                    "would hand over all sources' secrets (.dlt/, .env, .dltpod/); mount a folder beside them"
                )
    return None


def _holds_socket(path: Path) -> bool:
    engine = os.environ.get("DOCKER_HOST", "")
    asked = [engine.removeprefix("unix://")] if engine.startswith("unix://") else []
    for socket in (*_SOCKETS, *asked):
        for spelling in {Path(socket), Path(os.path.realpath(socket))}:
            if path == spelling or path in spelling.parents:
                return True
    runtime = os.environ.get("XDG_RUNTIME_DIR", f"/run/user/{os.getuid()}")
    at_home = [Path.home() / s for s in _HOME_SOCKETS] if "HOME" in os.environ else []
    for maybe in (*at_home, Path(runtime) / "docker.sock", Path(runtime) / "podman" / "podman.sock"):
        if path == maybe or (path in maybe.parents and maybe.exists()):
            return True
    try:
        return stat.S_ISSOCK(path.stat().st_mode)
    except (OSError, ValueError):
        return False
