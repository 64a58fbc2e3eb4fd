"""Reads what the project's own files ask for: PEP 723 blocks and requirements.txt. Nothing is run."""

from __future__ import annotations

import io
import re
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from packaging.requirements import InvalidRequirement
from packaging.requirements import Requirement as Parsed

from launcher.config.forms import named_path
from launcher.environment.requirement import Requirement
from launcher.errors import ConfigurationError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_BLOCK = re.compile(r"(?m)^# /// (?P<type>[a-zA-Z0-9-]+)$\s(?P<content>(^#(| .*)$\s)+)^# ///$")
"""The expression that PEP 723 gives."""
_INCLUDE = re.compile(r"(?:-r |--requirement[ =])\s*(\S+)")


def of_module(custom_sources: Path, module: str, *, root: Path) -> tuple[Requirement, ...]:
    """What the custom source ``module`` (dotted, or a file name) asks for, or nothing where it is none.

    Of ``custom_sources/jira.py``, its PEP 723 block; of ``custom_sources/jira/``, its
    ``requirements.txt`` and the PEP 723 block of its ``__init__.py``; of ``jira.issues``, also that of
    ``jira/issues.py``. Raises ConfigurationError where a block or a line can't be read.
    """
    parts = module.removesuffix(".py").replace("/", ".").split(".")
    found: list[Requirement] = []
    folder = custom_sources
    for part in parts:
        file = folder / f"{part}.py"
        folder = folder / part
        if (folder / "requirements.txt").is_file():
            found.extend(of_file(folder / "requirements.txt", root=root))
        if (folder / "__init__.py").is_file():
            found.extend(of_script(folder / "__init__.py", root=root))
        elif file.is_file():
            found.extend(of_script(file, root=root))
    return tuple(found)


def is_custom(custom_sources: Path, module: str) -> bool:
    """Whether ``module`` is found in ``custom_sources``."""
    first = module.replace("/", ".").removesuffix(".py").split(".")[0]
    return (custom_sources / f"{first}.py").is_file() or (custom_sources / first).is_dir()


def code_of(custom_sources: Path, module: str) -> tuple[Path, ...]:
    """The Python files of a custom source: its one file, or all of the package that it is in."""
    first = module.replace("/", ".").removesuffix(".py").split(".")[0]
    package = custom_sources / first
    return tuple(sorted(package.rglob("*.py"))) if package.is_dir() else (custom_sources / f"{first}.py",)


def included(custom_sources: Path, module: str) -> frozenset[Path]:
    """Each ``requirements.txt`` that ``of_module`` looks for, and those that ``-r`` names, there or not."""
    found: set[Path] = set()
    folder = custom_sources
    for part in module.split("."):
        folder = folder / part
        todo = [folder / "requirements.txt"]
        while todo:
            file = todo.pop()
            if file in found:
                continue
            found.add(file)
            try:
                lines = _logical_lines(_read(file, custom_sources))
            except ConfigurationError:
                continue
            named = [match[1] for _, line in lines if (match := _INCLUDE.match(line.strip()))]
            todo += [(file.parent / name).resolve() for name in named]
    return frozenset(found)


def of_script(file: Path, *, root: Path) -> tuple[Requirement, ...]:
    """The dependencies of a file's PEP 723 block. Raises ConfigurationError where it is malformed."""
    text = _read(file, root)
    blocks = [match for match in _BLOCK.finditer(text) if match["type"] == "script"]
    if not blocks:
        return ()
    line = text.count("\n", 0, blocks[0].start()) + 1
    place = f"{_shown(file, root)}:{line}"
    if len(blocks) > 1:
        raise ConfigurationError(
            f"{place}: more than one '# /// script' block", "PEP 723 allows one per file"
        )
    content = "".join(
        part[2:] if part.startswith("# ") else part[1:]
        for part in blocks[0]["content"].splitlines(keepends=True)
    )
    try:
        table: dict[str, Any] = tomllib.loads(content)
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(
            f"{place}: the '# /// script' block is no TOML: {error}", "see PEP 723"
        ) from None
    dependencies = table.get("dependencies", [])
    if not isinstance(dependencies, list) or not all(isinstance(item, str) for item in dependencies):
        raise ConfigurationError(
            f"{place}: dependencies must be a list of strings", '# dependencies = ["stripe<16"]'
        )
    return tuple(
        _checked(item, f"{_shown(file, root)}:{_line_of(text, item, line)}") for item in dependencies
    )


