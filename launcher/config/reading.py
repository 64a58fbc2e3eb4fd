"""From ``sources.yml`` to a ``Project``: every fault in one report, or none."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from launcher.config import dango, rules, verified
from launcher.config.document import Document, PathKey, read_text
from launcher.config.faults import Fault, report
from launcher.config.messages import text_of, without_misspelt
from launcher.config.models import File, Foreign, Project
from launcher.config.toml_files import configured_destinations

_MERGED_BY_KEY = ("env", "node_selector", "annotations", "state")
_FREE_FORM = (
    "function_kwargs",
    "resource_kwargs",
    "write_disposition",
    "schema_contract",
    "env",
    "node_selector",
    "annotations",
)


def load(file: Path, *, text: str | None = None) -> Project:
    """The project of a ``sources.yml``, with ``defaults`` merged in.

    Variables may configure named destinations. ``text`` is what the file is going to hold; default: what it
    holds. Raises ConfigurationError, whose message holds every fault, one a line: ``file:line: path: what was
    wrong and what is legal``.
    """
    file = Path(os.path.abspath(file))  # noqa: PTH100 - links are the user's own names for things
    document = Document(file, read_text(file) if text is None else text)
    reader = _Reader(document, root_of(file))
    project = reader.read()
    if project is None:
        raise report(file, reader.faults)
    return project


def root_of(file: Path) -> Path:
    """The project's folder, absolute, by the path of its ``sources.yml``."""
    file = Path(os.path.abspath(file))  # noqa: PTH100 - links are the user's own names for things
    return file.parent.parent if dango.is_dango(file) else file.parent


def project_name(root: Path) -> str:
    """The folder's name made fit, as Compose does it (compose-go ``NormalizeProjectName``)."""
    return re.sub(r"[^a-z0-9_-]", "", root.name.lower()).lstrip("_-")[:63] or "default"


