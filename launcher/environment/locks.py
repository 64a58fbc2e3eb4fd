"""Lock files: what a source's requirements resolved to, hashed, for all platforms, without addresses.

``locks/<name>.txt`` is a requirements file as pip and uv read it. Its head says what it was made from, so
that a stale one is known without asking anyone.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from launcher import owner
from launcher.config.models import Project, Source
from launcher.environment import Environment, Verified
from launcher.errors import BuildError, ConfigurationError, DltpodError

FOLDER = "locks"
_SEED = Path(__file__).resolve().parent.parent / "assets" / "default.txt"
_INPUTS = re.compile(r"^# inputs: (\w+)$", re.MULTILINE)
_CUTOFF = re.compile(r"^# exclude-newer: (\S+)$", re.MULTILINE)
_PIN = re.compile(r"^([A-Za-z0-9][\w.-]*)(?:==(\S+)| @ git\+\S+@(\w+))", re.MULTILINE)
_LINE = re.compile(
    r"^(?:[A-Za-z0-9][\w.-]*(?:\[[\w,. -]*\])?(?:==[^\s$]+(?: ; [^$]*?)?| @ git\+[^\s$]+)|\.{1,2}/[^$]*?"
    r"|\s+--hash=\w+:[0-9a-f]+)(?: \\)?$"
)
"""All that a lock is made of: uv would follow an option or a variable that foreign code wrote there."""


class CutoffError(ConfigurationError):
    """What ``--exclude-newer`` says is no date."""


@dataclass(frozen=True)
class Locked:
    """A lock file that was written, or looked at; or why there is none."""

    source: str
    path: Path
    pins: Mapping[str, str] = field(default_factory=dict)
    """Distribution to version or commit."""
    changes: tuple[str, ...] = ()
    """``dulwich 1.2.20 → 1.2.21``, ``six removed``; empty where nothing changed."""
    written: bool = False
    error: DltpodError | None = None


def path_of(project: Project, source: Source) -> Path:
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
    """The environment with the source's lock, where there is one that still fits.

    With ``locked``, raises ConfigurationError where there is none or a stale one.
    """
    path = path_of(project, source)
    shown = f"{FOLDER}/{path.name}"
    text = _text_of(path)
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


def lock(
    project: Project,
    sources: Sequence[Source],
    *,
    environ: Mapping[str, str],
    verified: Verified | None = None,
    exclude_newer: str | None = None,
    upgrade: bool = False,
    say: Callable[[str], None] = lambda line: None,
) -> tuple[Locked, ...]:
    """Write the lock of each source; pins that still fit are kept unless ``upgrade``.

    ``exclude_newer``: a date (2026-01-31) or time (RFC 3339) after which no release counts.
    A fault of one source is told in its ``Locked``, leaves its lock as it was and stops no other.
    Raises CutoffError where ``exclude_newer`` is none, which is a fault of all.
    """
    if exclude_newer is not None and not _is_date(exclude_newer):
        raise CutoffError(
            f"--exclude-newer '{exclude_newer}' is no date", "2026-01-31 or 2026-01-31T00:00:00Z"
        )
    done = []
    for source in sources:
        say(f"resolving {source.name}")
        try:
            environment = bare(project, source, environ, verified)
            done.append(_write(project, source, environment, environ, exclude_newer, upgrade))
        except DltpodError as error:
            done.append(Locked(source.name, path_of(project, source), error=error))
    return tuple(done)


def outdated(
    project: Project,
    sources: Sequence[Source],
    *,
    environ: Mapping[str, str],
    verified: Verified | None = None,
) -> tuple[Locked, ...]:
    """What resolving anew would change, of the sources that have a lock. Writes nothing.

    A fault of one source is told in its ``Locked``, and stops no other.
    """
    found = []
    for source in sources:
        path = path_of(project, source)
        try:
            before = _text_of(path)
            if before is None:
                continue
            environment = bare(project, source, environ, verified)
            old = pins_of(before)
            new = pins_of(_resolve(project, environment, environ, None, None))
            found.append(Locked(source.name, path, old, changes(old, new)))
        except DltpodError as error:
            found.append(Locked(source.name, path, error=error))
    return tuple(found)


def bare(
    project: Project, source: Source, environ: Mapping[str, str], verified: Verified | None
) -> Environment:
    """The source's environment as far as a lock needs it: without lock, base and platform."""
    from launcher.environment import describe
    from launcher.environment.describing import destination_of

    kind, extras = destination_of(project, source, environ)
    return describe(
        project,
        source,
        base_identity="",
        verified=verified,
        destination_type=kind,
        destination_extras=extras,
        with_lock=False,
    )


