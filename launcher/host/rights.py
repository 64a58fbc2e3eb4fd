"""Whose rights are used for a project's files, where root runs dltpod in another user's project.

The owner of a project decides what lies in its folder, links included. So root never looks at or writes a
file there with rights of its own: the thread takes the owner's ids for the file system (setfsuid(2): Linux,
by thread; threads that it starts have them too), and the kernel drops the capabilities that would overrule
permissions. What is made is the owner's by birth, and a link leads only where its owner could go.

A started program has root's rights again, as an engine's client needs them. One that works in the project
(git, uv) is started as the owner: ``command``.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import os
import pwd
import stat
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from launcher.errors import ConfigurationError

_ASK = 0xFFFFFFFF
"""No id: the call changes nothing and returns the id that holds."""


@dataclass(frozen=True)
class Owner:
    """The owner of a project, where that isn't root."""

    root: Path
    uid: int
    name: str
    gid: int
    """The user's own group where the system knows the user, else the folder's."""
    groups: tuple[int, ...]
    home: Path
    """The user's home folder, for caches; ``.dltpod`` where there is none."""


_CAPABILITIES = 0x20080522
"""_LINUX_CAPABILITY_VERSION_3 of <linux/capability.h>."""
_DAC_READ_SEARCH = 1 << 2

_acting: Owner | None = None
_searching = False
"""Whether reading and entering folders takes root's rights; writing always takes the owner's."""
_last: Owner | None = None
_inside = 0
"""How many of root's threads are within ``rights``, all for one owner: ``_acting`` is one for the process."""
_groups: list[int] = []
"""Root's own groups, while it acts as an owner."""
_entering = threading.Lock()


def acting_owner() -> Owner | None:
    """The owner whose rights are used now; None where it is the invoking user's own."""
    return _acting


def is_root() -> bool:
    """Whether root's own rights are used for files."""
    return os.geteuid() == 0 and _acting is None


@contextlib.contextmanager
def rights(root: Path) -> Iterator[None]:
    """Inside, files are accessed with the rights of the owner of ``root``, if root itself runs dltpod there.

    Enter it before any thread is started. Several threads may enter it, for projects of one owner. Raises
    ConfigurationError where root can't change its rights: on another system than Linux.
    """
    global _inside
    if os.geteuid() != 0 or (_acting is not None and _thread_acts()):
        yield
        return
    owner = owner_of(root)
    with _entering:
        if _inside and (owner and owner.uid) != (_acting and _acting.uid):
            raise ConfigurationError(
                f"this process works in a project of another owner than {root}",
                "run a process for each owner's projects",
            )
        before = _take(owner, root)
        _inside += 1
    try:
        yield
    finally:
        with _entering:
            _inside -= 1
            if before is not None:
                _give_back(before)


def _thread_acts() -> bool:
    """Whether this thread, or the one that started it, has taken the owner's rights."""
    return bool(ctypes.CDLL(None).setfsuid(ctypes.c_uint(_ASK)) != os.geteuid())


def _take(owner: Owner | None, root: Path) -> tuple[int, int] | None:
    """Give this thread the owner's rights; the ids that held, None where they stay root's."""
    global _acting, _last, _searching, _groups
    if owner is None:
        _refuse_planted(root)
        return None
    if not _inside:
        _groups = os.getgroups()
    try:
        # Root's own groups may read what is root's.
        os.setgroups(owner.groups)
    except OSError:
        raise _refusal(owner, root) from None
    before = _switch(owner.uid, owner.gid, owner, root)
    try:
        _import_as_invoking_user()
        if not _can_enter(root):
            # The owner can't have made a link there either.
            _searching = True
            _search()
            if not _can_enter(root):
                raise ConfigurationError(
                    f"{root} belongs to uid {owner.uid}, who can't enter it",
                    "give it a place, or permissions, with which its owner can use it",
                )
    except BaseException:
        _give_back(before)
        raise
    _acting = _last = owner
    return before


def _give_back(ids: tuple[int, int]) -> None:
    global _acting, _searching
    if not _inside:
        _acting, _searching = None, False
    _switch(*ids)
    if not _inside:
        os.setgroups(_groups)


@contextlib.contextmanager
def as_invoking_user() -> Iterator[None]:
    """Inside, this thread has root's own rights again: for an engine's socket, and for root's own settings.

    Nothing that the project's owner may have made is touched here.
    """
    if _acting is None:
        yield
        return
    before = _switch(os.geteuid(), os.getegid())
    try:
        yield
    finally:
        _switch(*before)


def command(environ: Mapping[str, str]) -> dict[str, Any]:
    """Arguments of ``subprocess`` with which a program runs as the project's owner: at least ``env``."""
    if _acting is None:
        return {"env": dict(environ)}
    kept = {key: text for key, text in environ.items() if not key.startswith(("XDG_", "SUDO_"))}
    own = {"HOME": str(_acting.home), "USER": _acting.name, "LOGNAME": _acting.name}
    ids = {"user": _acting.uid, "group": _acting.gid, "extra_groups": _acting.groups}
    return {"env": {**kept, **own}, **ids}


GIT_SECONDS = 20.0
"""For what git adds to an answer that does without: a slow repository doesn't hold that up for longer."""


