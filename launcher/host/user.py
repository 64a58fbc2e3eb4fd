"""Who a container runs as."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from launcher.host import rights as owners

UNPRIVILEGED = 65532
"""The uid that distroless images call ``nonroot``: of no account on any common system."""


@dataclass(frozen=True)
class JobUser:
    """Who the container runs as. ``uid`` is never 0, save under rootless Docker (0 is the invoking user)."""

    uid: int
    gid: int
    owns_files: bool
    """False where root runs dltpod, and folders must be given to this uid first."""


def of_project(root: Path, environ: Mapping[str, str], *, rootless: bool) -> JobUser:
    """``decide`` for the project in the folder ``root`` and the user who runs this process."""
    owner = owners.acting_owner() or owners.owner_of(root)
    return decide(
        uid=os.geteuid(),
        gid=os.getegid(),
        owner=(owner.uid, owner.gid) if owner is not None else (0, 0),
        environ=environ,
        rootless=rootless,
    )


def decide(
    *, uid: int, gid: int, owner: tuple[int, int], environ: Mapping[str, str], rootless: bool
) -> JobUser:
    """The uid and gid for the container, so that files on disk belong to the user who runs dltpod.

    ``uid`` and ``gid`` are the launcher's, ``owner`` those of the project's folder. Under rootless
    Docker uid 0 in the container is the user who runs the engine. When root calls, the project's
    owner is taken, else who called sudo, else an unprivileged uid.
    """
    if rootless:
        return JobUser(uid=0, gid=0, owns_files=True)
    if uid != 0:
        return JobUser(uid=uid, gid=gid or uid, owns_files=True)
    candidates = (owner, (_number(environ.get("SUDO_UID")), _number(environ.get("SUDO_GID"))))
    for candidate_uid, candidate_gid in candidates:
        if candidate_uid > 0:
            # Group 0 may read what is the host's own: never lend it.
            return JobUser(uid=candidate_uid, gid=max(candidate_gid, 0) or candidate_uid, owns_files=False)
    return JobUser(uid=UNPRIVILEGED, gid=UNPRIVILEGED, owns_files=False)


def _number(text: str | None) -> int:
    return int(text) if text is not None and text.isascii() and text.isdigit() else 0