def pins_of(text: str) -> dict[str, str]:
    """Distribution to version (or commit) of a lock's text; of several for different Pythons, all."""
    found: dict[str, str] = {}
    for name, version, commit in _PIN.findall(text):
        pin = version or commit[:12]
        found[name] = f"{found[name]}, {pin}" if name in found else pin
    return found


def changes(old: Mapping[str, str], new: Mapping[str, str]) -> tuple[str, ...]:
    """What differs, in words."""
    lines = []
    for name in sorted({*old, *new}):
        if name not in new:
            lines.append(f"{name} {old[name]} removed")
        elif name not in old:
            lines.append(f"{name} {new[name]} added")
        elif old[name] != new[name]:
            lines.append(f"{name} {old[name]} → {new[name]}")
    return tuple(lines)


def _is_date(text: str) -> bool:
    """Whether a text is a date, or a time in RFC 3339."""
    try:
        moment = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        return False
    return len(text) == 10 or moment.tzinfo is not None


def _text_of(path: Path) -> str | None:
    """A lock's text, None where there is none. Raises ConfigurationError where it can't be read."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except OSError as error:
        shown = f"{FOLDER}/{path.name}"
        raise ConfigurationError(f"{shown} can't be read: {error.strerror}", f"ls -l {shown}") from None
    except UnicodeDecodeError:
        shown = f"{FOLDER}/{path.name}"
        raise ConfigurationError(
            f"{shown} can't be read: it is no text", f"mv {shown} {shown}.bad; dltpod lock {path.stem}"
        ) from None


def _write(
    project: Project,
    source: Source,
    environment: Environment,
    environ: Mapping[str, str],
    exclude_newer: str | None,
    upgrade: bool,
) -> Locked:
    path = path_of(project, source)
    before = _text_of(path) or ""
    cutoff = exclude_newer or (match[1] if (match := _CUTOFF.search(before)) and not upgrade else None)
    with owner.as_caller():
        first = _SEED.read_text(encoding="utf-8")
    seed = None if upgrade else (before or first)
    text = _resolve(project, environment, environ, seed, cutoff)
    head = [f"# Made by: dltpod lock {source.name}", f"# inputs: {inputs_digest(environment)}"]
    head += [f"# python: {environment.python}"]
    head += [f"# exclude-newer: {cutoff}"] if cutoff else []
    head += [f"# local: ./{item.path} sha256:{item.digest}" for item in environment.local_packages]
    head += [f"# verified: {item.name} {item.commit}" for item in environment.verified]
    whole = "\n".join(head) + "\n" + text
    if whole != before:
        path.parent.mkdir(exist_ok=True)
        partial = path.with_name(f".{path.name}.{os.getpid()}")
        partial.write_text(whole, encoding="utf-8")
        partial.replace(path)
    pins = pins_of(text)
    return Locked(source.name, path, pins, changes(pins_of(before), pins), written=whole != before)


def _resolve(
    project: Project,
    environment: Environment,
    environ: Mapping[str, str],
    seed: str | None,
    cutoff: str | None,
) -> str:
    """uv's resolution for all platforms, without comments. ``seed``: a lock's text, whose pins are preferred.

    It is done where builds are: it may build packages, and their code never runs on the host.
    """
    from launcher.engines.docker import DockerEngine
    from launcher.images import DockerImages, ImageOptions
    from launcher.images.building import Builder
    from launcher.images.building_fleet import platform_of
    from launcher.presence import unknown

    client = DockerEngine(environ=environ, alive=unknown).client
    images = DockerImages(ImageOptions(client, project, environ))
    base = images.base(environment.python)
    environment = replace(
        environment,
        base_image=base.reference,
        base_identity=base.identity,
        platform=platform_of(client),
        lock=None,
    )
    texts = {"seed.txt": seed} if seed is not None else {}
    if cutoff is not None:
        texts["cutoff.txt"] = cutoff
    text_out = Builder(images.options, images.verified).lock(environment, texts)
    lines = [line for line in text_out.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    foreign = [line for line in lines if re.match(r"^[\w.-]+ @ (?!git\+)", line)]
    if foreign:
        raise BuildError(
            f"source '{environment.sources[0]}': '{foreign[0].split()[0]}' comes from an address of its own",
            "a lock holds packages of an index, folders of the project and git commits",
        )
    if not all(_LINE.match(line) for line in lines):
        raise BuildError(
            f"source '{environment.sources[0]}': the resolution holds lines that no lock has",
            "a package that was built for it may have written them",
        )
    return "\n".join(lines) + "\n"
