"""What an image must hold for a source, as a value; its digest is the image's tag."""

from __future__ import annotations

import functools
import hashlib
import json
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

DEFAULT_PYTHON = "3.13"
DEFAULT_DLT = "1.31.0"
RECIPE = 9
"""Counts up when the Dockerfile's steps change what equal inputs give: that rebuilds all environments."""


@dataclass(frozen=True)
class Requirement:
    """One requirement and the place that asks for it, for messages about conflicts."""

    text: str
    origin: str
    """``sources.yml:12``, ``custom_sources/jira/requirements.txt:3``, ``dlt[postgres] for destination``."""
    within: Path | None = field(default=None, compare=False)
    """Of what a file of a source's code asks for: the folder that a path must stay in. None: the project's.

    Such a file may be anybody's, so messages show its place and never its text.
    """

    @property
    def shown(self) -> str:
        """The place, and what stands there where it is the user's own."""
        return f"{self.origin}: '{self.text}'" if self.within is None else f"{self.origin}: this requirement"


@dataclass(frozen=True)
class LocalPackage:
    """A package built from the project's folder; ``digest`` is that of its content."""

    path: str
    """Relative to the project's root."""
    digest: str


@dataclass(frozen=True)
class VerifiedSource:
    """A directory of the verified-sources repository, at a commit or with a content digest."""

    name: str
    commit: str


@dataclass(frozen=True)
class Environment:
    """Every input of an image. Equal environments are one image. A field that isn't compared is no input."""

    base_image: str
    base_identity: str
    """The base image's own digest or id, as the engine tells it."""
    python: str
    dlt: str
    """A version specifier: ``==1.31.0``."""
    dlt_extras: tuple[str, ...] = ()
    requirements: tuple[Requirement, ...] = ()
    local_packages: tuple[LocalPackage, ...] = ()
    verified: tuple[VerifiedSource, ...] = ()
    system_packages: tuple[str, ...] = ()
    lock: str | None = None
    """The text of the hashed requirements file, where there is one."""
    platform: str = "linux/amd64"
    dlt_origin: str = field(default="", compare=False)
    """What asks for this dlt, for messages about conflicts."""
    sources: tuple[str, ...] = field(default=(), compare=False)
    notes: tuple[str, ...] = field(default=(), compare=False)
    """What people should know of how this came about."""
    added: tuple[Requirement, ...] = field(default=(), compare=False)
    """What is installed although nobody asked for it, because the entry needs it: a driver, say."""

    @property
    def inputs(self) -> dict[str, object]:
        """What the digest is of, sorted; origins and order don't count."""
        # A base image's name may stand for different images on two machines; its identity does not.
        left_out = ("sources", "notes", "added", "dlt_origin", "base_image")
        inputs = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in left_out}
        inputs["requirements"] = sorted({r.text for r in self.requirements})
        for name in ("dlt_extras", "system_packages"):
            inputs[name] = sorted(set(inputs[name]))
        for name, key in (("local_packages", "path"), ("verified", "name")):
            inputs[name] = sorted(map(asdict, inputs[name]), key=lambda item: item[key])
        inputs["recipe"] = RECIPE
        return inputs

    @functools.cached_property
    def digest(self) -> str:
        """Twelve bytes of SHA-256, as hex, over every input."""
        return hashlib.sha256(json.dumps(self.inputs, sort_keys=True).encode()).hexdigest()[:24]

    @property
    def dlt_requirement(self) -> str:
        """``dlt[duckdb,parquet]==1.31.0``."""
        extras = f"[{','.join(sorted(set(self.dlt_extras)))}]" if self.dlt_extras else ""
        return f"dlt{extras}{self.dlt}"
