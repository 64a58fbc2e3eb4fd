"""Reads what the project's own files ask for: PEP 723 blocks and requirements.txt. Nothing is run."""

from __future__ import annotations

import contextlib
import io
import os
import re
import tokenize
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from packaging.requirements import InvalidRequirement
from packaging.requirements import Requirement as Parsed
from packaging.utils import canonicalize_name

from launcher.config.forms import holds_credentials, named_path
from launcher.config.toml_files import syntax_fault, tomllib
from launcher.environment.local_packages import split_extras
from launcher.environment.values import Requirement
from launcher.errors import ConfigurationError
from launcher.untrusted import files

_BLOCK = re.compile(r"# /// ([a-zA-Z0-9-]+)")
MOST_FILES = 50
"""The most requirements files that may include one another."""
MOST_REQUIREMENTS = 1000
"""Of one file, with all that it includes."""
_LONGEST = 2000
"""Characters of a requirement."""
_OPTIONS = (
    *("-r", "--requirement", "-c", "--constraint", "-e", "--editable", "-i", "--index-url"),
    *("--extra-index-url", "--no-index", "-f", "--find-links", "--no-binary", "--only-binary", "--hash"),
    *("--prefer-binary", "--require-hashes", "--pre", "--trusted-host", "--use-feature"),
)


def of_module(custom_sources: Path, module: str, *, root: Path) -> tuple[Requirement, ...]:
    """What the custom source ``module`` (dotted, or a file name) asks for, or nothing where it is none.

    Of ``custom_sources/jira.py``, its PEP 723 block; of ``custom_sources/jira/``, its
    ``requirements.txt`` and the PEP 723 block of its ``__init__.py``; of ``jira.issues``, also that of
    ``jira/issues.py``. Raises ConfigurationError where a block or a line can't be read.
    """
    parts = module.removesuffix(".py").replace("/", ".").split(".")
    own = own_folder(custom_sources, parts[0])
    found: list[Requirement] = []
    folder = custom_sources
    for part in parts:
        file = folder / f"{part}.py"
        folder = folder / part
        if os.path.lexists(folder / "requirements.txt"):
            found.extend(of_file(folder / "requirements.txt", root=root, own=own))
        if (folder / "__init__.py").is_file():
            found.extend(of_script(folder / "__init__.py", root=root, own=own))
        elif file.is_file():
            within = custom_sources.resolve() if part is parts[0] else own
            found.extend(of_script(file, root=root, own=own, file_within=within))
    return tuple(found)


def may_bring(name: str, requirements: Iterable[str]) -> bool:
    """Whether one of the requirements may bring the package ``name``, by its own name, path or address."""
    wanted = canonicalize_name(name)
    for text in requirements:
        if is_path(text) or is_direct(text):
            if wanted in canonicalize_name(text.replace("/", "-")):
                return True
            continue
        with contextlib.suppress(InvalidRequirement):
            if canonicalize_name(Parsed(text).name) == wanted:
                return True
    return False


def own_folder(custom_sources: Path, package: str) -> Path:
    """The folder of a package of ``custom_sources/``, links followed as far as they stay there.

    What a package asks for lies in it: its author has no say in the rest of the project.
    """
    base = custom_sources.resolve()
    found = _resolved(base / package)
    return found if found is not None and base in found.parents else base / package


def is_custom(custom_sources: Path, module: str) -> bool:
    """Whether ``module`` is found in ``custom_sources``."""
    first = module.replace("/", ".").removesuffix(".py").split(".")[0]
    return (custom_sources / f"{first}.py").is_file() or (custom_sources / first).is_dir()


def code_of(custom_sources: Path, module: str) -> tuple[Path, ...]:
    """The Python files of a custom source: its one file, or all of the package that it is in."""
    first = module.replace("/", ".").removesuffix(".py").split(".")[0]
    package = custom_sources / first
    return tuple(sorted(package.rglob("*.py"))) if package.is_dir() else (custom_sources / f"{first}.py",)


