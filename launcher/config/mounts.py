"""Which paths of this host ``container.mounts`` may not show: one list for all engines and renderings."""

from __future__ import annotations

import contextlib
import os
import pwd
import stat
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from launcher.host.rights import acting_owner
from runner import contract

SOCKETS = ("docker.sock", "podman.sock", "containerd.sock", "crio.sock", "buildkitd.sock")
"""Whoever can write to one of these owns the host."""
_ENGINES = tuple(
    Path(text)
    for text in (
        "/var/run/docker.sock",
        "/run/docker.sock",
        "/run/podman/podman.sock",
        "/run/containerd/containerd.sock",
        "/run/crio/crio.sock",
        "/run/buildkit/buildkitd.sock",
    )
)
_ABOVE_ENGINES = {above: str(socket) for socket in reversed(_ENGINES) for above in (socket, *socket.parents)}
"""Each of them, and each folder that one of them is in."""
_AT_HOME = (
    ".docker/run/docker.sock",
    ".docker/desktop/docker.sock",
    ".colima/default/docker.sock",
    ".rd/docker.sock",
)
_KERNEL = ("/proc", "/sys", "/dev")
_STORES = (
    *(f"/var/lib/{name}" for name in ("docker", "containers", "containerd", "crio", "buildkit")),
    *(f"/var/lib/{name}" for name in ("kubelet", "rancher", "etcd", "cni", "lxc", "lxd", "libvirt")),
    "~/.local/share/docker",
    "~/.local/share/containers",
)
"""Images, other containers' files and secrets, virtual machines."""
_SYSTEM = (
    *("/etc", "/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/boot"),
    *("/var/lib", "/var/spool", "/System", "/Library", "/private/etc"),
)
"""Programs of this host, and their settings."""
_OPEN_AT_HOME = (".cache", ".local/share", ".local/state")
"""Hidden folders of a home folder that hold data."""
_SECRETS = (".dlt", ".env", ".dltpod")
_CONTROL = (
    *("custom_sources", "sources.yml", "sources.yaml", "locks", "venv"),
    *("Makefile", "pyproject.toml", "Dockerfile"),
)
"""Files that decide which code runs for all sources and on this host. A project's hidden files may, too."""
_ENTRIES = 1000
"""How many entries of a mounted folder are searched for sockets, the uppermost first."""
_HARMLESS = "fsmonitor--daemon.ipc"
"""git's own, in .git: it only tells which files have changed."""


def engine_socket(path: Path) -> str | None:
    """The engine's socket that a mount of ``path`` would show, None if none. Judges by the path alone."""
    if path.name in SOCKETS:
        return path.name
    return _ABOVE_ENGINES.get(path)


