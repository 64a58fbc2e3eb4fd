"""What must hold between the entries of a file, and between the file and the disk."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from launcher.config.destinations import EXTRAS
from launcher.config.document import PathKey
from launcher.config.forms import mount, reserved, split_mount
from launcher.config.mounts import Guard
from launcher.errors import did_you_mean

Found = tuple[PathKey, str]
"""Path of a fault, and its text."""


def names(entries: Iterable[tuple[PathKey, int, str, str | None]]) -> Iterator[Found]:
    """Names and pipeline names that stand twice, or that no pipeline can have.

    Each entry is the path of its name, the name's line, the name, and the pipeline's name where it has one.
    """
    lines: dict[str, int] = {}
    pipelines: dict[str, str] = {}
    for path, line, name, given in entries:
        if name in lines:
            yield path, f"'{name}' is a duplicate; first on line {lines[name]}"
            continue
        lines[name] = line
        if given is None and (why := reserved(name)):
            yield path, f"'{name}' is {why}; rename it, or set pipeline_name"
        pipeline = given or name
        other = pipelines.setdefault(pipeline.lower(), name)
        if other != name:
            text = f"'{pipeline}' is also the pipeline of '{other}' (line {lines[other]}), so they "
            text += "would share its state; give one of them another pipeline_name"
            yield (*path[:2], "dlt_native", "pipeline_name"), text


def destinations(asked: Iterator[tuple[PathKey, str]], configured: Collection[str]) -> Iterator[Found]:
    """Destinations that neither dlt has nor ``.dlt/`` configures. One with a dot is a class or a module."""
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
    formed = [
        (path, mount_source(root, text), split_mount(text)[2])
        for path, text in asked
        if not mount(text)  # a form that is wrong has been told
    ]
    guard = Guard(root, [host for _, host, read_only in formed if not read_only])
    for path, host, read_only in formed:
        if wrong := guard.fault(host, read_only=read_only):
            yield path, wrong


def mount_source(root: Path, text: str) -> Path:
    """The host's path of a mount, absolute: from the project's root, or ``~``, the home folder."""
    host, _, _ = split_mount(text)
    path = Path(host)
    if host == "~" or host.startswith("~/"):
        path = Path(os.path.expanduser(host))  # noqa: PTH111 - no error where there is no home
    return Path(os.path.normpath(root / path))
