"""The models of ``sources.yml``: what may stand there, and what stands there if nothing does.

They are strict and frozen, and their errors never show input, for input may hold a secret.
``launcher.config`` turns a file into a ``Project`` of these, with ``defaults`` merged in. Every field's
docstring is also what the JSON Schema, and so an editor, says of it.
"""

from __future__ import annotations

import ast
import functools
import inspect
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, model_validator

from launcher.config import forms
from launcher.config.dlt_words import Contract, Disposition
from launcher.config.faults import shown_path
from launcher.config.forms import IDENTIFIER, Form, Model, matches
from launcher.config.kubernetes import Kubernetes as Kubernetes

SourceName = Annotated[
    str,
    matches(
        r"[a-z]([a-z0-9_]*[a-z0-9])?",
        "lower-case letters, digits and underscores, a letter first, no underscore last",
        40,
    ),
]
PipelineName = Annotated[str, forms.NAME, Form(forms.pipeline_name)]
DatasetName = Annotated[str, forms.NAME]
Text = Annotated[str, matches(r"\S(.*\S)?", "text without blanks at its ends")]
Section = Annotated[str, Form(forms.section, r"[\w-]+(\.[\w-]+)*")]
Schedule = Annotated[str, Form(forms.schedule, r"@[a-z]+|\S+( +\S+){4}")]
Extra = Annotated[
    str,
    matches(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?", "the name of a dlt extra or of a verified source"),
]
Requirement = Annotated[str, Form(forms.requirement)]
SystemPackage = Annotated[
    str, matches(r"[a-z0-9][a-z0-9+.-]+(=[\w.+:~-]+)?", "the name of a Debian package, such as libpq5")
]
EnvName = Annotated[str, Form(forms.env_name, IDENTIFIER)]
EnvValue = Annotated[str, Form(lambda text: "must not contain a null character" if "\0" in text else None)]
Mount = Annotated[str, Form(forms.mount, "[^:]+:/[^:]+(:(ro|rw))?")]
Egress = Annotated[str, Form(forms.split_egress, forms.EGRESS)]
Tag = Annotated[str, matches(r"[\w.-]+", "letters, digits, dots, hyphens and underscores", 60)]
Destination = Annotated[
    str, matches(r"[A-Za-z_][\w.-]*", "the name of a dlt destination, or of one that .dlt/ configures")
]
Cpus = Annotated[float, Form(lambda value: None if 0 < value <= 4096 else "must be more than 0, such as 1.5")]
Retries = Annotated[int, Form(lambda value: None if 0 <= value <= 100 else "must be from 0 to 100")]


class DltNative(Model):
    """Which Python yields the data, and how dlt runs it."""

    source_module: str
    """The Python module: custom_sources/<module>.py or a package there, dlt.sources.<module>, a dlt verified
    source, or any importable module."""
    source_function: str
    """What to call in it: a source, a resource, a bound transformer or a plain function."""
    function_kwargs: dict[str, Any] = {}
    """Its keyword arguments, any nesting; "env:NAME" anywhere is the value of that variable."""
    resource_kwargs: dict[Text, dict[str, Any]] = {}
    """Arguments of single resources: {RESOURCE: {ARGUMENT: VALUE}}, as function_kwargs."""
    pipeline_name: PipelineName | None = None
    """dlt's pipeline; default: the source's name."""
    dataset_name: DatasetName | None = None
    """Where tables go; default: raw_<name>."""
    resources: tuple[Text, ...] = ()
    """Only these resources of the source; default: all."""
    write_disposition: Disposition | None = None
    """Instead of what each resource says: append, replace, merge, skip, or dlt's mapping."""
    schema_contract: Contract | None = None
    """What may change in the schema, in dlt's own words."""
    loader_file_format: Literal["parquet", "jsonl", "csv", "insert_values"] | None = None
    """The format of load files, of those that the destination takes; default: its own."""
    secret_sections: tuple[Section, ...] = ()
    """Further sections of secrets.toml and config.toml that its code asks for."""
    fast: bool = True
    """Whether rows that come one by one are read ahead and normalized by shape, or by dlt."""


_NO_LIST_FOR_NO_NETWORK: dict[str, Any] = {
    "not": {
        "required": ["network", "egress"],
        "properties": {"network": {"const": "none"}, "egress": {"minItems": 1}},
    }
}


class Container(Model):
    """What the source's container holds, and what it may use."""

    model_config = ConfigDict(json_schema_extra=_NO_LIST_FOR_NO_NETWORK)

    extras: tuple[Extra, ...] = ()
    """dlt extras, or dlt verified sources, by name."""
    requirements: tuple[Requirement, ...] = ()
    """pip requirements; ./folder and git+https://... too."""
    system_packages: tuple[SystemPackage, ...] = ()
    """Debian packages."""
    python: Annotated[str, Form(forms.python_version, r"3\.\d{1,2}(\.\d{1,2})?")] = "3.13"
    """The version of Python, in quotes."""
    dlt: Annotated[str, Form(forms.dlt_specifier)] | None = None
    """The version of dlt, "==1.31.0" say; default: the one that this dltpod brings."""
    env: dict[EnvName, EnvValue] = Field(default={}, json_schema_extra={"additionalProperties": False})
    """Environment variables that are no secrets."""
    memory: forms.Size = "2g"
    """The most memory it may use: 512m, 2g or 2Gi."""
    cpus: Cpus | None = None
    """The most CPUs it may use, such as 1.5; default: no limit."""
    timeout: forms.Duration | None = "24h"
    """How long a run may take: 90s, 30m, 1h30m, 72h."""
    retries: Retries = 2
    """How often a run that failed for a passing reason is tried again."""
    mounts: tuple[Mount, ...] = ()
    """HOST:TARGET[:ro|rw], HOST from the project's folder."""
    network: Annotated[str, Form(forms.network)] = "bridge"
    """bridge (dltpod's own, which keeps containers apart), none, or a network of the engine."""
    egress: tuple[Egress, ...] = ()
    """HOST:PORT, HOST a name, an address or a network (10.0.0.0/8, [2001:db8::/32]): with any, only these and
    the destination can be reached."""

    @model_validator(mode="after")
    def _one_wall(self) -> Container:
        if self.network == "none" and self.egress:
            wrong = "has an egress list, and network: none lets nothing out; leave one of them out "
            raise forms.fault(wrong + "(egress: [] where defaults have a list)")
        return self


class VerifiedSources(Model):
    """Where dlt's verified sources come from."""

    location: Annotated[str, matches(r"[^\s-]\S*", "a git URL or a folder")] = (
        "https://github.com/dlt-hub/verified-sources.git"
    )
    """A git URL, or a work tree's folder."""
    ref: Annotated[str, matches(r"[\w][\w./-]*", "a branch, a tag or a commit")] = "master"
    """A branch, a tag or a commit."""


class Notify(Model):
    """Who hears of failure and recovery."""

    webhook: forms.Address | None = None
    """An address that hears of failure and recovery, or "env:NAME"."""
    format: Literal["json", "slack", "discord", "teams"] = "json"
    """What the webhook is sent: all of the run, or a text as Slack (Mattermost, Google Chat), Discord or
    Teams take it."""
    heartbeat: forms.Address | None = None
    """An address that is called after each good run, or "env:NAME"; {source} in it is the source's name."""
    metrics: Text | None = None
    """A file for Prometheus' node exporter, written anew after each run: NAME.prom."""


class Source(Model):
    """One entry, with ``defaults`` merged in: what everything after the configuration works with."""

    name: SourceName
    """Its name: lower-case letters, digits and underscores, up to 40, unique."""
    type: Literal["dlt_native"] = "dlt_native"
    """dlt_native, the only type."""
    enabled: bool = True
    """false: left out, and refused by name; in a cluster, suspended."""
    description: str = ""
    """For people."""
    tags: tuple[Tag, ...] = ()
    """For `--tag`."""
    schedule: Schedule | None = None
    """Cron: "0 * * * *", or "H * * * *" for a minute of its own; for Kubernetes, CI and cron."""
    destination: Destination = "duckdb"
    """A dlt destination, or the name of one in .dlt/ that has a destination_type."""
    dlt_native: DltNative
    """Which Python yields the data, and how dlt runs it."""
    container: Container = Container()
    """What its container holds, and what it may use."""
    kubernetes: Kubernetes = Kubernetes()
    """What a cluster needs to know beyond the container."""

    @property
    def pipeline_name(self) -> str:
        return self.dlt_native.pipeline_name or self.name

    @property
    def dataset_name(self) -> str:
        return self.dlt_native.dataset_name or f"raw_{self.name}"


class Defaults(Model):
    """What every entry has unless it says otherwise; mappings are merged key by key, all else is replaced."""

    destination: Destination = "duckdb"
    """A dlt destination, or the name of one in .dlt/ that has a destination_type."""
    container: Container = Field(default_factory=Container)
    """Any key of an entry's container."""
    kubernetes: Kubernetes = Field(default_factory=Kubernetes)
    """Any key of an entry's kubernetes."""


ProjectName = Annotated[
    str,
    matches(
        r"[a-z0-9][a-z0-9_-]*",
        "lower-case letters, digits, hyphens and underscores, a letter or digit first",
        63,
    ),
]
Registry = Annotated[
    str,
    matches(
        r"[a-z0-9.-]+(:\d+)?(/[a-z0-9._-]+)*",
        "a registry and a path, such as ghcr.io/acme, without scheme or tag",
    ),
]
Install = Annotated[str, Form(forms.install, forms.INSTALL)]
BaseImage = Annotated[str, Form(forms.base_image)]


class File(Model):
    """``sources.yml``: the sources of one project, each run by dltpod in a container of its own."""

    version: Literal[1] = 1
    """The version of this format."""
    project: ProjectName | None = None
    """The project's name; default: the folder's name."""
    registry: Registry | None = None
    """Where images are pushed to and looked for before a build."""
    base_image: BaseImage = "python:{python}-slim"
    """The image to start from; a mirror's, say."""
    verified_sources: VerifiedSources = VerifiedSources()
    """Where verified sources come from."""
    notify: Notify | None = None
    """Who hears of failure and recovery."""
    dltpod: Install | None = None
    """What `render ci` installs: git+https://…@COMMIT, a wheel's https address with #sha256=HASH, or the
    folder of a clone."""
    defaults: Defaults = Defaults()
    """What every entry has unless it says otherwise."""
    sources: Annotated[
        tuple[Source, ...], Form(lambda value: None if value else "must contain at least one source")
    ] = Field(json_schema_extra={"minItems": 1})
    """The sources."""


def schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) with which an editor completes and checks ``sources.yml``."""
    made = File.model_json_schema()
    parts = {File.__name__: made, **made["$defs"]}
    for model in Model.__subclasses__():
        # pydantic titles everything with its own name, which tells an editor nothing.
        part = parts.get(model.__name__, {"properties": {}})
        part.pop("title", None)
        for name, field in part["properties"].items():
            field.pop("title", None)
            part["properties"][name] = dict(
                sorted({**field, "description": descriptions_of(model)[name]}.items())
            )
    made["patternProperties"] = {"^x-": {}}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "dltpod sources.yml", **made}


@functools.cache
def descriptions_of(model: type[Model]) -> dict[str, str]:
    """The docstrings of a model's fields. pydantic would read them each time that a command starts."""
    nodes = ast.iter_child_nodes(ast.parse(inspect.getsource(model)).body[0])
    return {
        ast.unparse(field.target): " ".join(str(said.value.value).split())
        for field, said in pairwise(nodes)
        if isinstance(field, ast.AnnAssign)
        and isinstance(said, ast.Expr)
        and isinstance(said.value, ast.Constant)
    }


