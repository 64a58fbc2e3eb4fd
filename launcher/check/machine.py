"""What this machine lacks to run sources: a list of findings, each with its way out."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from launcher.errors import DltpodError, counted, move_away, page
from launcher.host import rights

if TYPE_CHECKING:
    from launcher.config.models import Project

OK, WARN, FAIL = "ok", "warning", "wrong"
LITTLE_SPACE = 2 << 30
"""Bytes: an environment's image is a few hundred megabytes, its build takes as much again."""
_CA_VARIABLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "PIP_CERT")
_DMI = Path("/sys/class/dmi/id")
_CLOUDS = {
    "amazon ec2": "Amazon EC2",
    "google": "Google Cloud",
    "7783-7084-3265-9085-8269-3286-77": "Microsoft Azure",
    "oraclecloud": "Oracle Cloud",
    "alibaba cloud": "Alibaba Cloud",
    "digitalocean": "DigitalOcean",
    "hetzner": "Hetzner",
    "openstack": "OpenStack",
}
"""Marks of the clouds in their machines' firmware, as cloud-init's ds-identify has them."""
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    what: str
    status: str
    text: str
    hint: str = ""


def examine(find: Callable[[], Project], environ: Mapping[str, str]) -> Iterator[Finding]:
    """Look at everything. ``find`` reads the project; what it raises is a finding too."""
    yield Finding("python", OK, f"{sys.version.split()[0]} at {sys.executable}")
    project: Project | None = None
    try:
        project = find()
    except DltpodError as error:
        yield Finding(
            "sources.yml", FAIL, error.message.splitlines()[0], error.hint or "`dltpod list` says more"
        )
    else:
        yield Finding("sources.yml", OK, f"{project.file}, {counted(len(project.sources), 'source')}")
        yield from _folders(project)
    yield from _engine(project, environ)
    yield from _builder(environ)
    yield from _surroundings(environ)
    yield from cloud()


def cloud(firmware: Path = _DMI) -> Iterator[Finding]:
    """Whether this machine is one of a cloud, which gives its credentials to whoever asks on it."""
    said = ""
    for name in ("sys_vendor", "product_name", "chassis_asset_tag", "board_vendor", "bios_vendor"):
        try:
            said += (firmware / name).read_text(errors="replace").lower()
        except OSError:
            continue
    found = next((name for mark, name in _CLOUDS.items() if mark in said), None)
    if found:
        yield Finding(
            "cloud",
            WARN,
            f"this machine is {found}'s: what runs on it may ask for the machine's own credentials",
            "`dltpod sync` keeps sources from them, Compose and Podman don't: give the machine a role that "
            f"may do little ({page('security.md#network')})",
        )


def _folders(project: Project) -> Iterator[Finding]:
    for folder in (project.private, project.data):
        place = folder if folder.exists() else project.root
        if folder.is_file():
            yield Finding("folder", FAIL, f"{folder} is a file", move_away(folder))
        elif rights.can_write(place):
            yield Finding("folder", OK, f"{folder} can be written")
        else:
            yield Finding(
                "folder",
                FAIL,
                f"{folder} can't be written",
                rights.rights_hint(place) or f"sudo chown -R $(id -u):$(id -g) {place}",
            )
    yield _space("disk", project.root)


def _space(what: str, place: Path) -> Finding:
    free = shutil.disk_usage(place).free
    text = f"{free / 1e9:.1f} GB free at {place}"
    if free >= LITTLE_SPACE:
        return Finding(what, OK, text)
    return Finding(what, WARN, text, "`dltpod gc` removes images that no source uses any more")


def _engine(project: Project | None, environ: Mapping[str, str]) -> Iterator[Finding]:
    from launcher.engines.docker.engine import DockerEngine
    from launcher.host.launchers import unknown

    engine = DockerEngine(environ=environ, alive=unknown)
    try:
        facts = engine.facts()
        info = engine.client.info()
    except DltpodError as error:
        yield Finding("engine", FAIL, error.message, error.hint)
        return
    kind = ", rootless" if facts.rootless else ""
    yield Finding("engine", OK, f"{facts.name}, {facts.platform}, cgroup v{facts.cgroup}{kind}")
    for problem in facts.problems:
        yield Finding("engine", WARN, problem, "its kernel or cgroup setup lacks that controller")
    if facts.remote:
        yield Finding(
            "engine", WARN, "the engine is on another machine", "folders of this one can't be mounted"
        )
    store = Path(str(info.get("DockerRootDir", "")))
    if not facts.remote and store.is_dir():
        yield _space("images' disk", store)
    if project is None:
        return
    # The names as listed: inspecting each one would fail for an image that is removed meanwhile.
    there = {tag for row in engine.client.api.images() for tag in row.get("RepoTags") or ()}
    yield from base_images(project, there)


def base_images(project: Project, there: Collection[str]) -> Iterator[Finding]:
    """Whether the base images of the project's sources are ``there``, the names of the engine's images."""
    from launcher.images.base import pull_hint, references

    for version in sorted({source.container.python for source in project.sources}):
        names = references(project.base_image, version)
        present = next((name for name in names if name in there), None)
        if present:
            yield Finding("base image", OK, f"{present} is there")
        else:
            yield Finding(
                "base image",
                WARN,
                f"{names[0]} is not present; the first build pulls it",
                f"where it can't be pulled: {pull_hint(project.base_image, version)}",
            )


def _builder(environ: Mapping[str, str]) -> Iterator[Finding]:
    from launcher.images.buildkit import find_cli

    try:
        yield Finding("builder", OK, f"BuildKit by {find_cli(environ).path}")
    except DltpodError as error:
        yield Finding("builder", FAIL, error.message, error.hint)


def _surroundings(environ: Mapping[str, str]) -> Iterator[Finding]:
    seen: set[str] = set()
    for name in _CA_VARIABLES:
        value = environ.get(name)
        if value and value not in seen:
            seen.add(value)
            with rights.as_invoking_user():
                there = Path(value).is_file()
            if there:
                yield Finding("certificates", OK, f"{name}={value}")
            else:
                yield Finding(
                    "certificates", FAIL, f"{name} names {value}, which does not exist", f"unset {name}"
                )
    for name in _PROXIES:
        value = environ.get(name) or environ.get(name.lower())
        if value:
            # a proxy's address may hold a password
            yield Finding("proxy", OK, f"{name} is set ({value.rsplit('@', 1)[-1]})")
