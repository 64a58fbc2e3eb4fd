"""What several commands share: finding the project, choosing sources, asking an engine."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from launcher.console.streams import with_log_shown
from launcher.errors import ConfigurationError, DltpodError
from launcher.untrusted import clean

if TYPE_CHECKING:
    from launcher.config.models import Project, Source
    from launcher.engines.protocol import Engine
    from launcher.runs.history import History

F = TypeVar("F", bound=Callable[..., Any])

ENGINES = ("docker", "kubernetes")


def _remember_file(ctx: click.Context, _: click.Parameter, value: str | None) -> str | None:
    root = ctx.find_root()
    root.ensure_object(dict)
    if value is not None:
        root.obj["file"] = value
    return value


def _debug(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    if value:
        os.environ["DLTPOD_DEBUG"] = "1"


def with_file(command: F) -> F:
    """``-f/--file``, ``-v`` and ``--debug`` after the command's name too, where people write them."""
    command = click.option("--debug", is_flag=True, expose_value=False, callback=_debug, hidden=True)(command)
    command = with_log_shown(command, hidden=True)
    return click.option(
        "-f",
        "--file",
        metavar="PATH",
        expose_value=False,
        callback=_remember_file,
        help="sources.yml; else DLTPOD_FILE, else looked for from here upward.",
    )(command)


def with_sources(command: F) -> F:
    """NAMES, ``--all`` and ``--tag``: the parameters ``names``, ``everything`` and ``tags``."""
    command = click.option(
        "--tag", "tags", multiple=True, help="Sources with this tag; may be given several times."
    )(command)
    command = click.option("--all", "everything", is_flag=True, help="All enabled sources.")(command)
    return click.argument("names", nargs=-1, shell_complete=complete_names)(command)


def with_json(command: F) -> F:
    """``--json``: the parameter ``as_json``."""
    return click.option("--json", "as_json", is_flag=True, help="JSON on standard output.")(command)


def complete_names(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    """For the shell: the sources whose names begin so. None where the project can't be read."""
    root = ctx.find_root()
    root.obj = {"file": given_file(ctx) or root.params.get("file")}
    try:
        names = [source.name for source in load_project(ctx).sources]
    except (DltpodError, OSError):
        return []
    return [name for name in names if name.startswith(incomplete)]


def with_engine(command: F) -> F:
    """``--engine``: the parameter ``engine``."""
    return click.option(
        "--engine",
        type=click.Choice(ENGINES),
        default="docker",
        show_default=True,
        help="What runs the jobs.",
    )(command)


def given_file(ctx: click.Context) -> str | None:
    """What ``--file`` says, None where it isn't given."""
    found: str | None = (ctx.find_root().obj or {}).get("file")
    return found


def load_project(ctx: click.Context) -> Project:
    """The project that ``--file``, DLTPOD_FILE or the folder name. Raises ConfigurationError.

    From here on to the command's end, another's root has the rights of the project's owner on files.
    """
    from launcher import config
    from launcher.host import rights

    file = config.find_file(Path.cwd(), given_file(ctx), os.environ)
    ctx.find_root().with_resource(rights.rights(config.root_of(file)))
    return config.load(file)


def choose(
    project: Project, names: Sequence[str], *, tags: Sequence[str] = (), everything: bool = False
) -> tuple[Source, ...]:
    """The sources that are asked for. Raises ConfigurationError: unknown, disabled, none."""
    from launcher import config

    return tuple(config.select(project, names=tuple(names), tags=tuple(tags), all=everything))


def choose_or_all(
    project: Project, names: Sequence[str], *, tags: Sequence[str], everything: bool
) -> tuple[Source, ...]:
    """The same for a command that starts no run: where nothing is asked for, all enabled sources."""
    return choose(project, names, tags=tags, everything=everything or not (names or tags))


def check_known(project: Project, names: Sequence[str], tags: Sequence[str] = ()) -> None:
    """Raise ConfigurationError, with the near misses, for names and tags that sources.yml doesn't have."""
    from launcher import config

    config.check_known(project, names, tags)


@contextlib.contextmanager
def logged(project: Project) -> Iterator[None]:
    """Inside, the launcher's own log is written in the project. That it can't be is said once, at the end."""
    from launcher import log

    file = project.private / "logs" / "dltpod.jsonl"
    try:
        with log.opened(file) as kept:
            try:
                yield
            except Exception as error:
                log.event("failed", level="warning", error=log.described(error))
                raise
    finally:
        if kept.problem:
            click.echo(f"warning: lines are missing in {file}: {kept.problem}", err=True)


def engine_for(name: str, project: Project) -> Engine:
    """The engine of that name, connected. Raises EngineError."""
    from launcher.engines import choose as engines
    from launcher.host.launchers import Launchers

    return engines.make_engine(name, project, alive=Launchers(project.private).alive, environ=os.environ)


def duration(option: str, text: str) -> float:
    """Seconds of ``30m`` and the like. Raises ConfigurationError that names the option."""
    from launcher.config.units import parse_duration

    try:
        return parse_duration(text)
    except ValueError as error:
        raise ConfigurationError(f"{option}: '{text}' {error}") from None


def moment(option: str, text: str) -> str:
    """A time of history, RFC 3339 in UTC: ``2h`` is so long ago, a date or a time is this machine's own.

    Raises ConfigurationError that names the option.
    """
    from datetime import datetime, timedelta, timezone

    from launcher.config.units import parse_duration

    try:
        then = datetime.now(timezone.utc) - timedelta(seconds=parse_duration(text))
    except (ValueError, OverflowError):
        try:
            then = datetime.fromisoformat(text.strip().replace("Z", "+00:00")).astimezone(timezone.utc)
        except (ValueError, OverflowError):
            raise ConfigurationError(
                f"{option}: '{text}' is neither so long ago nor a time",
                f'{option} 24h, or "2026-01-31 08:00"',
            ) from None
    return then.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def history_of(project: Project) -> History:
    """The project's history to read, in which the runs of launchers that were killed are interrupted."""
    from launcher.host.launchers import Launchers
    from launcher.runs.history import History

    return History(project.private, Launchers(project.private).alive)


def echo_json(value: Any) -> None:
    """One JSON document on standard output."""
    click.echo(clean.json_text(value, indent=2))


def echo_errors(errors: Iterable[tuple[str, DltpodError | None]]) -> None:
    """What went wrong with some sources, by name, after what is said of the others."""
    for name, error in errors:
        if error is not None:
            whose = "" if re.search(rf"\b{re.escape(name)}\b", error.message) else f"source '{name}': "
            hint = f"\n  hint: {error.hint}" if error.hint else ""
            click.echo(f"\nerror: {whose}{error.message}{hint}", err=True)