class Foreign(Model):
    """An entry of another type (in a Dango project): left alone."""

    name: str
    type: str
    line: int


class Project(Model):
    """A whole ``sources.yml``, read and checked."""

    root: Path
    """The folder that custom_sources/, .dlt/, .env, data/, locks/ and .dltpod/ lie in. Absolute."""
    file: Path
    name: str
    """The project's name: ``project:``, or the root folder's name made fit as Compose does it."""
    registry: str | None = None
    base_image: str = "python:{python}-slim"
    verified_sources: VerifiedSources = VerifiedSources()
    notify: Notify | None = None
    dltpod: str | None = None
    sources: tuple[Source, ...]
    foreign: tuple[Foreign, ...] = ()
    warehouse: str = "data/warehouse.duckdb"
    """The DuckDB file of sources that name no other: Dango's own, in a Dango project. From the root."""
    modules: dict[str, str] = {}
    """The ``source_module`` as it is written, by source name, where it stands for a verified source."""
    lines: dict[str, int] = {}
    """Line by source name, for messages about one source."""

    @functools.cached_property
    def names(self) -> frozenset[str]:
        """The names of all entries, those of another type too."""
        return frozenset((*(s.name for s in self.sources), *(f.name for f in self.foreign)))

    def line(self, name: str) -> str:
        """``sources.yml:12``: where a source's entry begins."""
        return f"{shown_path(self.file)}:{self.lines.get(name, 1)}"

    def origin(self, name: str) -> str:
        """``sources.yml:12 (jira_issues)``: which entry asks for a requirement."""
        return f"{self.file.name}:{self.lines.get(name, 1)} ({name})"

    @functools.cached_property
    def custom_sources(self) -> Path:
        return self.root / "custom_sources"

    @functools.cached_property
    def data(self) -> Path:
        return self.root / "data"

    @functools.cached_property
    def private(self) -> Path:
        """``.dltpod``: state, history, logs, rendered secrets."""
        return self.root / ".dltpod"
