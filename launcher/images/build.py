"""Builds the stages of the Dockerfile, each on the image of the stage below."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TypeVar

from launcher import log
from launcher.environment import duckdb_version
from launcher.environment.values import DEFAULT_DLT, RECIPE, Environment
from launcher.errors import BuildError, Exit, without_credentials
from launcher.host.files import build_lock
from launcher.images import build_errors, buildkit, contexts, logins, scratch, tags, wheels
from launcher.images.build_settings import BuildSettings, read
from launcher.images.tags import ImageOptions
from launcher.untrusted import answers, files

_SHOWN = ("Collecting", "Resolved", "Prepared", "Downloading", "Building", "Installed", "Get:", "Setting up")
"""Beginnings of the lines of pip, uv and apt that say what is going on."""

_LOCK_BYTES = 16 << 20

T = TypeVar("T")

_said: set[str] = set()
"""Notes on the host's settings that were shown: each is shown once in a launcher."""


@dataclass(eq=False)
class Builder:
    """Builds for one project. Raises BuildError, EngineError; leaves no half-made tag."""

    options: ImageOptions

    def source(self, environment: Environment, tag: str) -> None:
        """The runnable image: the environment's image, built if it is missing, and the runner."""
        below = tags.environment_tag(environment)
        if tags.inspect(self.options.client, below) is None or self.options.upgrade:
            default = self.default(environment)
            if not default_suffices(environment):
                self._environment_and_source(environment, default, tag)
                return
            self.options.client.api.tag(default, tags.ENVIRONMENT_REPOSITORY, environment.digest)
        with contexts.make(with_runner=True) as context, scratch.folder() as (installed, read_as):
            steps = buildkit.Build(
                target="packages", context=context, folder=installed, arguments={"ENVIRONMENT": below}
            )
            self._build(steps, environment)
            try:
                packages = _installed(read_as / "packages.json")
            except BuildError:
                packages = {}  # that image is there already, whoever made it
            labels = _source_labels(environment, packages)
            self._build(replace(steps, folder=None, target="source", tag=tag, labels=labels), environment)

    def _environment_and_source(self, environment: Environment, default: str, tag: str) -> None:
        """Both images, from one graph of build steps that each run once.

        First comes the file that lists what was installed, a label of the source's image; then that image,
        whose two layers the engine stores in parallel; then the environment's, which is complete by then.
        """
        started = time.monotonic()
        self.options.say(
            f"building the environment of {', '.join(environment.sources) or environment.digest}"
        )
        self._with_wheels(environment, lambda sdists: self._both(environment, default, tag, sdists))
        self.options.say(f"environment {environment.digest} is built ({time.monotonic() - started:.1f} s)")

    def _with_wheels(self, environment: Environment, build: Callable[[Sequence[str]], T]) -> T:
        """Builds from wheels alone; again, with the wheel built first, for each package that has none."""
        sdists: list[str] = []
        while True:
            try:
                return build(sdists)
            except _NoWheel as lacking:
                if lacking.name in sdists:
                    raise build_errors.interpret(lacking.lines, environment) from None
                self.options.say(f"{lacking.name} has no wheel: building it")
                sdists.append(lacking.name)

    def _both(self, environment: Environment, default: str, tag: str, sdists: Sequence[str]) -> None:
        with (
            contexts.make(
                environment,
                root=self.options.project.root,
                verified=self.options.verified,
                with_runner=True,
                sdists=sdists,
            ) as context,
            scratch.folder() as (installed, read_as),
        ):
            made = contexts.wheels_of(environment, sdists)
            steps = buildkit.Build(
                target="packages",
                context=context,
                folder=installed,
                arguments=_stages(environment, default, made),
                secrets=logins.of_clones(environment.requirements, made, self.options.environ),
                refresh=self.options.upgrade,
            )
            self._build(steps, environment)
            packages = _installed(read_as / "packages.json")
            image = replace(steps, folder=None, refresh=False)
            labels = _source_labels(environment, packages)
            self._build(replace(image, target="source", tag=tag, labels=labels), environment)
            labels = _labels("environment", environment)
            below = tags.environment_tag(environment)
            self._build(replace(image, target="environment", tag=below, labels=labels), environment)

    def lock(self, environment: Environment, texts: Mapping[str, str]) -> str:
        """uv's resolution of the environment's requirements, for all platforms.

        ``texts``: ``seed.txt`` with the pins that are preferred, ``cutoff.txt`` with the time after which no
        release counts. Raises BuildError, EngineError.
        """
        default = self.default(environment)
        return self._with_wheels(
            environment, lambda sdists: self._locked(environment, default, texts, sdists)
        )

    def _locked(
        self, environment: Environment, default: str, texts: Mapping[str, str], sdists: Sequence[str]
    ) -> str:
        if sdists and self._host.closed:
            raise BuildError(
                f"{environment.sources[0]}: {', '.join(sdists)} has no wheel, and what has none is"
                " resolved without the index that asks for a password",
                f"publish a wheel of {sdists[0]} there, or choose a version that has one",
                exit_code=Exit.USAGE,
            )
        made = contexts.wheels_of(environment, ())
        given = {**texts, "python.txt": f"{environment.python}\n"}
        with (
            contexts.make(
                environment, root=self.options.project.root, verified=self.options.verified, texts=given
            ) as context,
            scratch.folder() as (folder, read_as),
        ):
            self._build(
                buildkit.Build(
                    target="locksdists" if sdists else "lock",
                    context=context,
                    folder=folder,
                    # What an index has changes, and a branch moves.
                    arguments={**_stages(environment, default, made), "MOMENT": str(time.time_ns())},
                    secrets=logins.of_clones(environment.requirements, made, self.options.environ),
                ),
                environment,
            )
            return wheels.lock_of(_text(read_as / "lock.txt"), _text(read_as / "wheels.txt"), made.builds)

    def deploy(
        self, environment: Environment, below: str, tag: str, labels: Mapping[str, str], epoch: int
    ) -> None:
        """The source image ``below``, and the project's code."""
        project = self.options.project
        with contexts.make(root=project.root, custom_sources=project.custom_sources) as context:
            self._build(
                buildkit.Build(
                    target="deploy",
                    tag=tag,
                    context=context,
                    arguments={"SOURCE": below, "SOURCE_DATE_EPOCH": str(epoch)},
                    labels={**_labels("deploy", environment), **labels},
                ),
                environment,
            )

    def default(self, environment: Environment) -> str:
        """The image that all environments of a Python version stand on: its tag."""
        python = environment.python
        digest = contexts.default_digest(environment.base_identity, environment.platform, RECIPE)
        tag = f"{tags.DEFAULT_REPOSITORY}:{python}-{digest}"
        if tags.inspect(self.options.client, tag) is not None:
            return tag
        if environment.platform != self._native and environment.base_image.startswith("dltpod/base:"):
            raise BuildError(
                f"base image {environment.base_image} was made here, for {self._native} alone",
                f"base_image: in sources.yml names one that can be pulled for {environment.platform} too",
            )
        with build_lock(f"default-{digest}", self.options.environ, self.options.say):
            if tags.inspect(self.options.client, tag) is not None:
                return tag
            base = environment.base_image
            self.options.say(
                f"building the default environment: Python {python} on {base}, dlt {DEFAULT_DLT}"
            )
            started = time.monotonic()
            with contexts.make() as context:
                self._build(
                    buildkit.Build(
                        target="default",
                        tag=tag,
                        context=context,
                        arguments={"BASE_IMAGE": base, "PYTHON": python},
                        labels={
                            tags.LABEL_MANAGED: "1",
                            tags.LABEL_KIND: "default",
                            tags.LABEL_PYTHON: python,
                            tags.LABEL_DLT: DEFAULT_DLT,
                        },
                    ),
                    None,
                    what=f"the default environment of Python {python}",
                    platform=environment.platform,
                )
            self.options.say(f"the default environment is built ({time.monotonic() - started:.1f} s)")
        return tag

    def _build(
        self, build: buildkit.Build, environment: Environment | None, *, what: str = "", platform: str = ""
    ) -> None:
        secrets = (*self._host.secrets, *build.secrets)
        platform = platform or (environment.platform if environment is not None else "")
        build = replace(build, secrets=secrets, platform=None if platform == self._native else platform)
        try:
            self._run(build)
            return
        except buildkit.StepFailed as failed:
            if found := wheels.REFUSED.search("\n".join(failed.lines)):
                raise _NoWheel(found[1], failed.lines) from None
            if build.target != "packages" or not build_errors.offline(failed.lines):
                raise build_errors.interpret(failed.lines, environment, what=what) from None
        self.options.say("no network: trying with what the wheel cache holds")
        try:
            self._run(replace(build, secrets=_offline(secrets)))
        except buildkit.StepFailed as failed:
            raise build_errors.interpret(
                [*failed.lines, "network was disabled"], environment, what=what
            ) from None

    def _run(self, build: buildkit.Build) -> None:
        cli = self._cli  # to find it takes a moment, in which a stop may come
        if self.options.stopped():
            raise BuildError("the build was stopped")
        with log.timed("build_stage", stage=build.target, image=build.tag or None):
            buildkit.run(cli, build, self._progress)

    @cached_property
    def _cli(self) -> buildkit.Cli:
        return buildkit.find_cli(self.options.environ)

    @cached_property
    def _host(self) -> BuildSettings:
        """The host's settings; notes on them are told once."""
        settings = read(self.options.environ)
        for note in settings.notes:
            if note not in _said:
                _said.add(note)
                self.options.say(note)
        return settings

    @cached_property
    def _native(self) -> str:
        """The engine's own platform: to name it would make old builders ask for an emulator."""
        return tags.platform_of(self.options.client)

    def _progress(self, line: str) -> None:
        if self.options.verbose or line.lstrip().startswith(_SHOWN):
            self.options.say(without_credentials(line.strip()))


