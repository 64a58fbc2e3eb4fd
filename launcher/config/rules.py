"""What must hold between the entries of a file, and between the file and the disk."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from launcher.config.destinations import EXTRAS
from launcher.config.document import PathKey
from launcher.config.forms import mount, reserved, split_mount
from launcher.config.mounts import Guard
from launcher.errors import did_you_mean

Found = tuple[PathKey, str]
"""Path of a fault, and its text."""


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
            text = f"'{entry.name}' is a duplicate; first on line {earlier.line}"
            yield ("sources", entry.place, "name"), text
            continue
        if entry.pipeline_name is None and (why := reserved(entry.name)):
            text = f"'{entry.name}' is {why}; rename it, or set pipeline_name"
            yield ("sources", entry.place, "name"), text
        other = pipelines.setdefault(entry.pipeline.lower(), entry)
        if other is not entry:
            text = f"'{entry.pipeline}' is also the pipeline of '{other.name}' (line {other.line}), so they "
            text += "would share its state; give one of them another pipeline_name"
            yield ("sources", entry.place, "dlt_native", "pipeline_name"), text


def destinations(asked: Iterator[tuple[PathKey, str]], configured: Collection[str]) -> Iterator[Found]:
    """Destinations that neither dlt has nor ``.dlt/`` configures. A dotted one is a class or a module."""
    known = {*EXTRAS, *configured}
    for path, name in asked:
        if name not in known and "." not in name:
            yield (
                path,
                f"'{name}' is not a destination of dlt, and .dlt/ has no [destination.{name}] with a "
                f"destination_type{did_you_mean(name, known)}",
            )


def mounts(root: Path, asked: Iterator[tuple[PathKey, str]]) -> Iterator[Found]:
    """Mounts that would hand over an engine, the host, or other sources' secrets."""
    formed = [(path, text) for path, text in asked if not mount(text)]  # a form that is wrong has been told
    guard = Guard(root, [mount_source(root, text) for _, text in formed if not split_mount(text)[2]])
    for path, text in formed:
        wrong = mount_fault(root, text, guard)
        if wrong:
            yield path, wrong


def mount_fault(root: Path, text: str, guard: Guard | None = None) -> str | None:
    """What is wrong with a mount's host path, links followed; None if nothing is."""
    return (guard or Guard(root)).fault(mount_source(root, text), read_only=split_mount(text)[2])


def mount_source(root: Path, text: str) -> Path:
    """The host's path of a mount, absolute: from the project's root, or ``~``, the home folder."""
    host, _, _ = split_mount(text)
    path = Path(host)
    if host == "~" or host.startswith("~/"):
        path = Path(os.path.expanduser(host))  # noqa: PTH111 - no error where there is no home
    return Path(os.path.normpath(root / path))
