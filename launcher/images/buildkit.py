"""Builds by BuildKit, through the docker CLI: the docker SDK has no BuildKit."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from launcher.errors import EngineError
from launcher.host import processes
from launcher.host.rights import as_invoking_user
from launcher.images import contexts
from launcher.untrusted import clean

_PROXIES = ("http_proxy", "https_proxy", "no_proxy", "all_proxy", "ftp_proxy")
"""BuildKit passes build arguments of these names to steps, and keeps them out of cache keys and history."""


@dataclass(frozen=True)
class Cli:
    """A docker command that can do BuildKit, and the environment to call it with."""

    path: str
    environment: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True)
class Secret:
    """Something that one build step may read. By ``file``, or by ``value``, which no file ever holds."""

    name: str
    file: Path | None = None
    value: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Build:
    """One call of the builder: a stage of the Dockerfile to a tag, or to a folder."""

    target: str
    context: Path
    tag: str = ""
    folder: Path | None = None
    """Where the stage's files go, instead of an image of it."""
    arguments: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    secrets: Sequence[Secret] = ()
    platform: str | None = None
    refresh: bool = False
    """Take nothing from the builder's cache of layers."""


class StepFailed(Exception):
    """The builder ended with an error. ``lines``: what the steps printed, then the builder's own."""

    def __init__(self, lines: Sequence[str]) -> None:
        super().__init__("\n".join(lines[-5:]))
        self.lines = tuple(lines)


@as_invoking_user()
def find_cli(environ: Mapping[str, str]) -> Cli:
    """The first ``docker`` on PATH that can do BuildKit.

    A CLI of 23 or later needs the buildx plugin; Debian's 20.10 has BuildKit built in. Raises EngineError.
    """
    seen: set[str] = set()
    found: list[str] = []
    for folder in environ.get("PATH", os.defpath).split(os.pathsep):
        path = os.path.join(folder or ".", "docker")  # noqa: PTH118
        real = os.path.realpath(path)
        if real in seen or not os.access(path, os.X_OK) or not Path(path).is_file():
            continue
        seen.add(real)
        version = _output([path, "--version"], environ)
        match = re.search(r"(?:Docker|docker) version (\d+)", version)
        if match is None:
            continue
        if int(match[1]) < 23 or "buildx" in _output([path, "buildx", "version"], environ):
            kept = {k: v for k, v in environ.items() if k not in ("BUILDX_BUILDER", "BUILDKIT_PROGRESS")}
            quiet = {"DOCKER_SCAN_SUGGEST": "false", "DOCKER_CLI_HINTS": "false"}
            return Cli(path, {**kept, **quiet, "DOCKER_BUILDKIT": "1"})
        found.append(f"{path} ({match[1]}, without buildx)")
    if found:
        raise EngineError(
            f"no docker command can do BuildKit: {', '.join(found)}",
            "install the buildx plugin (Debian: apt-get install docker-buildx; else docker-buildx-plugin)",
        )
    raise EngineError(
        "no docker command on PATH", "install the Docker CLI (Debian: apt-get install docker.io)"
    )


def run(cli: Cli, build: Build, progress: Callable[[str], None]) -> None:
    """Do one build. ``progress`` hears of each line that its steps print, as it comes.

    Raises StepFailed where the builder ends with an error, EngineError where it could not begin.
    Whatever ends this call, Ctrl-C too, the builder's processes end with it and no tag is made.
    """
    environment = dict(cli.environment)
    command = [cli.path, "build", "--progress=plain", "--target", build.target]
    command += ["-t", build.tag] if build.folder is None else ["-o", f"type=local,dest={build.folder}"]
    command += ["-f", str(contexts.dockerfile())]
    for name, value in build.arguments.items():
        command += ["--build-arg", f"{name}={value}"]
    for name in (variant for proxy in _PROXIES for variant in (proxy, proxy.upper())):
        if environment.get(name):
            # Without a value: the CLI takes it from its own environment, so that no process list shows it.
            command += ["--build-arg", name]
    for name, value in build.labels.items():
        command += ["--label", f"{name}={value}"]
    for secret in build.secrets:
        if secret.file is not None:
            command += ["--secret", f"id={secret.name},src={secret.file}"]
        elif secret.value is not None:
            variable = f"DLTPOD_BUILD_{secret.name.upper()}"
            environment[variable] = secret.value
            command += ["--secret", f"id={secret.name},env={variable}"]
    if build.platform is not None:
        command += ["--platform", build.platform]
    if build.refresh:
        command.append("--no-cache")
    command.append(str(build.context))
    with _process(command, environment) as process:
        assert process.stdout is not None
        printed: list[str] = []
        everything: list[str] = []
        for raw in process.stdout:
            line = clean.line(raw.rstrip("\n"))
            everything.append(line)
            del everything[:-400]
            step = re.match(r"#\d+ (?:\d+\.\d+ )(.*)", line)
            if step:
                printed.append(step[1])
                progress(step[1])
    if process.returncode != 0:
        if not printed and any("daemon" in line and "connect" in line for line in everything):
            raise EngineError(
                "the Docker Engine does not answer", "start it (systemctl start docker), or set DOCKER_HOST"
            )
        builder = [line for line in everything if not re.match(r"#\d+ ", line) and line.strip()]
        steps = [
            re.sub(r"^#\d+ ", "", line) for line in everything if re.match(r"#\d+ (ERROR|.*error)", line)
        ]
        raise StepFailed([*(printed or steps), *builder])


@contextlib.contextmanager
def _process(command: Sequence[str], environment: Mapping[str, str]) -> Iterator[subprocess.Popen[str]]:
    """The builder, which has ended afterwards. ``processes.cancel_all`` makes it end with an error."""
    try:
        with as_invoking_user():
            process = processes.start(command, signal.SIGINT, env=dict(environment), stderr=subprocess.STDOUT)
    except OSError as error:
        raise EngineError(
            f"{command[0]} can't be started: {error.strerror}", "check the docker CLI"
        ) from None
    try:
        yield process
        process.wait()
    except BaseException:
        _end(process)
        raise
    finally:
        if process.stdout is not None:
            process.stdout.close()


def _end(process: subprocess.Popen[str]) -> None:
    """Asks the builder to cancel, which makes the engine drop the step's container; then insists."""
    for number, seconds in ((signal.SIGINT, 10.0), (signal.SIGKILL, 5.0)):
        processes.send(process, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.communicate(timeout=seconds)
            return


def _output(command: Sequence[str], environ: Mapping[str, str]) -> str:
    try:
        done = subprocess.run(
            command, env=dict(environ), capture_output=True, timeout=20, check=False, errors="replace"
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode == 0 else ""
