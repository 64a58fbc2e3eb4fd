"""What several commands share: options, finding the project, choosing sources, connecting to an engine."""

from __future__ import annotations

import contextlib
import functools
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from launcher.errors import ConfigurationError, DltpodError, did_you_mean
from launcher.untrusted import clean

if TYPE_CHECKING:
    # ``X as X`` re-exports them as types for the commands; importing them would slow ``--help``.
    from launcher.config.models import Project as Project
    from launcher.config.models import Source as Source
    from launcher.engines.docker.engine import DockerEngine
    from launcher.engines.protocol import Engine
    from launcher.plan.values import JobPlan
    from launcher.runs.history import History

F = TypeVar("F", bound=Callable[..., Any])


def _remember_file(ctx: click.Context, _: click.Parameter, value: str | None) -> None:
    if value is not None:
        ctx.find_root().obj = value


def _debug(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    if value:
        os.environ["DLTPOD_DEBUG"] = "1"


def _show_log(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    """``-v`` and DLTPOD_LOG: show the launcher's own log on standard error until the command ends."""
    level = os.environ.get("DLTPOD_LOG", "") or ("info" if value else "")
    if not level:
        return
    from launcher import log
    from launcher.console.text import coloured

    if level not in log.LEVELS:
        raise ConfigurationError(
            f"DLTPOD_LOG is '{level}'{did_you_mean(level, log.LEVELS)}", f"it takes {', '.join(log.LEVELS)}"
        )
    if not log.shown():
        ctx.find_root().with_resource(log.opened(terminal=log.Terminal(level, coloured(sys.stderr))))


def complete_names(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    """Shell completion of source names; empty where the project can't be read."""
    with ctx.scope(cleanup=False):
        try:
            names = [source.name for source in load_project().sources]
        except (DltpodError, OSError):
            return []
    return [name for name in names if name.startswith(incomplete)]


with_names = click.argument("names", nargs=-1, shell_complete=complete_names)
with_tags = click.option(
    "--tag", "tags", metavar="TAG", multiple=True, help="Sources with this tag. Can be given several times."
)
with_json = click.option("--json", "as_json", is_flag=True, help="Print JSON on standard output.")
with_locked = click.option(
    "--locked", is_flag=True, help="Fail if a source's lock is missing or out of date."
)
with_engine = click.option(
    "--engine",
    type=click.Choice(("docker", "kubernetes")),
    default="docker",
    show_default=True,
    help="Where jobs run.",
)


def with_common_options(command: F, *, hidden: bool = True) -> F:
    """``-f/--file``, ``-v`` and ``--debug``; ``hidden`` keeps the last two out of the command's help."""
    for name, callback, told in (
        ("--debug", _debug, "Show tracebacks. The same as DLTPOD_DEBUG=1."),
        ("-v", _show_log, "Log what dltpod does to standard error. DLTPOD_LOG=debug logs more."),
    ):
        flag = click.option(
            name, is_flag=True, expose_value=False, callback=callback, hidden=hidden, help=told
        )
        command = flag(command)
    return click.option(
        "-f",
        "--file",
        metavar="PATH",
        expose_value=False,
        callback=_remember_file,
        help="sources.yml. Default: DLTPOD_FILE, else the nearest one in this folder or a parent folder.",
    )(command)


def with_project(command: Callable[..., Any]) -> Callable[..., Any]:
    """``with_common_options``, and ``load_project``'s project as the command's first argument."""

    @functools.wraps(command)
    def loaded(**given: Any) -> Any:
        return command(load_project(), **given)

    return with_common_options(loaded)


def with_sources(command: F) -> F:
    """NAMES, ``--all`` and ``--tag``: the parameters ``names``, ``everything`` and ``tags``."""
    everything = click.option("--all", "everything", is_flag=True, help="All enabled sources.")
    return with_names(everything(with_tags(command)))


class Number(click.ParamType):  # type: ignore[type-arg]  # generic in newer versions of click alone
    """A number of at least ``least``, at most ``most``; a whole one, unless ``kind`` is float."""

    name = "n"

    def __init__(self, least: int = 1, most: int | None = None, kind: type[int] | type[float] = int) -> None:
        self._least, self._most, self._kind = least, most, kind

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            number = self._kind(value)
        except ValueError:
            number = None
        if number is None or not self._least <= number <= (self._most or number):
            whole = "whole " if self._kind is int else ""
            legal = f"from {self._least} to {self._most}" if self._most else f"of at least {self._least}"
            self.fail(f"'{value}' is not a {whole}number {legal}.", param, ctx)
        return number


def with_jobs(what: str) -> Callable[[F], F]:
    """``-j/--jobs``: the parameter ``jobs``, by default the number of CPUs."""
    return click.option(
        "-j",
        "--jobs",
        type=Number(),
        default=lambda: os.cpu_count() or 1,
        help=f"How many {what} at the same time. Default: the number of CPUs.",
    )


def given_file() -> str | None:
    """The value of ``--file``, None where it isn't given."""
    found: str | None = click.get_current_context().find_root().obj
    return found


def load_project() -> Project:
    """The project that ``--file``, DLTPOD_FILE or the folder names. Raises ConfigurationError.

    If root runs dltpod in another user's project, files are from here on accessed with the owner's rights.
    """
    from launcher import config
    from launcher.host import rights

    file = config.find_file(Path.cwd(), given_file(), os.environ)
    click.get_current_context().find_root().with_resource(rights.rights(config.root_of(file)))
    return config.load(file)


def choose(
    project: Project, names: Sequence[str], *, tags: Sequence[str] = (), everything: bool = False
) -> tuple[Source, ...]:
    """The sources that are asked for. Raises ConfigurationError: unknown, disabled, none."""
    from launcher import config

    return config.select(project, names, tags, everything)


def choose_or_all(
    project: Project, names: Sequence[str], *, tags: Sequence[str], everything: bool
) -> tuple[Source, ...]:
    """As ``choose``, for commands that start no run: all enabled sources where nothing is asked for."""
    return choose(project, names, tags=tags, everything=everything or not (names or tags))


def check_known(project: Project, names: Sequence[str], tags: Sequence[str] = ()) -> None:
    """Raise ConfigurationError, with near misses, for names and tags that are not in sources.yml."""
    from launcher import config

    config.check_known(project, names, tags)


@contextlib.contextmanager
def logged(project: Project) -> Iterator[None]:
    """Within the block, the launcher's own log is written to the project. Warns at the end if that failed."""
    from launcher import log

    file = project.private / log.FILE
    try:
        with log.opened(file) as kept:
            try:
                yield
            except Exception as error:
                command = click.get_current_context().info_name
                log.event("failed", level="warning", command=command, error=log.described(error))
                raise
    finally:
        if kept.problem:
            click.echo(f"warning: lines are missing in {file}: {kept.problem}", err=True)


def engine_for(name: str, project: Project) -> Engine:
    """The engine of that name, connected. Raises EngineError."""
    from launcher.engines import choose as engines
    from launcher.host.launchers import Launchers

    return engines.make_engine(name, project, alive=Launchers(project.private).alive, environ=os.environ)


def docker_engine() -> DockerEngine:
    """The Docker engine, for commands that neither list nor clear what runs there."""
    from launcher.engines.docker.engine import DockerEngine
    from launcher.host.launchers import unknown

    return DockerEngine(environ=os.environ, alive=unknown)


class NotBuilt(DltpodError):
    """A source's image is missing, and was not to be built."""


def inspection_plan(project: Project, source: Source, *, build: bool = True) -> tuple[DockerEngine, JobPlan]:
    """The Docker engine and the source's plan, for commands that look into its container.

    A missing image is built; without ``build``, it raises NotBuilt. Raises ConfigurationError, BuildError,
    EngineError.
    """
    from launcher.images.tags import inspect
    from launcher.plan.options import SyncOptions
    from launcher.runs import host
    from launcher.runs.planning import gather, plan_source

    engine = docker_engine()
    gathered = gather(project, SyncOptions(dry_run=not build), engine, os.environ)
    plan = plan_source(gathered, source, say)
    if not build and inspect(engine.client, plan.container.image) is None:
        raise NotBuilt(f"{source.name} has no image on this engine", f"`dltpod build {source.name}`")
    host.prepare(plan, project.data)
    return engine, plan


def duration(option: str, text: str) -> float:
    """Seconds of ``30m`` and the like. Raises ConfigurationError that names the option."""
    from launcher.config.units import parse_duration

    try:
        return parse_duration(text)
    except ValueError as error:
        raise ConfigurationError(f"{option}: '{text}' {error}") from None


def moment(option: str, text: str) -> str:
    """A start time as history keeps it (RFC 3339, UTC): ``2h`` is two hours ago, a date or time is local.

    Raises ConfigurationError that names the option.
    """
    from datetime import datetime, timedelta, timezone

    from launcher import log
    from launcher.config.units import parse_duration

    try:
        then = datetime.now(timezone.utc) - timedelta(seconds=parse_duration(text))
    except (ValueError, OverflowError):
        try:
            then = datetime.fromisoformat(text.strip().replace("Z", "+00:00")).astimezone(timezone.utc)
        except (ValueError, OverflowError):
            raise ConfigurationError(
                f"{option}: '{text}' is neither a duration nor a date or time",
                f'{option} 24h, or "2026-01-31 08:00"',
            ) from None
    return log.timestamp(then)


def history_of(project: Project) -> History:
    """The project's history, for reading. Runs whose launcher was killed count as interrupted."""
    from launcher.host.launchers import Launchers
    from launcher.runs.history import History

    return History(project.private, Launchers(project.private).alive)


def say(text: str) -> None:
    """A line on standard error, and in the launcher's own log where that is open."""
    from launcher import log

    log.event("say", text=text)
    if not log.shown():
        click.echo(text, err=True)


def echo_json(value: Any) -> None:
    """One JSON document on standard output."""
    click.echo(clean.json_text(value, indent=2))


def echo_errors(errors: Iterable[tuple[str, DltpodError | None]]) -> None:
    """Print errors with their hints on standard error, each with the name of its source; None is no error."""
    for name, error in errors:
        if error is not None:
            whose = "" if re.search(rf"\b{re.escape(name)}\b", error.message) else f"source '{name}': "
            hint = f"\n  hint: {error.hint}" if error.hint else ""
            click.echo(f"\nerror: {whose}{error.message}{hint}", err=True)
