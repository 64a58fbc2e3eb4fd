"""Gathers what of this host a job may see, and makes the folders that it writes to."""

from __future__ import annotations

import contextlib
import os
import stat
import threading
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from launcher import owner as owners
from launcher.egress import DNS_UID, DNS_USER
from launcher.errors import ConfigurationError
from launcher.plan import Caller, Host, JobPlan
from launcher.planning import within_data
from launcher.policy import engine_socket
from runner.contract import DATA_DIR

PROXY_VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
_CA_VARIABLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


def gather(
    private: Path, custom_sources: Path, environ: Mapping[str, str], caller: Caller, launcher: str
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
        passwd=private.resolve() / "etc" / f"passwd-{caller.uid}-{caller.gid}",
        resolver=private.resolve() / "etc" / "resolv.conf",
        custom_sources=custom_sources.resolve() if custom_sources.is_dir() else None,
        launcher=launcher,
    )


@owners.as_caller()
def _ca_bundle(environ: Mapping[str, str]) -> Path | None:
    for name in _CA_VARIABLES:
        value = environ.get(name)
        if value:
            file = Path(value).expanduser()
            if not file.is_file():
                raise ConfigurationError(
                    f"{name} names {value}, and no such file is there", f"mend or unset {name}"
                )
            # The link's target: /etc/ssl/cert.pem is often one into a folder of its own.
            return file.resolve()
    return None


def _passwd(caller: Caller) -> str:
    """A passwd file with root and the job's user, so that libpq and getpass find a name for the uid."""
    text = "root:x:0:0:root:/root:/usr/sbin/nologin\n"
    if caller.uid != 0:
        text += f"dltpod:x:{caller.uid}:{caller.gid}:dltpod:/tmp:/usr/sbin/nologin\n"
    return text + f"{DNS_USER}:x:{DNS_UID}:{DNS_UID}::/:/usr/sbin/nologin\n"


def _keep(file: Path, text: str) -> None:
    """A small file that containers may read, made once, whole."""
    if not file.exists():
        file.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        temporary = file.with_name(f".{file.name}.{os.getpid()}.{threading.get_ident()}")
        temporary.write_text(text, encoding="ascii")
        temporary.chmod(0o644)
        temporary.replace(file)


def prepare(plan: JobPlan, data: Path) -> None:
    """Make the folders that the job writes to, its user's own, and its files; check what it only mounts.

    Where root calls in a project of its own, the data folder and the source's state are made the job's
    user's: the two folders, nothing in them, and nothing that a link leads to. Raises ConfigurationError
    where a mount isn't there or the job couldn't write.
    """
    user = plan.container.user
    plan.state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    _open_again(plan.state_dir)
    writable = [plan.state_dir]
    writable += [mount.source for mount in plan.container.mounts if within_data(mount.target)]
    covered = [_below(data, tmpfs.target) for tmpfs in plan.container.tmpfs if within_data(tmpfs.target)]
    for folder in (*writable, *covered):
        # An engine would make what it mounts something over, as root.
        folder.mkdir(parents=True, exist_ok=True)
    for folder in writable:
        _give(folder, user)
        check_writable(folder, user)
    if plan.job.destination.file is not None:
        file = data / Path(plan.job.destination.file).relative_to(DATA_DIR)
        if file.exists():
            check_writable(file, user)
    texts = {"/etc/passwd": _passwd(user), "/etc/resolv.conf": "nameserver 127.0.0.1\n"}
    for mount in plan.container.mounts:
        if mount.target in texts:
            _keep(mount.source, texts[mount.target])
    for mount in plan.container.mounts:
        if mount.source in writable:
            continue
        if not mount.source.exists():
            raise ConfigurationError(
                f"source '{plan.job.source}': mount {mount.source} is not there",
                "make it, or mend container.mounts in sources.yml",
            )
        socket = engine_socket(mount.source.resolve())
        if socket is not None or stat.S_ISSOCK(mount.source.stat().st_mode):
            raise ConfigurationError(
                f"source '{plan.job.source}': mount {mount.source} would hand over a socket of this host",
                "no source may have an engine's socket: take the mount out of sources.yml",
            )


def _below(data: Path, target: str) -> Path:
    return data / PurePosixPath(target).relative_to(DATA_DIR)


def _give(folder: Path, user: Caller) -> None:
    """In a project of root's own: make one folder that is root's the job's user's."""
    if user.owns_files or not owners.is_root():
        return
    try:
        # By its descriptor, so that what is changed is what was looked at.
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        return  # a link that root made: what it leads to stays as root wants it
    try:
        if os.fstat(descriptor).st_uid == 0:
            os.fchown(descriptor, user.uid, user.gid)
    finally:
        os.close(descriptor)


def _open_again(folder: Path) -> None:
    """A source may have taken its user's rights to its own state folder away."""
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


def check_writable(folder: Path, user: Caller) -> None:
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
