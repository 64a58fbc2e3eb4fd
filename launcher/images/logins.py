"""Logins of ``~/.netrc``, each given to the one address that it is for.

An entry there is for a host, whatever the scheme and the port, and so for all that a package or a repository
names on that host. No step of a build sees such a file: an index has its login in its own address, in uv's
settings, and the clone of a repository in a store of git's. Source: git's manual, git-credential-store.
"""

from __future__ import annotations

import netrc
from collections.abc import Collection, Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit

from launcher.environment.values import Requirement
from launcher.host.rights import as_invoking_user
from launcher.images import wheels
from launcher.images.buildkit import Secret
from launcher.images.uv_config import with_login

Logins = Mapping[str, tuple[str, str]]
"""A host, in small letters, to user and password."""


@as_invoking_user()
def read(environ: Mapping[str, str]) -> Logins:
    """The entries of ``$NETRC`` or ``~/.netrc`` but for ``default``; a file that can't be read has none."""
    file = Path(environ.get("NETRC") or Path(environ.get("HOME") or "/nonexistent") / ".netrc")
    if not file.is_file():  # it may be a pipe
        return {}
    try:
        hosts = netrc.netrc(str(file)).hosts
    except (netrc.NetrcParseError, OSError, UnicodeDecodeError):
        return {}
    return {
        host.lower(): (user, password)
        for host, (user, _, password) in hosts.items()
        if host != "default" and password
    }


def into(address: str, known: Logins) -> str:
    """The address with its host's login, unless it has a password or another user, or is not http(s)."""
    try:
        parts = urlsplit(address)
        user, password = known.get(parts.hostname or "", ("", ""))
        named = unquote(parts.username or "")
    except ValueError:  # git or uv will report what is wrong with it
        return address
    if parts.scheme not in ("http", "https") or not password or parts.password or named not in ("", user):
        return address
    return with_login(address, user, password)


def of_clones(
    requirements: Collection[Requirement], made: wheels.Plan, environ: Mapping[str, str]
) -> tuple[Secret, ...]:
    """The login of each clone of a repository that the owner named: its number, and its line of a store.

    What a file of foreign code asks for is cloned without one, even from a host that has an entry.
    """
    own = wheels.plan([item.text for item in requirements if item.within is None])
    named = {item.git.address for item in own.builds if item.git is not None}
    known = read(environ)
    lines = []
    for item in made.builds:
        if item.git is None or item.git.address not in named:
            continue
        found = into(item.git.address, known)
        if found != item.git.address:
            # The host alone: a server may send a clone on to another path of it.
            lines.append(f"{item.number} {urlunsplit((*urlsplit(found)[:2], '', '', ''))}\n")
    return (Secret("git_logins", value="".join(lines)),) if lines else ()
