"""Separates what has to be built, because it has no wheel, from what is installed from wheels. Pure.

In a requirements file each stands as ``@@N@@``; the step ``environment`` of the Dockerfile puts the wheel's
place there that the step ``built`` made of ``N``.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from launcher.environment import local_packages, requirement_files
from launcher.errors import BuildError

REFUSED = re.compile(r"Wheels are required for `([^`]+)` because building from source is disabled")
"""What uv says of a package that an index has no wheel of."""
_NAMED = re.compile(r"^(?P<name>[A-Za-z0-9][\w.-]*(?:\[[^\]]*\])?)\s*@\s*(?P<address>\S.*)$")

_BUILT = re.compile(
    r"(?P<number>\d+) (?P<wheel>[A-Za-z0-9._+!-]+\.whl) (?P<commit>[0-9a-f]{40}|[0-9a-f]{64}|)", re.ASCII
)


@dataclass(frozen=True)
class Git:
    """A commit, branch or tag of a repository, and the package's folder in it."""

    address: str
    ref: str
    folder: str = ""

    @property
    def text(self) -> str:
        return f"{self.address}\n{self.ref or 'HEAD'}\n{self.folder}\n"


@dataclass(frozen=True)
class ToBuild:
    """One requirement of which a wheel is built. ``asked`` is what uv is asked for, unless it is cloned."""

    number: int
    text: str
    """As it was asked for."""
    asked: str
    git: Git | None = None

    def locked(self, wheel: str, commit: str) -> str:
        """The line of a lock for it: its own text, a git requirement's with the commit."""
        if self.git is None:
            return self.text
        name, found = wheel.partition("-")[0].replace("_", "-"), _NAMED.match(self.text)
        named = found["name"] if found else name
        folder = f"#subdirectory={self.git.folder}" if self.git.folder else ""
        return f"{named} @ git+{self.git.address}@{commit}{folder}"


@dataclass(frozen=True)
class Plan:
    """A requirements file's lines, and what has to be built for it."""

    lines: tuple[str, ...]
    builds: tuple[ToBuild, ...]


def plan(lines: Sequence[str], sdists: Collection[str] = ()) -> Plan:
    """Tells apart what is built. ``sdists``: packages of an index that are known to have no wheel."""
    made: list[str] = []
    builds: list[ToBuild] = []
    wanted = {canonicalize_name(name) for name in sdists}
    for text in lines:
        line, item = _line(text, len(builds), wanted)
        made.append(line)
        if item is not None:
            builds.append(item)
            wanted.discard(_name(text))
    for name in sorted(wanted):
        made.append(f"{name} @ file://@@{len(builds)}@@")
        builds.append(ToBuild(len(builds), name, name))
    return Plan(tuple(made), tuple(builds))


def of_lock(lock: str, sdists: Collection[str] = ()) -> tuple[str, Plan]:
    """A lock's hashed lines, which are wheels of an index, and the plan of the rest."""
    wanted = {canonicalize_name(name) for name in sdists}
    hashed: list[str] = []
    rest: list[str] = []
    blocks: dict[str, str] = {}
    for block in re.split(r"\n(?=\S)", lock.strip()):
        first = block.partition("\n")[0]
        if first.startswith("#"):
            continue
        name = _name(first.rstrip(" \\"))
        if requirement_files.is_path(first) or re.search(r"(^| @ )(git\+|\./)", first):
            rest.append(first)
        elif name in wanted:
            rest.append(first.rstrip(" \\"))
            blocks[first.rstrip(" \\")] = block
        else:
            hashed.append(block)
    found = plan(rest, wanted)
    builds = tuple(
        ToBuild(item.number, item.text, blocks.get(item.text, item.asked), item.git) for item in found.builds
    )
    return "\n".join(hashed) + "\n" if hashed else "", Plan(found.lines, builds)


def _line(text: str, number: int, sdists: Collection[str]) -> tuple[str, ToBuild | None]:
    place = f"@@{number}@@"
    if requirement_files.is_path(text):
        path, extras = local_packages.split_extras(text)
        inside = f"./local/{path.removeprefix('./').strip('/')}"
        if inside.endswith(".whl"):
            return inside + extras, None
        return place + extras, ToBuild(number, text, inside)
    named = _NAMED.match(text)
    address = named["address"] if named else text
    if address.startswith("git+"):
        line = f"{named['name']} @ file://{place}" if named else place
        return line, ToBuild(number, text, "", _git(address))
    if "://" in address:
        if urlsplit(address).path.endswith(".whl"):
            return text, None
        return (f"{named['name']} @ file://{place}" if named else place), ToBuild(number, text, text)
    if _name(text) in sdists:
        parsed = Requirement(text)
        extras = f"[{','.join(sorted(parsed.extras))}]" if parsed.extras else ""
        marker = f" ; {parsed.marker}" if parsed.marker else ""
        return f"{parsed.name}{extras} @ file://{place}{marker}", ToBuild(number, text, text)
    return text, None


def _git(address: str) -> Git:
    """``git+https://host/path@ref#subdirectory=folder``, as pip and uv read it."""
    whole, _, fragment = address.removeprefix("git+").partition("#")
    scheme, _, rest = whole.partition("://")
    host, slash, path = rest.partition("/")
    path, at, ref = path.rpartition("@") if "@" in path else (path, "", "")
    folder = (parse_qs(fragment).get("subdirectory") or [""])[0].strip("/")
    if ".." in folder.split("/") or "\n" in address:
        folder = ""
    return Git(f"{scheme}://{host}{slash}{path}", ref if at else "", folder)


def _name(text: str) -> str:
    try:
        return canonicalize_name(Requirement(text).name)
    except InvalidRequirement:
        return ""


def lock_of(resolved: str, built: str, builds: Sequence[ToBuild]) -> str:
    """The lock's lines: a wheel that was built stands there as what it was built of.

    ``built`` has a line for each wheel: its number, its file, and the commit of one that was cloned.
    Raises BuildError where another line stands there: build code can write to it.
    """
    told = {}
    for line in built.splitlines():
        found = _BUILT.fullmatch(line)
        if found is None:
            raise BuildError(
                "the list of the wheels that were built for the lock is damaged",
                "a package that it builds writes there",
            )
        told[found["number"]] = (found["wheel"], found["commit"] or "")
    texts = {}
    for item in builds:
        made, commit_of = told.get(str(item.number), ("", ""))
        texts[made] = item.locked(made, commit_of)
    lines: list[str] = []
    ours = False
    for line in resolved.splitlines():
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if not line.startswith((" ", "\t")):
            wheel = re.sub(r"(\[[^\]]*\])?( ?;.*| \\)?$", "", line).rpartition("/")[2]
            ours = wheel in texts
            lines.append(texts[wheel] if ours else line)
        elif not ours:  # a wheel's hash is of this build, and another would make it anew
            lines.append(line)
    return "".join(f"{line}\n" for line in lines)