def git(folder: Path, *arguments: str, seconds: float | None = None) -> str | None:
    """What git says in ``folder``, asked as the project's owner.

    None where it fails, isn't there, or takes longer than ``seconds``.
    """
    import subprocess

    try:
        # A file's name is bytes, and need be no UTF-8.
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments],
            **command(os.environ),
            capture_output=True,
            encoding="utf-8",
            errors="surrogateescape",
            timeout=seconds,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return str(done.stdout) if done.returncode == 0 else None


def can_write(place: Path) -> bool:
    """Whether a file or folder can be written with the rights in use; False where it isn't there."""
    if _acting is None:
        return os.access(place, os.W_OK)  # asks for the invoking user's real id
    try:
        found = place.stat()
    except OSError:
        return False
    if found.st_uid == _acting.uid:
        return bool(found.st_mode & stat.S_IWUSR)
    return bool(found.st_mode & (stat.S_IWGRP if found.st_gid in _acting.groups else stat.S_IWOTH))


def rights_hint(place: str | Path) -> str:
    """A hint for where the owner's rights are not enough for root; empty where root uses its own."""
    if _last is None:
        return ""
    root, place = _last.root.absolute(), Path(place).absolute()
    way = "or write to standard output"
    if place.is_relative_to(root):
        way = f"give it back: `chown -R {_last.uid}:{_last.gid} {place}`"
    return f"root works in {root} with the rights of its owner, uid {_last.uid}: {way}"


def owner_of(root: Path) -> Owner | None:
    """The owner of the folder, or of a link on the way that root didn't make; None for root."""
    found = root.stat()
    uid, gid = found.st_uid, found.st_gid
    if uid == 0:
        for place in (root, *root.parents):
            entry = place.lstat()
            if place.is_symlink() and entry.st_uid != 0:
                uid, gid = entry.st_uid, entry.st_gid
    if uid == 0:
        return None
    try:
        user = pwd.getpwuid(uid)
    except KeyError:
        gid = gid or uid  # group 0 may read what is root's
        return Owner(root, uid, str(uid), gid, (gid,), root / ".dltpod")
    groups = tuple(os.getgrouplist(user.pw_name, user.pw_gid))
    home = Path(user.pw_dir)
    if not (home.is_dir() and home.stat().st_uid == uid):
        home = root / ".dltpod"
    return Owner(root, uid, user.pw_name, user.pw_gid, groups, home)


def _refuse_planted(root: Path) -> None:
    """Refuses to write to other users' files in a folder of root's that they can write to, such as /tmp."""
    for name in (".dltpod", "locks"):
        with contextlib.suppress(FileNotFoundError):
            uid = (root / name).lstat().st_uid
            if uid != 0:
                raise ConfigurationError(
                    f"{root / name} belongs to uid {uid}, and {root} to root",
                    f"`chown -R {uid} {root}` where the project is that user's, else remove {root / name}",
                )


def _switch(uid: int, gid: int, owner: Owner | None = None, root: Path | None = None) -> tuple[int, int]:
    """Set this thread's ids for the file system and return those before. The calls report no error."""
    try:
        library = ctypes.CDLL(None)
        setfsuid, setfsgid = library.setfsuid, library.setfsgid
    except (AttributeError, OSError):
        raise _refusal(owner, root) from None
    for call in (setfsuid, setfsgid):
        call.argtypes, call.restype = (ctypes.c_uint,), ctypes.c_uint
    before = int(setfsuid(_ASK)), int(setfsgid(_ASK))
    setfsgid(gid)
    setfsuid(uid)
    if (setfsuid(_ASK), setfsgid(_ASK)) != (uid, gid):
        setfsuid(before[0])
        setfsgid(before[1])
        raise _refusal(owner, root)
    if _searching and uid != os.geteuid():
        _search()
    return before


def _search() -> None:
    """Give this thread one capability back, where root has it: to read, and to enter folders."""
    library = ctypes.CDLL(None)
    header, sets = (ctypes.c_uint32 * 2)(_CAPABILITIES, 0), (ctypes.c_uint32 * 6)()
    library.capget(header, sets)
    sets[0] |= _DAC_READ_SEARCH & sets[1]  # effective, as far as it is permitted
    library.capset(header, sets)


def _can_enter(root: Path) -> bool:
    try:
        (root / "any").lstat()
    except PermissionError:
        return False
    except OSError:
        pass
    return True


def _refusal(owner: Owner | None, root: Path | None) -> Exception:
    if owner is None:
        return RuntimeError("the rights on files can't be changed back")
    return ConfigurationError(
        f"{root} belongs to uid {owner.uid}, and root can't take that user's rights here",
        f"call dltpod as the owner: `sudo -u '#{owner.uid}' dltpod …`",
    )


def _import_as_invoking_user() -> None:
    """Modules are read when they are first needed, and root's Python may lie in root's own home.

    Of importlib's functions this is the one that all ways to import come to, for modules not loaded yet.
    """
    bootstrap: Any = importlib._bootstrap
    if not hasattr(bootstrap._find_and_load, "__wrapped__"):
        bootstrap._find_and_load = as_invoking_user()(bootstrap._find_and_load)
