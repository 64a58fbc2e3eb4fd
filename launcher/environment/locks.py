"""Lock files: what a source's requirements resolved to, hashed, for all platforms, without addresses.

``locks/<name>.txt`` is a requirements file as pip and uv read it. Its head says what it was made from, so
that a stale one is known without asking anyone.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import replace
from pathlib import Path

from launcher.config.models import Project, Source
from launcher.environment.values import Environment
from launcher.errors import ConfigurationError, move_away

FOLDER = "locks"
_INPUTS = re.compile(r"^# inputs: (\w+)$", re.MULTILINE)


def path_of(project: Project, source: Source) -> Path:
    """The place of a source's lock file, whether or not there is one."""
    return project.root / FOLDER / f"{source.name}.txt"


def inputs_digest(environment: Environment) -> str:
    """Eight bytes of SHA-256, as hex, of what a lock is made from: neither platform nor base."""
    inputs = {
        key: environment.inputs[key]
        for key in ("python", "dlt", "dlt_extras", "requirements", "local_packages", "verified")
    }
    return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()[:16]


def attach(
    project: Project, source: Source, environment: Environment, *, locked: bool = False
) -> Environment:
    """The environment with the source's lock, if there is one that still fits.

    With ``locked``, raises ConfigurationError where there is none or a stale one.
    """
    path = path_of(project, source)
    shown = f"{FOLDER}/{path.name}"
    text = text_of(path)
    if text is None:
        if locked:
            raise ConfigurationError(
                f"source '{source.name}' has no lock, and --locked asks for one",
                f"dltpod lock {source.name}, and commit {shown}",
            )
        return environment
    found = _INPUTS.search(text)
    if found is None or found[1] != inputs_digest(environment):
        if locked:
            raise ConfigurationError(
                f"source '{source.name}': {shown} is stale: what the source asks for has changed since",
                f"dltpod lock {source.name}, and commit {shown}",
            )
        note = f"{shown} is stale and left aside: dltpod lock {source.name}"
        return replace(environment, notes=(*environment.notes, note))
    pins = "\n".join(line for line in text.splitlines() if line and not line.startswith("#"))
    return replace(environment, lock=pins + "\n")


def text_of(path: Path) -> str | None:
    """A lock's text, None where there is none. Raises ConfigurationError where it can't be read."""
    shown = f"{FOLDER}/{path.name}"
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigurationError(f"{shown} can't be read: {error.strerror}", f"ls -l {shown}") from None
    except UnicodeDecodeError:
        raise ConfigurationError(
            f"{shown} can't be read: it is no text", f"{move_away(shown)}; dltpod lock {path.stem}"
        ) from None
