"""Gathers what a job may see of this host, and creates the folders that it writes to."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from launcher.config.mounts import Guard
from launcher.errors import ConfigurationError
from launcher.host import rights as owners
from launcher.host.files import write_atomic
from launcher.host.user import JobUser
from launcher.plan.egress import DNS_UID, DNS_USER
from launcher.plan.job import CA_BUNDLE_TARGET, CA_VARIABLES, within_data
from launcher.plan.values import Host, JobPlan
from runner.contract import CUSTOM_SOURCES_DIR, DATA_DIR

PROXY_VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_OWN = (CUSTOM_SOURCES_DIR, "/etc/passwd", "/etc/resolv.conf")
"""Where dltpod's own mounts of the project stand in the container, beside state and data."""


def gather(
    private: Path, custom_sources: Path, environ: Mapping[str, str], user: JobUser, launcher: str
) -> Host:
    """The host's certificates, proxies and folders, and where ``prepare`` writes the files of ``private``.

    Nothing else of ``environ`` reaches a container. Raises ConfigurationError where a certificate
    file is named that isn't there.
    """
    proxies: dict[str, str] = {}
    for name in PROXY_VARIABLES:
        value = environ.get(name) or environ.get(name.lower())
        if value:
            proxies[name] = proxies[name.lower()] = value
    return Host(
        ca_bundle=_ca_bundle(environ),
        proxies=proxies,
        passwd=private.resolve() / "etc" / f"passwd-{user.uid}-{user.gid}",
        resolver=private.resolve() / "etc" / "resolv.conf",
        custom_sources=custom_sources.resolve() if custom_sources.is_dir() else None,
        launcher=launcher,
    )


@owners.as_invoking_user()
def _ca_bundle(environ: Mapping[str, str]) -> Path | None:
    for name in CA_VARIABLES:
        value = environ.get(name)
        if value:
            file = Path(value).expanduser()
            if not file.is_file():
                raise ConfigurationError(
                    f"{name} names {value}, which does not exist", f"correct or unset {name}"
                )
            # The link's target: /etc/ssl/cert.pem is often one into a folder of its own.
            return file.resolve()
    return None


def _passwd(user: JobUser) -> str:
    """A passwd file with root and the job's user, so that libpq and getpass find a name for the uid."""
    text = "root:x:0:0:root:/root:/usr/sbin/nologin\n"
    if user.uid != 0:
        text += f"dltpod:x:{user.uid}:{user.gid}:dltpod:/tmp:/usr/sbin/nologin\n"
    return text + f"{DNS_USER}:x:{DNS_UID}:{DNS_UID}::/:/usr/sbin/nologin\n"


def prepare(plan: JobPlan, data: Path) -> None:
    """Creates the folders and files that the job writes to, owned by its user, and checks its other mounts.

    Where root calls in a project of its own, the data folder and the source's state are made the job's
    user's: the two folders, nothing in them, and nothing that a link leads to. Raises ConfigurationError
    where a mount isn't there or the job couldn't write.
    """
    user = plan.container.user
    plan.state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    _open_again(plan.state_dir)
    writable = [plan.state_dir]
    writable += [mount.source for mount in plan.container.mounts if within_data(mount.target)]
    covered = [
        data / PurePosixPath(tmpfs.target).relative_to(DATA_DIR)
        for tmpfs in plan.container.tmpfs
        if within_data(tmpfs.target)
    ]
    for folder in (*writable, *covered):
        # An engine would make what it mounts something over, as root.
        _make(folder, data, user)
    for folder in writable:
        check_writable(folder, user)
    if plan.job.destination.file is not None:
        file = data / Path(plan.job.destination.file).relative_to(DATA_DIR)
        if file.exists():
            check_writable(file, user)
    texts = {"/etc/passwd": _passwd(user), "/etc/resolv.conf": "nameserver 127.0.0.1\n"}
    for mount in plan.container.mounts:
        if mount.target in texts and not mount.source.exists():
            mount.source.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
            write_atomic(mount.source, texts[mount.target], mode=0o644)
    guard = Guard(data.parent)
    for mount in plan.container.mounts:
        if mount.source in writable or mount.target == CA_BUNDLE_TARGET:
            continue  # the bundle is the user's, and has been looked at
        wrong, hint = None, "correct container.mounts in sources.yml"
        try:
            if not mount.source.exists():
                wrong, hint = "does not exist", f"create it, or {hint}"
            # Links may lead elsewhere than when sources.yml was read.
            elif mount.target not in _OWN and (
                open_to := guard.fault(mount.source, read_only=mount.read_only)
            ):
                wrong = f"exposes too much: it {open_to}"
        except PermissionError:
            wrong, hint = "is in a folder that this user can't enter", f"{hint}, or the folder's permissions"
        if wrong is not None:
            raise ConfigurationError(f"source '{plan.job.source}': mount {mount.source} {wrong}", hint)


def _open_again(folder: Path) -> None:
    """Restores the user's rights on the state folder, which a source may have removed."""
    if folder.lstat().st_mode & 0o700 == 0o700:
        return
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except PermissionError:
        with contextlib.suppress(PermissionError):  # nobody else can have put a link there
            folder.chmod(0o700)
        return
    try:
        os.fchmod(descriptor, 0o700)
    finally:
        os.close(descriptor)


def _make(folder: Path, data: Path, user: JobUser) -> None:
    """Make a folder; in a project of root's own it then is the job's user's, if it was root's.

    Nothing below its ``data`` is reached by a link, for jobs write there: ConfigurationError.
    """
    if user.owns_files or not owners.is_root():
        folder.mkdir(parents=True, exist_ok=True)
        return
    below = folder.relative_to(data).parts if data in folder.parents else ()
    top = data if below else folder
    top.mkdir(parents=True, exist_ok=True)
    if top.is_symlink() and not below:
        return  # root's own, and what it leads to stays as root wants it
    here = os.open(top, _FOLDER | (0 if below else os.O_NOFOLLOW))
    try:
        for name in below:
            with contextlib.suppress(FileExistsError):
                os.mkdir(name, dir_fd=here)
            above, here = here, os.open(name, _FOLDER | os.O_NOFOLLOW, dir_fd=here)
            os.close(above)
        if os.fstat(here).st_uid == 0:
            os.fchown(here, user.uid, user.gid)
    except OSError as error:
        raise ConfigurationError(
            f"{folder} can't be made without following a link: {error.strerror}",
            f"`ls -la {data}` shows what jobs put there",
        ) from None
    finally:
        os.close(here)


def check_writable(folder: Path, user: JobUser) -> None:
    """Raises ConfigurationError, with the command that mends it, where the user can't write there."""
    found = folder.stat()
    if user.uid in (0, found.st_uid):
        bits = stat.S_IWUSR
    elif user.gid == found.st_gid:
        bits = stat.S_IWGRP
    else:
        bits = stat.S_IWOTH
    if user.uid != 0 and not found.st_mode & bits:
        raise ConfigurationError(
            f"{folder} belongs to uid {found.st_uid}, and the job runs as uid {user.uid}: it can't write",
            f"`sudo chown -R {user.uid}:{user.gid} {folder}`",
        )