def _installed(file: Path) -> dict[str, str]:
    """What a build says it installed. Raises BuildError: a package's build step can write to that file."""
    try:
        return answers.packages(files.read(file, most=answers.PACKAGES_BYTES, follow=False))
    except (OSError, answers.Unfit):
        raise BuildError(
            "the build did not say what it installed: its packages.json is damaged",
            "a package that it builds writes there; `dltpod build --verbose` shows the steps",
        ) from None


def _text(file: Path) -> str:
    """What a step wrote that may have run foreign code. Raises BuildError."""
    try:
        return files.read(file, most=_LOCK_BYTES, follow=False).decode()
    except (OSError, UnicodeDecodeError):
        raise BuildError(
            "the resolution did not leave what it found", "a package that it builds writes there"
        ) from None


class _NoWheel(Exception):
    """A step that takes wheels alone found a package without one."""

    def __init__(self, name: str, lines: Sequence[str]) -> None:
        super().__init__(name)
        self.name, self.lines = name, tuple(lines)


def _stages(environment: Environment, default: str, made: wheels.Plan) -> dict[str, str]:
    """The stages' base images. A stage that would do nothing is left out, and so is its layer."""
    arguments = {"DEFAULT": default}
    if not environment.system_packages:
        arguments["SYSTEM"] = default
    if not made.builds:
        arguments["BUILT"] = default
    return arguments


