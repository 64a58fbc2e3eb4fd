"""What is known of each dlt release without asking anyone: its extras and the Pythons that it runs on.

The table, ``assets/dlt_versions.json``, is read from the metadata of the released wheels
(``scripts/dlt-versions`` repeats that). A release newer than the table is taken to be like its last
row: dlt adds extras and hardly ever drops one, and a missing extra is found at build time.
"""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from pathlib import Path

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from launcher.errors import ConfigurationError
from launcher.host.rights import as_invoking_user

OLDEST = "1.18.0"
"""The runner stands on what dlt has from here on."""


@dataclass(frozen=True)
class Release:
    """One released dlt. ``python`` is its Requires-Python; ``extras`` are normalised names."""

    version: str
    python: str
    extras: frozenset[str]


@functools.cache
@as_invoking_user()
def releases() -> tuple[Release, ...]:
    """Every known release, oldest first."""
    rows = json.loads((Path(__file__).parent.parent / "assets" / "dlt_versions.json").read_text())
    return tuple(
        Release(version, row["python"], frozenset(row["extras"]))
        for row in rows
        for version in row["versions"]
    )


def choose(specifier: str, python: str, *, source: str) -> Release:
    """The newest known release that ``specifier`` and ``python`` allow, which stands for what is resolved.

    ``specifier`` is a version (``1.18.2``) or a specifier (``>=1.20,<1.25``), ``python`` is ``3.13``.
    Raises ConfigurationError: no version specifier, a dlt older than OLDEST, a Python that this dlt
    doesn't run on. uv ignores the upper bound of Requires-Python, so this is the only place that finds it.
    """
    wanted = parse(specifier, source=source)
    known = releases()
    allowed, fitting = _allowed(specifier.strip(), python)
    if allowed is None:
        if any(wanted.contains(f"1.{minor}.0") or wanted.contains(f"0.{minor}.0") for minor in range(18)):
            raise ConfigurationError(
                f"source '{source}': dlt {specifier} is older than the oldest supported, {OLDEST}",
                f"container.dlt: '>={OLDEST}'",
            )
        raise ConfigurationError(
            f"source '{source}': there is no dlt {specifier}",
            f"the newest known is {known[-1].version}: container.dlt: '=={known[-1].version}'",
        )
    if fitting is None:
        raise ConfigurationError(
            f"source '{source}': dlt {allowed.version} needs Python {allowed.python}, not Python {python}",
            f"choose a container.python in {allowed.python}, or another container.dlt",
        )
    return fitting


@functools.lru_cache(maxsize=64)
def _allowed(specifier: str, python: str) -> tuple[Release | None, Release | None]:
    """The newest release that the specifier allows, and the newest that runs on that Python too."""
    wanted = _specifiers(specifier)
    known = releases()
    allowed = [release for release in known if wanted.contains(release.version, prereleases=True)]
    if not allowed and _admits_newer(wanted, known[-1].version):
        allowed = [known[-1]]
    fitting = [r for r in allowed if SpecifierSet(r.python).contains(f"{python}.99")]
    return (allowed[-1] if allowed else None), (fitting[-1] if fitting else None)


def parse(specifier: str, *, source: str) -> SpecifierSet:
    """``==1.31.0``, ``>=1.20,<1.25`` or a bare ``1.31.0``. Raises ConfigurationError."""
    try:
        return _specifiers(specifier.strip())
    except InvalidSpecifier:
        raise ConfigurationError(
            f"source '{source}': container.dlt '{specifier}' is no version specifier",
            "write it as in a requirement: '==1.31.0' or '>=1.20,<1.25'",
        ) from None


@functools.lru_cache(maxsize=64)
def _specifiers(text: str) -> SpecifierSet:
    return SpecifierSet(f"=={text}" if text[:1].isdigit() else text)


def is_extra(release: Release, name: str) -> bool:
    """Whether ``name``, in any spelling, is an extra of this dlt."""
    return canonicalize_name(name) in release.extras


def _admits_newer(wanted: SpecifierSet, newest: str) -> bool:
    version = Version(newest)
    guesses = [f"{version.major}.{version.minor}.{version.micro + 1}"]
    guesses += [f"{version.major}.{version.minor + step}.0" for step in range(1, 60)]
    guesses += [f"{version.major + 1}.{minor}.0" for minor in range(60)]
    guesses += [item.version for item in wanted if item.operator == "==" and "*" not in item.version]
    return any(wanted.contains(guess) and Version(guess) > version for guess in guesses)