class _Reader:
    """Reads one document. ``faults`` holds what was wrong."""

    def __init__(self, document: Document, root: Path) -> None:
        self.document = document
        self.root = root
        self.faults: list[Fault] = list(document.faults)
        self.foreign: list[Foreign] = []
        self.places: list[int] = []

    def read(self) -> Project | None:
        """The project; None where there are faults."""
        data = self.document.data
        if not isinstance(data, dict):
            empty = "is empty; it needs at least `sources:` with one entry"
            wrong = empty if data is None else "must be a mapping with the key 'sources'"
            self.faults = self.faults or [Fault(1, "", wrong)]
            return None
        entries = data.get("sources")
        self.places = list(range(len(entries))) if isinstance(entries, list) else []
        if dango.is_dango(self.document.file):
            data, self.places, self.foreign = dango.adapt(self.document)
        data = {key: value for key, value in data.items() if not key.startswith("x-")}
        parsed = self._validate(data)
        self._rules()
        return None if self.faults or parsed is None else self._finish(parsed)

    def _validate(self, data: dict[str, Any]) -> File | None:
        merged = _merged(data)
        try:
            return File.model_validate_json(json.dumps(_without_nulls(merged)))
        except ValidationError as error:
            details = error.errors(include_url=False, include_input=False)
        if merged is not data:
            # a fault of the defaults is reported once, at its own line, not at each entry
            try:
                File.model_validate_json(json.dumps(_without_nulls(data)))
            except ValidationError as error:
                details = error.errors(include_url=False, include_input=False)
        for detail in without_misspelt(details):
            self._add(self._in_file(detail["loc"]), detail)
        return None

    def _in_file(self, path: PathKey) -> PathKey:
        """A path of the data as one of the file: Dango's other entries are not in the data."""
        if len(path) > 1 and path[0] == "sources" and isinstance(path[1], int) and path[1] < len(self.places):
            return ("sources", self.places[path[1]], *path[2:])
        return path

    def _add(self, path: PathKey, detail: ErrorDetails | str) -> None:
        of_key = path[-1:] == ("[key]",)
        path = tuple(step for step in path if step != "[key]")
        # A fault of a key is not one of the value that stands at the key's path.
        node = None if of_key else self.document.node(path)
        text = detail if isinstance(detail, str) else text_of(detail, node, path)
        fault = Fault(self.document.line(path), self.document.dotted(path), text)
        if not any((f.line, f.path) == (fault.line, fault.path) for f in self.document.faults):
            self.faults.append(fault)

    def _rules(self) -> None:
        configured = configured_destinations(self.root, os.environ)
        for found in (
            *rules.names(self._named()),
            *rules.destinations(self._asked("destination"), configured),
            *rules.mounts(self.root, self._asked("container", "mounts")),
        ):
            self._add(*found)

    def _named(self) -> Iterator[tuple[PathKey, int, str, str | None]]:
        """The entries that have a name, whatever else is wrong with them, as ``rules.names`` takes them."""
        pipelines = dict(self._asked("dlt_native", "pipeline_name"))
        for path, name in self._asked("name"):
            if name and path[0] == "sources" and path[2:] == ("name",):
                pipeline = pipelines.get((*path[:2], "dlt_native", "pipeline_name"))
                yield path, self.document.line(path), name, pipeline

    def _asked(self, *keys: str) -> Iterator[tuple[PathKey, str]]:
        """What ``defaults`` and each entry say of a key themselves, each item of a list by itself."""
        data = self.document.data
        for base in (("defaults",), *(("sources", i) for i in self.places)):
            value: Any = data
            for step in (*base, *keys):
                if isinstance(value, dict):
                    value = value.get(step)
                elif isinstance(value, list) and isinstance(step, int):
                    value = value[step]
                else:
                    value = None
            for i, item in enumerate(value) if isinstance(value, list) else ():
                if isinstance(item, str):
                    yield (*base, *keys, i), item
            if isinstance(value, str):
                yield (*base, *keys), value

    def _finish(self, parsed: File) -> Project:
        warehouse = dango.warehouse(self.root) if dango.is_dango(self.document.file) else None
        sources = tuple(
            verified.with_its_module(source, self.root / "custom_sources", parsed.verified_sources)
            for source in parsed.sources
        )
        return Project(
            **({"warehouse": warehouse} if warehouse else {}),
            root=self.root,
            file=self.document.file,
            name=parsed.project or project_name(self.root),
            registry=parsed.registry,
            base_image=parsed.base_image,
            verified_sources=parsed.verified_sources,
            notify=parsed.notify,
            dltpod=parsed.dltpod,
            sources=sources,
            modules={
                source.name: source.dlt_native.source_module
                for source, as_meant in zip(parsed.sources, sources, strict=True)
                if source is not as_meant
            },
            foreign=tuple(self.foreign),
            lines={
                source.name: self.document.line(self._in_file(("sources", i, "name")))
                for i, source in enumerate(parsed.sources)
            },
        )


def _merged(data: dict[str, Any]) -> dict[str, Any]:
    """``data`` with its defaults in each entry; ``data`` itself where there is nothing to merge."""
    defaults, entries = data.get("defaults"), data.get("sources")
    if not isinstance(defaults, dict) or not isinstance(entries, list):
        return data
    return {**data, "sources": [merge(defaults, e) if isinstance(e, dict) else e for e in entries]}


def merge(defaults: Mapping[str, Any], entry: dict[str, Any]) -> dict[str, Any]:
    """An entry with ``defaults`` under it: mappings are merged key by key, everything else is replaced.

    A key that the entry leaves empty (null) goes back to dltpod's own default.
    """
    merged = dict(entry)
    if "destination" in defaults:
        merged.setdefault("destination", defaults["destination"])
    for block in ("container", "kubernetes"):
        below, above = defaults.get(block) or {}, entry.get(block) or {}
        if not isinstance(below, dict) or not isinstance(above, dict):
            continue
        both = {**below, **above}
        for key in _MERGED_BY_KEY:
            if isinstance(below.get(key), dict) and isinstance(above.get(key), dict):
                both[key] = {**below[key], **above[key]}
        if both:
            merged[block] = both
    return merged


def _without_nulls(value: Any, key: str | int = "") -> Any:
    """``value`` without the keys that hold nothing: `container:` with nothing below is no block."""
    if key in _FREE_FORM:
        return value
    if isinstance(value, dict):
        return {k: _without_nulls(v, k) for k, v in value.items() if v is not None}
    if isinstance(value, list):
        return [_without_nulls(item) for item in value]
    return value