def of_script(
    file: Path, *, root: Path, own: Path | None = None, file_within: Path | None = None
) -> tuple[Requirement, ...]:
    """The dependencies of a file's PEP 723 block. Raises ConfigurationError where it is malformed.

    ``own``: the folder that paths must stay in (the file's own); ``file_within``: the one that the file
    itself must be in, links followed (``own``).
    """
    own = own or file.parent.resolve()
    shown = _shown(file, root)
    text = _read(file, shown, file_within or own)
    blocks = _blocks(text)
    if not blocks:
        return ()
    line, content = blocks[0]
    place = f"{shown}:{line}"
    if len(blocks) > 1:
        raise ConfigurationError(
            f"{place}: more than one '# /// script' block", "PEP 723 allows one per file"
        )
    try:
        table: dict[str, Any] = tomllib.loads(content)
    except tomllib.TOMLDecodeError as error:
        number, what = syntax_fault(content, str(error))
        raise ConfigurationError(
            f"{place}: the '# /// script' block is no TOML: its line {number}: {what}", "see PEP 723"
        ) from None
    except (RecursionError, ValueError):
        raise ConfigurationError(
            f"{place}: the '# /// script' block is nested too deeply, or holds a number that is too large",
            "see PEP 723",
        ) from None
    dependencies = table.get("dependencies", [])
    if not isinstance(dependencies, list) or not all(isinstance(item, str) for item in dependencies):
        raise ConfigurationError(
            f"{place}: dependencies must be a list of strings", '# dependencies = ["stripe<16"]'
        )
    if len(dependencies) > MOST_REQUIREMENTS:
        raise ConfigurationError(f"{place}: more than {MOST_REQUIREMENTS} dependencies")
    found = []
    for item in dependencies:
        at = content.find(item)
        number = line if at < 0 else line + 1 + content.count("\n", 0, at)
        found.append(_foreign(item, f"{shown}:{number}", own, base=root, root=root))
    return tuple(found)


def _blocks(text: str) -> list[tuple[int, str]]:
    """The ``script`` blocks: the line that each begins on, and its TOML.

    The same as PEP 723's regular expression finds, but in linear time.
    """
    found = []
    lines = text.split("\n")
    number = 0
    while number < len(lines):
        begun = number
        number += 1
        match = _BLOCK.fullmatch(lines[begun])
        if match is None:
            continue
        while number < len(lines) and (lines[number] == "#" or lines[number].startswith("# ")):
            number += 1
        end = next((n for n in range(number - 1, begun + 1, -1) if lines[n] == "# ///"), None)
        if end is None:
            continue
        if match[1] == "script":
            found.append((begun + 1, "\n".join(line[2:] for line in lines[begun + 1 : end]) + "\n"))
        number = end + 1
    return found


def of_file(file: Path, *, root: Path, own: Path | None = None) -> tuple[Requirement, ...]:
    """The requirements of a ``requirements.txt``; ``-r`` is followed, other options are refused.

    ``own``: the folder that included files and paths must stay in, links followed (the file's own).
    Raises ConfigurationError, with the place of a line and never its text. Index addresses belong to the
    machine (pip's or uv's settings), for they may hold credentials, so they are refused with that hint.
    """
    own = own or file.parent.resolve()
    found = tuple(islice(_lines_of(file, _shown(file, root), root, own, [], set()), MOST_REQUIREMENTS + 1))
    if len(found) > MOST_REQUIREMENTS:
        raise ConfigurationError(f"{_shown(file, root)}: more than {MOST_REQUIREMENTS} requirements")
    return found


def _lines_of(
    file: Path, shown: str, root: Path, own: Path, above: list[Path], read: set[Path]
) -> Iterator[Requirement]:
    """``above``: the files that include this one; ``read``: those that were read, or begun."""
    here = _resolved(file) or file
    read.add(here)
    for number, raw in _logical_lines(_read(file, shown, own)):
        line = " ".join(re.sub(r"(^|\s)#.*$", "", raw).split())
        place = f"{_shown(file, root)}:{number}"
        if not line:
            continue
        if line.startswith(("-r ", "--requirement ", "--requirement=")):
            other = _resolved(file.parent / re.split(r"[ =]", line, maxsplit=1)[1].strip())
            if other is None or (other != own and own not in other.parents):
                raise ConfigurationError(
                    f"{place}: '-r' leads out of the package's own folder",
                    "write into this file what it needs of that one",
                )
            if other in above or other == here:
                raise ConfigurationError(f"{place}: the file includes itself", "remove the '-r' line")
            if other in read:
                continue
            if len(read) >= MOST_FILES:
                raise ConfigurationError(
                    f"{place}: more than {MOST_FILES} files by '-r'", "write what they ask for into one"
                )
            yield from _lines_of(other, f"{place}: the file that '-r' names", root, own, [*above, here], read)
        elif line.startswith("-"):
            option = next((o for o in _OPTIONS if re.match(rf"{o}(?![\w-])", line)), None)
            raise ConfigurationError(
                f"{place}: {f'{option!r}' if option else 'an option of pip'} is not supported here",
                "index addresses go into pip's or uv's own settings; editable installs as './packages/name'",
            )
        else:
            text = re.split(r"\s--hash[= ]", line)[0].strip()
            yield _foreign(text, place, own, base=file.parent, root=root)