def of_file(file: Path, *, root: Path, seen: frozenset[Path] = frozenset()) -> tuple[Requirement, ...]:
    """The requirements of a ``requirements.txt``; ``-r`` is followed, other options are refused.

    Raises ConfigurationError. Index addresses belong to the machine (pip's or uv's settings), for they
    may hold credentials, so they are refused with that hint.
    """
    found: list[Requirement] = []
    for number, raw in _logical_lines(_read(file, root)):
        line = " ".join(re.sub(r"(^|\s)#.*$", "", raw).split())
        place = f"{_shown(file, root)}:{number}"
        if not line:
            continue
        if line.startswith(("-r ", "--requirement ", "--requirement=")):
            other = (file.parent / re.split(r"[ =]", line, maxsplit=1)[1].strip()).resolve()
            if other in seen or other == file.resolve():
                raise ConfigurationError(f"{place}: the file includes itself", "remove the '-r' line")
            found.extend(of_file(other, root=root, seen=seen | {file.resolve()}))
        elif line.startswith("-"):
            raise ConfigurationError(
                f"{place}: '{line.split()[0].split('=')[0]}' is not supported here",
                "index addresses go into pip's or uv's own settings; editable installs as './packages/name'",
            )
        else:
            found.append(
                _checked(re.split(r"\s--hash[= ]", line)[0].strip(), place, base=file.parent, root=root)
            )
    return tuple(found)


def _logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Lines with those joined that end in a backslash, each with the number of its first."""
    begun, held = 0, ""
    for number, line in enumerate(text.splitlines(), 1):
        begun = begun or number
        if line.endswith("\\"):
            held += line[:-1] + " "
            continue
        yield begun, held + line
        begun, held = 0, ""
    if held:
        yield begun, held


def is_path(text: str) -> bool:
    """Whether a requirement is a local path (``./packages/erp``) rather than a name or URL."""
    return text.startswith(("./", "../", "/", "~")) or text in (".", "..")


def is_direct(text: str) -> bool:
    """Whether a requirement is an address: ``git+https://…``, ``https://….whl``."""
    return re.match(r"^[a-z][a-z0-9+.-]*://", text) is not None or re.match(r"^git\+", text) is not None


def _checked(text: str, origin: str, *, base: Path | None = None, root: Path | None = None) -> Requirement:
    text = text.strip()
    if is_path(text):
        if base is not None and root is not None and not text.startswith(("/", "~")):
            target = (base / text).resolve()
            if target.is_relative_to(root):
                text = f"./{target.relative_to(root)}"
        return Requirement(text, origin)
    path = named_path(text)
    if path is not None:
        raise ConfigurationError(
            f"{origin}: '{text}' names a local package in a form that no build finds", f"write {path}"
        )
    if is_direct(text):
        return Requirement(text, origin)
    try:
        Parsed(text)
    except InvalidRequirement as error:
        reason = str(error).splitlines()[0]
        raise ConfigurationError(
            f"{origin}: '{text}' is no requirement: {reason}", "write it as pip takes it: 'stripe<16'"
        ) from None
    return Requirement(text, origin)


def check(text: str, origin: str) -> Requirement:
    """A requirement of ``sources.yml``, checked. Raises ConfigurationError."""
    return _checked(text, origin)


def _line_of(text: str, item: str, start: int) -> int:
    for number, line in enumerate(text.splitlines(), 1):
        if number >= start and item in line:
            return number
    return start


def _shown(file: Path, root: Path) -> str:
    return str(file.relative_to(root)) if file.is_relative_to(root) else str(file)


def _read(file: Path, root: Path) -> str:
    """The file's text: a Python file's in the encoding that it declares, any other's in UTF-8."""
    shown = _shown(file, root)
    try:
        raw = file.read_bytes()
    except FileNotFoundError:
        raise ConfigurationError(f"{shown} is not there", "make it, or remove the '-r' line") from None
    except OSError as error:
        raise ConfigurationError(f"{shown} can't be read: {error}", "check its permissions") from None
    try:
        encoding = _declared(raw) if file.suffix == ".py" else "utf-8-sig"
        return io.StringIO(raw.decode(encoding), newline=None).read()
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        wrong = f"{shown}:{line}: not {encoding.removesuffix('-sig').upper()} text"
    except SyntaxError as error:
        wrong = f"{shown}: {error.msg}"
    raise ConfigurationError(wrong, "save it as UTF-8")


def _declared(raw: bytes) -> str:
    """The encoding that a Python file declares. Raises SyntaxError where there is none of that name."""
    lines = raw.splitlines(keepends=True)[:2]
    if any(b"coding" in line for line in lines):
        return tokenize.detect_encoding(iter(lines).__next__)[0]
    return "utf-8-sig"
