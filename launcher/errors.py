"""The one root of errors that people see, and the launcher's exit codes.

An error with a hint for people is a ``DltpodError``; ``cli.py`` is the one place that catches it.
"""

from __future__ import annotations

import difflib
import enum
import re
import shlex
from collections.abc import Iterable
from pathlib import Path


class Exit(enum.IntEnum):
    """The launcher's exit codes."""

    OK = 0
    FAILED = 1
    """A job failed, for whatever reason."""
    USAGE = 2
    """Wrong configuration or usage, found before any job started."""
    INTERNAL = 3
    """A bug of ours."""
    ALREADY_RUNNING = 4
    INTERRUPTED = 130
    TERMINATED = 143


_CREDENTIALS = re.compile(
    # what stands before the last "@" of a host, or of a password that holds a "/"
    r"(?P<scheme>\w+://)(?:[^\s/?#]*@|[^\s/?#:]*:(?!\d+[/?#])[^\s:@]+[/?#]\S*@)"
)


def without_credentials(text: str) -> str:
    """The text, with user and password taken out of its addresses; only the user of ``ssh://`` stays.

    git, pip, uv and the engine quote addresses of indexes, repositories and proxies in their errors.
    """

    def bare(found: re.Match[str]) -> str:
        scheme, rest = found["scheme"], found[0].removeprefix(found["scheme"])
        return found[0] if scheme.endswith("ssh://") and ":" not in rest else scheme

    return _CREDENTIALS.sub(bare, text) if "://" in text else text


class DltpodError(Exception):
    """What went wrong, and what to do next.

    ``message`` says what and why, ``hint`` what next (with any command ready to paste). Neither
    may hold a secret, so both lose the credentials of addresses. Together they are at most three
    lines on the terminal.
    """

    exit_code: Exit = Exit.USAGE

    def __init__(self, message: str, hint: str = "", *, exit_code: Exit | None = None) -> None:
        message = without_credentials(message)
        super().__init__(message)
        self.message = message
        self.hint = without_credentials(hint)
        if exit_code is not None:
            self.exit_code = exit_code


class ConfigurationError(DltpodError):
    """``sources.yml``, secrets or arguments are wrong."""


class EngineError(DltpodError):
    """The container engine is missing, not reachable or refuses."""


class BuildError(DltpodError):
    """An image could not be made."""

    exit_code = Exit.FAILED


class AlreadyRunning(DltpodError):
    """Another run holds the source."""

    exit_code = Exit.ALREADY_RUNNING


def worst_exit(errors: Iterable[DltpodError | None]) -> Exit:
    """The exit code of a command of which some parts failed: that of the worst error."""
    codes = {error.exit_code for error in errors if error is not None}
    return next((code for code in (Exit.INTERNAL, Exit.FAILED, Exit.USAGE) if code in codes), Exit.OK)


def did_you_mean(word: str, words: Iterable[str]) -> str:
    """``; did you mean 'x'?`` for the closest of ``words``, or an empty string."""
    found = difflib.get_close_matches(word, sorted(set(words)), n=1, cutoff=0.6)
    return f"; did you mean '{found[0]}'?" if found else ""


def counted(number: int, one: str) -> str:
    """A number and what it counts: ``1 row``, ``2,000 rows``."""
    return f"{number:,} {one}{'' if number == 1 else 's'}"


def move_away(file: Path | str) -> str:
    """The command that moves a file out of the way, as a shell takes it."""
    return shlex.join(["mv", str(file), f"{file}.bad"])


def page(name: str) -> str:
    """The file of a page of the documentation, ``sources.md#keys`` say: in a clone, else in the package.

    Relative to the folder that the caller stands in, if it lies there.
    """
    here = Path(__file__).resolve().parent
    inside = here / "assets" / "docs"
    file = (inside if inside.is_dir() else here.parent / "docs") / name
    try:
        return str(file.relative_to(Path.cwd()))
    except (ValueError, OSError):
        return str(file)