def _logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Lines with those joined that end in a backslash, each with the number of its first."""
    begun, held = 0, []
    for number, line in enumerate(text.splitlines(), 1):
        begun = begun or number
        if line.endswith("\\"):
            held.append(line[:-1])
            continue
        yield begun, " ".join([*held, line])
        begun, held = 0, []
    if held:
        yield begun, " ".join(held)


def is_path(text: str) -> bool:
    """Whether a requirement is a local path (``./packages/erp``) rather than a name or URL."""
    return text.startswith(("./", "../", "/", "~")) or text in (".", "..")


def is_direct(text: str) -> bool:
    """Whether a requirement is an address: ``git+https://…``, ``https://….whl``."""
    return re.match(r"^[a-z][a-z0-9+.-]*://", text) is not None or re.match(r"^git\+", text) is not None


def _foreign(text: str, origin: str, own: Path, *, base: Path, root: Path) -> Requirement:
    """A requirement that a file of a source's code asks for. Raises ConfigurationError without its text."""
    text = text.strip()
    broken = len(text) > _LONGEST or not text.isprintable()
    if not broken and is_path(text):
        path, extras = split_extras(text)
        target = None if text.startswith(("/", "~")) else _resolved(base / path)
        if target is not None and target.is_relative_to(root.resolve()):
            text = f"./{target.relative_to(root.resolve())}{extras}"
        return Requirement(text, origin, within=own)
    if not broken and (named_path(text) is not None or re.search(r"(?i)\bfile:", text)):
        raise ConfigurationError(
            f"{origin}: this requirement names a local package in a form that no build finds",
            "write its path alone, from this file's folder: ./FOLDER",
        )
    # uv puts a variable's value in there, which may be a credential of the build's.
    if not broken and ("${" in text or holds_credentials(text)):
        raise ConfigurationError(
            f"{origin}: this requirement holds a password, a token or a variable",
            "give it to git or to the index in the environment",
        )
    if broken or not (is_direct(text) or _fault(text) is None):
        raise ConfigurationError(f"{origin}: this is no requirement", "write it as pip takes it: 'stripe<16'")
    return Requirement(text, origin, within=own)


def _fault(text: str) -> str | None:
    """What is wrong with a requirement; None for a valid one."""
    try:
        Parsed(text)
    except InvalidRequirement as error:
        return str(error).splitlines()[0]
    return None


def check(text: str, origin: str) -> Requirement:
    """A requirement of ``sources.yml``, checked. Raises ConfigurationError."""
    text = text.strip()
    if is_path(text) or is_direct(text):
        return Requirement(text, origin)
    path = named_path(text)
    if path is not None:
        raise ConfigurationError(
            f"{origin}: '{text}' names a local package in a form that no build finds", f"write {path}"
        )
    reason = _fault(text)
    if reason is not None:
        raise ConfigurationError(
            f"{origin}: '{text}' is no requirement: {reason}", "write it as pip takes it: 'stripe<16'"
        )
    return Requirement(text, origin)


def _shown(file: Path, root: Path) -> str:
    return str(file.relative_to(root)) if file.is_relative_to(root) else str(file)


def _resolved(path: Path) -> Path | None:
    """The path with links followed; None for a ring of links, and for what can be no path at all."""
    try:
        return path.resolve()
    except (OSError, RuntimeError, ValueError):
        return None


def _read(file: Path, shown: str, within: Path) -> str:
    """The file's text: a Python file's in the encoding that it declares, any other's in UTF-8.

    Raises ConfigurationError, for a file that does not lie ``within`` that folder too, links followed.
    """
    here = _resolved(file)
    if here is None or within not in here.parents:
        raise ConfigurationError(
            f"{shown} leads out of the package's own folder", "no source's container has what lies there"
        )
    try:
        raw = files.read(here)
    except FileNotFoundError:
        raise ConfigurationError(f"{shown} does not exist", "make it, or remove the '-r' line") from None
    except OSError as error:
        raise ConfigurationError(
            f"{shown} can't be read: {error.strerror or type(error).__name__}",
            "it has to be a text of a usual size that you may read",
        ) from None
    try:
        encoding = _declared(raw) if file.suffix == ".py" else "utf-8-sig"
        return io.StringIO(raw.decode(encoding), newline=None).read()
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        wrong = f"{shown}:{line}: not UTF-8 text"
        if encoding.removesuffix("-sig") != "utf-8":
            wrong = f"{shown}:{line}: not text of the encoding that the file declares"
    except (SyntaxError, LookupError, ValueError):
        wrong = f"{shown}: declares an encoding that Python does not know"
    raise ConfigurationError(wrong, "save it as UTF-8")


def _declared(raw: bytes) -> str:
    """The encoding that a Python file declares. Raises SyntaxError where there is none of that name."""
    lines = raw.splitlines(keepends=True)[:2]
    if any(b"coding" in line for line in lines):
        return tokenize.detect_encoding(iter(lines).__next__)[0]
    return "utf-8-sig"
