"""Which files a new project or a new source makes or changes. Reads what is there, writes nothing."""

from __future__ import annotations

import builtins
import keyword
import os
import textwrap
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from launcher import config
from launcher.config import dango
from launcher.config.document import read_text
from launcher.config.faults import shown_path
from launcher.config.forms import reserved
from launcher.config.models import Project, SourceName
from launcher.config.toml_files import SECRETS, read_toml
from launcher.environment.drivers import CORE_SOURCES as CORE
from launcher.errors import ConfigurationError
from launcher.start import entries, templates, texts
from launcher.start.kinds import Kind

_YAML_WORDS = ("y", "n", "yes", "no", "on", "off", "true", "false", "null")
"""Words that YAML, or some of its readers, take for other values than text, unless they are in quotes."""


@dataclass(frozen=True)
class Change:
    """A file that is made (``before`` is None) or gets a new text, and what that is for.

    The texts have no byte order mark; a file that has one keeps it.
    """

    file: Path
    text: str
    before: str | None
    what: str
    private: bool = False
    """Whether only its owner may read it where it is made."""


@dataclass(frozen=True)
class Plan:
    """The files of a new source, in the order in which they are written."""

    name: str
    changes: tuple[Change, ...]
    todo: tuple[str, ...]
    """What has to be filled in before the source can run, each with its place."""


def first(root: Path, name: str, kind: Kind) -> Plan:
    """A project in ``root`` with one source. Raises ConfigurationError where something is in the way."""
    file = root / config.NAME
    if os.path.lexists(file):
        raise ConfigurationError(
            f"{shown_path(file)} is there already", "`dltpod new NAME --from KIND` adds a source to it"
        )
    if (root / dango.FOLDER / config.NAME).is_file():
        given = f"{dango.FOLDER}/{config.NAME}"
        raise ConfigurationError(
            f"this is a Dango project, with its sources in {given}",
            f"`dltpod new NAME --from KIND --file {given}` adds one",
        )
    _usable(name, kind)
    _free(root, name, kind)
    text = templates.PROJECT + textwrap.indent(kind.entry, "  ")
    project = config.load(file, text=text)
    return Plan(
        name,
        (
            *_made(root, kind),
            *_secrets(root, name, kind, always=True),
            *_ignored(root, templates.IGNORED),
            Change(file, text, None, "the project, with its first source"),
        ),
        _todo(project, name, kind),
    )


def another(project: Project, name: str, kind: Kind) -> Plan:
    """One more source of a project. Raises ConfigurationError where something is in the way."""
    if name in project.names:
        line = project.lines.get(name) or next(o.line for o in project.foreign if o.name == name)
        raise ConfigurationError(
            f"{shown_path(project.file)}:{line}: there is a source '{name}' already", "choose another name"
        )
    _usable(name, kind)
    for other in project.sources:
        wrong = ""
        if other.pipeline_name.lower() == name:
            wrong = f"'{name}' is the pipeline of '{other.name}', and they would share its state"
        elif kind.files and other.dlt_native.source_module.partition(".")[0] == name:
            wrong = f"'{other.name}' uses a module {name}, and custom_sources/{name}.py would take its place"
        if wrong:
            raise ConfigurationError(wrong, "choose another name")
    _free(project.root, name, kind)
    entry = kind.entry
    if dango.is_dango(project.file):
        head, _, rest = entry.partition("\n")
        entry = f"{head}\n  type: dlt_native\n{rest}"
    before = read_text(project.file)
    text = entries.with_entry(project.file, before, entry)
    after = config.load(project.file, text=text)
    secrets = _secrets(project.root, name, kind)
    return Plan(
        name,
        (
            *_made(project.root, kind),
            *(_ignored(project.root, (SECRETS,)) if secrets else ()),
            *secrets,
            Change(project.file, text, before, f"the source {name}, line {after.lines[name]}"),
        ),
        _todo(after, name, kind),
    )


def check_name(name: str) -> None:
    """Raise ConfigurationError where no source can have this name."""
    try:
        TypeAdapter(SourceName).validate_python(name)
    except ValidationError as error:
        raise ConfigurationError(
            f"the name '{name}' {error.errors()[0]['msg']}", "such as jira_issues"
        ) from None


def _usable(name: str, kind: Kind) -> None:
    """Raise ConfigurationError where no source, or none with code of its own, can have this name."""
    check_name(name)
    wrong = reserved(name) or ("a word of YAML's own" if name in _YAML_WORDS else None)
    if kind.files and wrong is None:
        if name in CORE or name == "dlt":
            wrong = f"a name of dlt's own, whose place custom_sources/{name}.py would take"
        elif keyword.iskeyword(name) or name in dir(builtins):
            wrong = "a word of Python's own"
    if wrong is not None:
        raise ConfigurationError(f"the name '{name}' is {wrong}", f"such as my_{name}")


def _free(root: Path, name: str, kind: Kind) -> None:
    """Raise ConfigurationError where a file or a folder is in the way: none is ever overwritten."""
    asked = [root / path for path in kind.files]
    asked += [place.parent for place in asked if place.parent.name == name]
    if kind.files:
        asked.append(root / "custom_sources" / name)
    there = [shown_path(place) for place in dict.fromkeys(asked) if os.path.lexists(place)]
    if there:
        verb = "is" if len(there) == 1 else "are"
        raise ConfigurationError(
            f"{', '.join(there)} {verb} there already, and nothing is overwritten",
            "choose another name, or move it away",
        )


def _made(root: Path, kind: Kind) -> Iterable[Change]:
    told = {"custom_sources": "its code", "tests": "its test, for pytest", "files": "an example to read"}
    for path, text in kind.files.items():
        yield Change(root / path, text, None, told[path.partition("/")[0]])


def _secrets(root: Path, name: str, kind: Kind, *, always: bool = False) -> tuple[Change, ...]:
    """The change to ``.dlt/secrets.toml``; none where it has a section of the source's already."""
    file = root / SECRETS
    sources = read_toml(file).get("sources")
    asked = () if isinstance(sources, dict) and name in sources else kind.secrets
    before = _text(file)
    if not asked and (before is not None or not always):
        return ()
    text = texts.with_secrets(file, before or texts.HEAD, name, asked) if asked else texts.HEAD
    keys = ", ".join(secret.key for secret in asked)
    what = f"to be filled in: {keys}" if keys else "for secrets"
    return (Change(file, text, before, what, private=True),)


def _ignored(root: Path, lines: Iterable[str]) -> tuple[Change, ...]:
    file = root / ".gitignore"
    before = _text(file)
    text = texts.with_ignored(before or "", lines)
    return () if text == (before or "") else (Change(file, text, before, "what git must not keep"),)


def _text(file: Path) -> str | None:
    """A file's text; None where there is no file."""
    return read_text(file) if os.path.lexists(file) else None


def _todo(project: Project, name: str, kind: Kind) -> tuple[str, ...]:
    places = [f"{what}: {shown_path(project.file)}, from line {project.lines[name]}" for what in kind.todo]
    sections: dict[str, list[str]] = {}
    for secret in kind.secrets:
        sections.setdefault(secret.header(name), []).append(secret.key)
    file = shown_path(project.root / SECRETS)
    places += [f"{', '.join(keys)}: {file}, {section}" for section, keys in sections.items()]
    return tuple(places)