class Guard:
    """Judges the host paths of mounts. ``root`` is the project's folder.

    ``writable`` are the host paths of mounts that sources may write to, in addition to ``data/``.
    """

    def __init__(self, root: Path, writable: Iterable[Path] = ()) -> None:
        self._root = root
        self._homes = tuple(_homes())
        self._written = (root / "data", *writable)
        self._ids: dict[Path, tuple[int, int] | None] = {}

    def fault(self, host: Path, *, read_only: bool) -> str | None:
        """Why a source must not get that path, with its links followed; None where it may."""
        spellings = {host, Path(os.path.realpath(host))}
        for path in spellings:
            if self._engine(path):
                wrong = "would give the source an engine's socket, and so control of this host"
                return f"{wrong}; mount the folder that it needs"
            if any(_inside(path, Path(kept)) for kept in _KERNEL):
                return "must not be the host's own /proc, /sys or /dev"
            if self._secret(path):
                return "would expose all sources' secrets (.dlt/, .env, .dltpod/); mount a folder beside them"
            if any(self._around(path, home) for home in self._homes):
                return "would expose a home folder and its keys; mount the folder in it that is needed"
            if any(self._meets(path, kept) for kept in self._places(_STORES)):
                return "must not be an engine's storage on the host, nor a folder that contains it"
            if not read_only and (what := self._control(path)):
                return f"would let the source write {what}; mount it read-only, or a folder of its own"
        if self._leads_out(host):
            return "leads by a link out of a folder that sources write to: any of them could redirect it"
        socket = _socket_in(host)
        if socket is not None:
            wrong = f"contains the socket {socket}, which gives access to a program of this host"
            return f"{wrong}; mount a folder without one"
        return None

    def _engine(self, path: Path) -> bool:
        named = os.environ.get("DOCKER_HOST", "")
        asked = [Path(named.removeprefix("unix://"))] if named.startswith("unix://") else []
        for socket in (*_ENGINES, *asked):
            if any(spelling.is_relative_to(path) for spelling in (socket, Path(os.path.realpath(socket)))):
                return True
        runtime = Path(os.environ.get("XDG_RUNTIME_DIR", f"/run/user/{os.getuid()}"))
        maybe = [home / socket for home in self._homes for socket in _AT_HOME]
        maybe += [runtime / "docker.sock", runtime / "podman/podman.sock"]
        there = os.path.exists  # Path.exists raises where a folder can't be searched
        return (
            path.name in SOCKETS
            or _is_socket(path)
            or any(path == place or (path in place.parents and there(place)) for place in maybe)
        )

    def _secret(self, path: Path) -> bool:
        if any(self._meets(path, self._root / name) for name in _SECRETS):
            return True
        # .env.production and the like
        return any(
            self._same(p.parent, self._root) and p.name.startswith(".env") for p in (path, *path.parents)
        )

    def _control(self, path: Path) -> str | None:
        """What a source that may write there would control on this host; None where it is nothing."""
        for kept in (*(self._root / name for name in _CONTROL), self._root):
            if self._meets(path, kept) if kept != self._root else self._around(path, kept):
                return f"{kept.name or kept}, which decides what runs"
        for place in (path, *path.parents):
            if place.name.startswith(".") and self._same(place.parent, self._root):
                return f"{place.name}, which programs of this host read"
        code = (Path(__file__).parents[1], Path(contract.__file__).parent, Path(sys.prefix))
        if any(self._meets(path, kept) for kept in code if not _inside(self._root, kept)):
            return "dltpod's own code"
        if _inside(Path(os.path.realpath(path)), Path(os.path.realpath(self._root))):
            return None  # a project may lie anywhere
        if any(self._meets(path, kept) for kept in self._places(_SYSTEM)):
            return "system files of this host"
        for home in self._homes:
            if any(_inside(path, home / name) for name in _OPEN_AT_HOME):
                continue
            if _inside(path, home) and path.relative_to(home).parts[0].startswith("."):
                return f"{home / path.relative_to(home).parts[0]}, which programs of this host read"
        return None

    def _leads_out(self, host: Path) -> bool:
        real = Path(os.path.realpath(host))
        return any(
            _inside(host, written) and not _inside(real, Path(os.path.realpath(written)))
            for written in self._written
            if host != written
        )

    def _places(self, texts: Iterable[str]) -> Iterator[Path]:
        for text in texts:
            if text.startswith("~/"):
                yield from (home / text[2:] for home in self._homes)
            else:
                yield Path(text)

    def _meets(self, path: Path, kept: Path) -> bool:
        """Whether a path is ``kept``, lies in it or contains it, under any name."""
        return self._around(path, kept) or any(self._same(above, kept) for above in path.parents)

    def _around(self, path: Path, kept: Path) -> bool:
        real = Path(os.path.realpath(kept))
        return any(self._same(path, place) for place in (kept, *kept.parents, real, *real.parents))

    def _same(self, one: Path, other: Path) -> bool:
        # By what it is, for a bind mount and a disk that knows no case; by name, for what isn't there yet.
        return one == other or (self._id(one) is not None and self._id(one) == self._id(other))

    def _id(self, path: Path) -> tuple[int, int] | None:
        if path not in self._ids:
            self._ids[path] = None
            with contextlib.suppress(OSError, ValueError):
                found = path.stat()
                self._ids[path] = (found.st_dev, found.st_ino)
        return self._ids[path]


def _inside(path: Path, folder: Path) -> bool:
    return path == folder or folder in path.parents


def _homes() -> Iterator[Path]:
    owner = acting_owner()
    if owner is not None:
        yield owner.home
    if os.environ.get("HOME", "").startswith("/"):
        yield Path(os.path.normpath(os.environ["HOME"]))
    with contextlib.suppress(KeyError):
        yield Path(pwd.getpwuid(os.geteuid()).pw_dir)


def _is_socket(path: Path) -> bool:
    try:
        return stat.S_ISSOCK(path.stat().st_mode)
    except (OSError, ValueError):
        return False


def _socket_in(host: Path) -> str | None:
    """A socket among the first entries below a folder. Links within lead nowhere in a container."""
    agent = os.environ.get("SSH_AUTH_SOCK", "")
    if agent and Path(os.path.realpath(agent)).is_relative_to(os.path.realpath(host)):
        return agent
    seen, folders = 0, [host]
    while folders:
        try:
            entries = os.scandir(folders.pop(0))
        except (OSError, ValueError):
            continue
        with entries:
            for entry in entries:
                seen += 1
                if seen > _ENTRIES:
                    return None
                with contextlib.suppress(OSError):
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(Path(entry.path))
                    elif not entry.is_file(follow_symlinks=False) and not entry.is_symlink():
                        mode = entry.stat(follow_symlinks=False).st_mode
                        if stat.S_ISSOCK(mode) and entry.name != _HARMLESS:
                            return entry.path
    return None
