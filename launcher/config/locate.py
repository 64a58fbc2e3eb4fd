"""Which ``sources.yml``, and which of its sources."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from pathlib import Path

from launcher.config.dango import FOLDER
from launcher.config.faults import shown_path
from launcher.config.models import Project, Source
from launcher.errors import ConfigurationError, did_you_mean

NAME = "sources.yml"
VARIABLE = "DLTPOD_FILE"


def find_file(start: Path, given: str | None, environ: Mapping[str, str]) -> Path:
    """The file: ``given`` (``--file``), else ``DLTPOD_FILE``, else ``sources.yml`` from ``start`` upward.

    Raises ConfigurationError where there is none.
    """
    asked = given or environ.get(VARIABLE)
    if asked:
        path = Path(os.path.expanduser(asked))  # noqa: PTH111 - a name without a home stays as it is
        path = path if path.is_absolute() else start / path
        if path.is_dir():
            path = path / NAME
        if not path.exists():
            raise ConfigurationError(
                f"{shown_path(path)} does not exist.", f"Look at {'--file' if given else VARIABLE}."
            )
        return path
    folder = start.absolute()
    for place in (folder, *folder.parents):
        if (place / NAME).exists():
            return place / NAME
    hint = "`dltpod init` makes one; or give its place: --file PATH"
    if (folder / FOLDER / NAME).is_file():
        hint = f"This is a Dango project: --file {FOLDER}/{NAME}"
    elif (folder / "sources.yaml").is_file():
        hint = "sources.yaml is there: rename it, or give it by --file sources.yaml"
    raise ConfigurationError(f"There is no {NAME} in {folder}, nor in a folder above it.", hint)


def select(
    project: Project, names: Collection[str] = (), tags: Collection[str] = (), all: bool = False
) -> tuple[Source, ...]:
    """The sources that are named, carry one of ``tags``, or are enabled (``all``), in the file's order.

    Raises ConfigurationError: an unknown or disabled name, a tag that no source carries, names beside
    ``all``, nothing left.
    """
    if names and all:
        raise ConfigurationError("Names and all sources were asked for.", "Give names or --all, not both.")
    check_known(project, names, tags, enabled=True)
    chosen = tuple(
        source
        for source in project.sources
        if source.name in names or (source.enabled and (all or not set(tags).isdisjoint(source.tags)))
    )
    if not chosen and not (names or tags or all):
        raise ConfigurationError("Which source?", "Give names, --tag TAG or --all; `dltpod list` shows them.")
    if not chosen:
        raise ConfigurationError(
            "All sources that were asked for are disabled.", "Set `enabled: true` in one."
        )
    return chosen


def check_known(
    project: Project, names: Collection[str] = (), tags: Collection[str] = (), *, enabled: bool = False
) -> None:
    """Raise ConfigurationError for every name that no source has and every tag that none carries.

    With ``enabled`` also for the name of a source that is disabled.
    """
    by_name = {source.name: source for source in project.sources}
    carried = {tag for source in project.sources for tag in source.tags}
    faults = [_name_fault(project, by_name, name, enabled=enabled) for name in dict.fromkeys(names)]
    faults += [
        f"no source has the tag '{tag}'{did_you_mean(tag, carried)}" for tag in tags if tag not in carried
    ]
    found = [fault for fault in faults if fault is not None]
    if found:
        raise ConfigurationError("\n".join(found), _hint(by_name, {*names} - {*by_name}, tags, carried))


def _hint(
    by_name: Collection[str], unknown: Collection[str], tags: Collection[str], carried: Collection[str]
) -> str:
    """What can be asked for instead of the ``unknown`` names, of a tag, or of a disabled source."""
    if {"all", "*"} & {*unknown}:
        return "`--all` takes every source"
    if unknown:
        return f"Sources: {_listed(by_name)}"
    if {*tags} - {*carried}:
        return f"Tags: {_listed(sorted(carried))}" if carried else "sources.yml has no `tags:`"
    return "Set `enabled: true` there to use it."


def _listed(words: Collection[str]) -> str:
    more = f", and {len(words) - 12} more" if len(words) > 12 else ""
    return f"{', '.join(list(words)[:12])}{more}"


def _name_fault(project: Project, by_name: Mapping[str, Source], name: str, *, enabled: bool) -> str | None:
    source = by_name.get(name)
    if source is not None and enabled and not source.enabled:
        return f"'{name}' is disabled ({project.line(name)}: enabled: false)"
    if source is not None:
        return None
    other = next((f for f in project.foreign if f.name == name), None)
    if other is not None:
        return f"'{name}' is of type {other.type}, not dlt_native (line {other.line}): left to Dango"
    return f"there is no source '{name}'{did_you_mean(name, by_name)}"
