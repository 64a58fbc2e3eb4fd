"""Makes lock files: resolves what sources ask for where builds are, in the engine."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from launcher.config.models import Project, Source
from launcher.environment.locks import inputs_digest, path_of, text_of
from launcher.environment.values import Environment
from launcher.environment.verified_sources import repository
from launcher.errors import BuildError, ConfigurationError, DltpodError
from launcher.host import rights
from launcher.host.files import write_atomic
from launcher.images.tags import ImageOptions

if TYPE_CHECKING:
    from docker import DockerClient

SEED = Path(__file__).resolve().parent.parent / "assets" / "default.txt"
_CUTOFF = re.compile(r"^# exclude-newer: (\S+)$", re.MULTILINE)
_PIN = re.compile(r"^([A-Za-z0-9][\w.-]*)(?:==(\S+)| @ git\+\S+@(\w+))", re.MULTILINE)
_LINE = re.compile(
    r"^(?:[A-Za-z0-9][\w.-]*(?:\[[\w,. -]*\])?(?:==[^\s$]+(?: ; [^$]*?)?| @ git\+[^\s$]+)|\.{1,2}/[^$]*?"
    r"|\s+--hash=\w+:[0-9a-f]+)(?: \\)?$"
)
"""The only lines that a lock may have: uv would follow an option or a variable that foreign code wrote."""


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


@dataclass(frozen=True)
class Locks:
    """Makes the locks of a project's sources. ``client`` gives the engine, which is asked when one resolves.

    A fault of one source is told in its ``Locked``, and stops no other.
    """

    project: Project
    environ: Mapping[str, str] = field(repr=False)
    client: Callable[[], DockerClient]
    say: Callable[[str], None] = lambda line: None

    def lock(
        self, sources: Sequence[Source], *, exclude_newer: str | None = None, upgrade: bool = False
    ) -> tuple[Locked, ...]:
        """Write the lock of each source; pins that still fit are kept unless ``upgrade``.

        ``exclude_newer``: a date (2026-01-31) or time (RFC 3339) after which no release counts. Raises
        ConfigurationError where it is none, which is a fault of all.
        """
        if exclude_newer is not None and not _is_date(exclude_newer):
            raise ConfigurationError(
                f"--exclude-newer '{exclude_newer}' is no date", "2026-01-31 or 2026-01-31T00:00:00Z"
            )
        done = []
        for source in sources:
            self.say(f"resolving {source.name}")
            try:
                done.append(self._write(source, exclude_newer, upgrade))
            except DltpodError as error:
                done.append(Locked(source.name, path_of(self.project, source), error=error))
        return tuple(done)

    def outdated(self, sources: Sequence[Source]) -> tuple[Locked, ...]:
        """What resolving anew would change, of the sources that have a lock. Writes nothing."""
        found = []
        for source in sources:
            path = path_of(self.project, source)
            try:
                before = text_of(path)
                if before is None:
                    continue
                old = pins_of(before)
                new = pins_of(self._resolve(self._environment(source), None, None))
                # a new lock has dltpod's own pins, and with the same dltpod it would have them today too
                fresh = pins_of(seed())
                new.update({name: pin for name, pin in old.items() if name in new and pin == fresh.get(name)})
                found.append(Locked(source.name, path, old, changes(old, new)))
            except DltpodError as error:
                found.append(Locked(source.name, path, error=error))
        return tuple(found)

    def _environment(self, source: Source) -> Environment:
        """The source's environment as far as a lock needs it: without lock, base and platform."""
        from launcher.environment.describe import describe, drivers_of

        reached = drivers_of(self.project, source, self.environ)
        verified = repository(self.project, self.environ, self.say)
        return describe(
            self.project, source, base_identity="", verified=verified, reached=reached, with_lock=False
        )

    def _write(self, source: Source, exclude_newer: str | None, upgrade: bool) -> Locked:
        environment = self._environment(source)
        path = path_of(self.project, source)
        before = text_of(path) or ""
        cutoff = exclude_newer or (match[1] if (match := _CUTOFF.search(before)) and not upgrade else None)
        text = self._resolve(environment, None if upgrade else (before or seed()), cutoff)
        head = [f"# Made by: dltpod lock {source.name}", f"# inputs: {inputs_digest(environment)}"]
        head += [f"# python: {environment.python}"]
        head += [f"# exclude-newer: {cutoff}"] if cutoff else []
        head += [f"# local: ./{item.path} sha256:{item.digest}" for item in environment.local_packages]
        head += [f"# verified: {item.name} {item.commit}" for item in environment.verified]
        whole = "\n".join(head) + "\n" + text
        if whole != before:
            path.parent.mkdir(exist_ok=True)
            write_atomic(path, whole)
        pins = pins_of(text)
        return Locked(source.name, path, pins, changes(pins_of(before), pins), written=whole != before)

    def _resolve(self, environment: Environment, preferred: str | None, cutoff: str | None) -> str:
        """uv's resolution for all platforms, without comments. ``preferred``: a lock, whose pins are kept.

        It is done where builds are: it may build packages, and their code never runs on the host.
        """
        from launcher.images.build import Builder
        from launcher.images.images import DockerImages
        from launcher.images.tags import platform_of

        engine = self.client()
        images = DockerImages(ImageOptions(engine, self.project, self.environ))
        base = images.base(environment.python)
        environment = replace(
            environment,
            base_image=base.reference,
            base_identity=base.identity,
            platform=platform_of(engine),
            lock=None,
        )
        texts = {"seed.txt": preferred} if preferred is not None else {}
        if cutoff is not None:
            texts["cutoff.txt"] = cutoff
        text_out = Builder(images.options).lock(environment, texts)
        lines = [line for line in text_out.splitlines() if line.strip() and not line.lstrip().startswith("#")]
        foreign = [line for line in lines if re.match(r"^[\w.-]+ @ (?!git\+)", line)]
        if foreign:
            name = foreign[0].split()[0]
            raise BuildError(
                f"source '{environment.sources[0]}': '{name}' comes from an address of its own",
                "a lock holds packages of an index, folders of the project and git commits",
            )
        if not all(_LINE.match(line) for line in lines):
            raise BuildError(
                f"source '{environment.sources[0]}': the resolution holds lines that no lock has",
                "a package that was built for it may have written them",
            )
        return "\n".join(lines) + "\n"


@rights.as_invoking_user()
def seed() -> str:
    """dltpod's own pins, as a lock's text: what a first lock prefers."""
    return SEED.read_text(encoding="utf-8")


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