def default_suffices(environment: Environment) -> bool:
    """Whether the default environment is all that this one asks for."""
    pins = {f"duckdb=={duckdb_version.FOR_OLD_PYTHON.get(environment.python, duckdb_version.DEFAULT)}"}
    return (
        environment.dlt == f"=={DEFAULT_DLT}"
        and environment.lock is None
        and not environment.verified
        and not environment.system_packages
        and not environment.local_packages
        and {item.text for item in environment.requirements} <= pins
        and set(environment.dlt_extras) <= {"duckdb", "parquet"}
    )


def _source_labels(environment: Environment, packages: Mapping[str, str]) -> dict[str, str]:
    told = json.dumps(packages, separators=(",", ":"))
    return {**_labels("source", environment), tags.LABEL_PACKAGES: told}


def _labels(kind: str, environment: Environment) -> dict[str, str]:
    return {
        tags.LABEL_MANAGED: "1",
        tags.LABEL_KIND: kind,
        tags.LABEL_ENVIRONMENT: environment.digest,
        tags.LABEL_PYTHON: environment.python,
        tags.LABEL_DLT: environment.dlt,
    }


def _offline(secrets: tuple[buildkit.Secret, ...]) -> tuple[buildkit.Secret, ...]:
    """The same secrets, with settings that keep each step off the network."""
    told = {item.name: item for item in secrets}
    for name in ("settings", "settings_open"):
        before = told[name].value if name in told else None
        told[name] = buildkit.Secret(name, value=f"{before or ''}DLTPOD_OFFLINE=1\n")
    return tuple(told.values())
