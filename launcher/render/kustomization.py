"""The kustomization of a folder of renderings: those of now, and those that stand there already. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from launcher.plan.job import LABEL_PROJECT, LABEL_SOURCE
from launcher.render.documents import dump

FILE = "kustomization.yaml"
_OURS = re.compile(r"# (Source|State of source) [a-z0-9_]+: made by `dltpod render kubernetes")


@dataclass(frozen=True)
class RenderedFile:
    """A file of a folder that an earlier rendering made."""

    name: str
    project: str
    source: str
    namespaces: frozenset[str | None]


def earlier_files(texts: Mapping[str, str]) -> Iterator[RenderedFile]:
    """The files of a folder that an earlier rendering made: they begin as ours do and have our labels."""
    for name, text in texts.items():
        if not _OURS.match(text):
            continue
        try:
            found = [document for document in yaml.safe_load_all(text) if isinstance(document, dict)]
            metadata = [document["metadata"] for document in found]
            labels = metadata[0]["labels"]
            project, source = str(labels[LABEL_PROJECT]), str(labels[LABEL_SOURCE])
            namespaces = frozenset(data.get("namespace") for data in metadata)
        except (yaml.YAMLError, LookupError, TypeError, AttributeError):
            continue  # somebody's own by now
        yield RenderedFile(name, project, source, namespaces)


def kept(found: Iterable[RenderedFile], project: str, others: Collection[str]) -> list[RenderedFile]:
    """Those that still hold: of another project, or of ``others``, the sources that weren't rendered now."""
    return [file for file in found if file.project != project or file.source in others]


def removed(found: Iterable[RenderedFile], project: str, sources: Collection[str]) -> dict[str, list[str]]:
    """The files of what is none of the project's ``sources`` any more, by that source's name."""
    gone: dict[str, list[str]] = {}
    for file in found:
        if file.project == project and file.source not in sources:
            gone.setdefault(file.source, []).append(file.name)
    return gone


def kustomization(
    made: Collection[str], namespaces: set[str | None], kept: Collection[RenderedFile] = ()
) -> str:
    """The text of ``kustomization.yaml``: the files that were ``made``, and those that stay.

    ``namespaces`` are those of the sources that were rendered.
    """
    document: dict[str, Any] = {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization"}
    everywhere = namespaces.union(*(file.namespaces for file in kept))
    if len(everywhere) == 1 and None not in everywhere:
        document["namespace"] = everywhere.pop()
    document["resources"] = sorted({*made, *(file.name for file in kept)})
    return dump(document)
