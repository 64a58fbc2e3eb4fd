"""Images: present, pulled from the registry, or built."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from launcher.environment.duckdb_version import DuckdbPins
from launcher.environment.values import Environment
from launcher.errors import BuildError
from launcher.host.files import build_lock, cache_folder, note_use
from launcher.images import base as bases
from launcher.images.tags import Image, ImageOptions, built_of, inspect, packages_of, source_tag

if TYPE_CHECKING:
    from launcher.config.models import Source
    from launcher.images.base import Base
    from launcher.secrets.gather import Drivers


@dataclass(eq=False)
class DockerImages:
    """Images of one project on a Docker Engine."""

    options: ImageOptions
    _bases: dict[str, Base | BuildError] = field(default_factory=dict)
    """By Python version: what was found, or why there is none."""
    _duckdbs: DuckdbPins | None = None

    def __post_init__(self) -> None:
        self._duckdbs = self._duckdbs or DuckdbPins(self.options.project)

    def with_options(self, **changes: Any) -> DockerImages:
        """The same with other ``options`` (by their names); what one has found the other knows, too."""
        return replace(self, options=replace(self.options, **changes))

    def describe(
        self, source: Source, *, reached: Drivers | None = None, platform: str = "linux/amd64"
    ) -> Environment:
        """The source's environment on this engine. Raises what ``environment.describe`` and ``base`` do.

        ``reached`` is what drivers are needed for (``Part.drivers``), where that is known already.
        """
        from launcher.environment.describe import describe, drivers_of

        options = self.options
        base = self.base(source.container.python)
        return describe(
            options.project,
            source,
            base_image=base.reference,
            base_identity=base.identity,
            platform=platform,
            reached=reached or drivers_of(options.project, source, options.environ),
            verified=options.verified,
            locked=options.locked,
            duckdbs=self._duckdbs,
        )

    def base(self, python: str) -> Base:
        """The base image for a Python version, looked for once. Raises BuildError, EngineError."""
        if python not in self._bases:
            try:
                self._bases[python] = self._find_base(python)
            except BuildError as failed:
                self._bases[python] = failed
        found = self._bases[python]
        if isinstance(found, BuildError):
            raise found
        return found

    def _find_base(self, python: str) -> Base:
        options = self.options
        by_digest = options.project.registry or not options.pull
        return bases.find(
            options.client,
            options.project.base_image,
            python,
            options.say,
            newer=options.upgrade,
            record=cache_folder(options.environ) / "bases" if by_digest else None,
        )

    def ensure(self, environment: Environment) -> Image:
        """The image for an environment: the one that is there, else pulled, else built.

        An image that is there costs one question to the engine, and no network.
        Raises BuildError, EngineError, ConfigurationError.
        """
        options = self.options
        for note in environment.notes:
            options.say(note)
        reference = source_tag(environment)
        found = None if options.upgrade else inspect(options.client, reference)
        if found:
            image = Image(reference, environment, packages_of(found))
        else:
            image = self._make(reference, environment)
        note_use(reference, options.environ)
        return image

    def _make(self, reference: str, environment: Environment) -> Image:
        from launcher.images.build import Builder
        from launcher.images.registry import present_or_pulled

        options = self.options
        with build_lock(environment.digest, options.environ, options.say):
            if not options.upgrade:
                found = present_or_pulled(options, reference)
                if found is not None:
                    return Image(reference, environment, packages_of(found))
            Builder(options).source(environment, reference)
        return built_of(options.client, reference, environment)


def distinct(described: Sequence[Environment]) -> tuple[Environment, ...]:
    """Equal environments as one, with all their sources' names."""
    found: dict[str, Environment] = {}
    for item in described:
        if (known := found.get(item.digest)) is not None:
            item = replace(known, sources=(*known.sources, *item.sources), notes=(*known.notes, *item.notes))
        found[item.digest] = item
    return tuple(found.values())
