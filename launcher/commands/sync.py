"""``dltpod sync``: run sources and load their rows."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import click

from launcher.commands import common
from launcher.console import streams
from launcher.console.stream import Stream
from launcher.errors import ConfigurationError, Exit
from launcher.host import processes
from launcher.runs.history import OK, PLANNED
from launcher.runs.listeners import Listener
from launcher.runs.signals import Stopper
from runner.contract import INTERVAL_VARIABLES

if TYPE_CHECKING:
    from launcher.plan.options import SyncOptions


def _pairs(_: click.Context, __: click.Parameter, pairs: tuple[str, ...]) -> dict[str, Any]:
    """``key=value``; a value that is JSON (5, true, [1,2]) is taken as that, any other as text."""
    found: dict[str, Any] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key.isidentifier():
            raise ConfigurationError(f"--set takes KEY=VALUE, not '{key}'", "--set since=2024-01-01")
        try:
            found[key] = json.loads(value)
        except ValueError:
            found[key] = value
    return found


def _timeout(_: click.Context, __: click.Parameter, text: str | None) -> float | None:
    return None if text is None else common.duration("--timeout", text)


# The names of the options that are not named in ``command`` are those of SyncOptions.
@click.command("sync")
@common.with_sources
@click.option(
    "--source",
    "more",
    multiple=True,
    metavar="NAME",
    help="The same as NAME. Can be given several times.",
    shell_complete=common.complete_names,
)
@click.option("--failed", is_flag=True, help="Only sources whose last run failed. Default: of all sources.")
@common.with_jobs("sources to run")
@click.option(
    "--full-refresh", is_flag=True, help="Drop the tables and cursors of these sources first, and reload all."
)
@click.option(
    "--resource",
    "resources",
    metavar="NAME",
    multiple=True,
    help="Only this resource. Can be given several times.",
)
@click.option(
    "--limit",
    type=common.Number(),
    help="Load at most this many yields of each resource, into a separate, throw-away dataset.",
)
@click.option(
    "--from",
    "start",
    metavar="DATE",
    envvar=INTERVAL_VARIABLES[0],
    help="Load rows whose cursor is at or after this time, instead of new rows. UTC unless it has an offset.",
)
@click.option(
    "--to", "end", metavar="DATE", envvar=INTERVAL_VARIABLES[1], help="Where --from ends; exclusive."
)
@click.option("--every", metavar="DURATION", help="Load --from to --to in steps of this length: 1d, 6h.")
@click.option("--again", is_flag=True, help="Also load steps that were loaded before.")
@click.option(
    "--set",
    multiple=True,
    metavar="KEY=VALUE",
    callback=_pairs,
    help="A keyword argument of the source, for this run only. Can be given several times.",
)
@click.option(
    "--timeout", metavar="DURATION", callback=_timeout, help="Stop a source after this time: 90s, 30m, 2h."
)
@common.with_locked
@click.option("--fail-fast", is_flag=True, help="Stop the other sources after the first failure.")
@click.option("--wait", is_flag=True, help="If a source is already running, wait until that run ends.")
@click.option("--dry-run", is_flag=True, help="Show what would run, and in which container. Start nothing.")
@common.with_engine
@common.with_json
@common.with_project
def command(
    project: common.Project,
    /,
    names: tuple[str, ...],
    more: tuple[str, ...],
    everything: bool,
    tags: tuple[str, ...],
    failed: bool,
    start: str | None,
    end: str | None,
    every: str | None,
    as_json: bool,
    **chosen: Any,
) -> Exit:
    """Run sources, each in its own container, and load their rows.

    Choose sources by NAME, --tag, --all or --failed.

    Exit codes: 0 success, 1 a source failed, 2 wrong usage or configuration, 4 all are already running.
    """
    from launcher.plan.options import SyncOptions
    from launcher.plan.steps import steps

    everything = everything or (failed and not (names or more or tags))
    sources = common.choose(project, (*names, *more), tags=tags, everything=everything)
    beside = {name: chosen[name] for name in ("again", "full_refresh", "limit")}
    planned = steps(start, end, every, datetime.now(timezone.utc), **beside)
    options = SyncOptions(**chosen, steps=planned)
    if failed:
        sources = _failed(project, sources, options.engine)
        if not sources:
            click.echo("no source's last run failed", err=True)
            return Exit.OK
    return run(project, sources, options, as_json=as_json)


def _failed(
    project: common.Project, sources: Sequence[common.Source], engine: str
) -> tuple[common.Source, ...]:
    """The sources whose last run failed. Asks the engine how runs ended whose launcher was killed."""
    from launcher.runs.history import failing
    from launcher.runs.interrupted import collect_ends

    history = common.history_of(project)
    if engine != "docker":
        collect_ends(common.engine_for(engine, project), project.name, history)
    found = failing(history, [source.name for source in sources])
    return tuple(source for source in sources if source.name in found)


def run(
    project: common.Project, sources: Sequence[common.Source], options: SyncOptions, *, as_json: bool
) -> Exit:
    """Sync, show progress, notify. The exit code."""
    from launcher.console.dry import Plans
    from launcher.console.summary import failure, summary
    from launcher.console.views import watching
    from launcher.runs.sync import sync
    from launcher.runs.webhook import notified

    plans = Plans()
    faults: Mapping[str, ConfigurationError] = {}
    if options.dry_run:
        from launcher.check.all_rows import faults_of_code

        faults = faults_of_code(project, sources, os.environ, common.say)
    with contextlib.ExitStack() as stack:
        listeners: list[Listener] = [plans]
        if not options.dry_run:
            stack.enter_context(common.logged(project))
            listeners += notified(project, stack, lambda text: click.echo(f"warning: {text}", err=True))
        names = [source.name for source in sources]
        view = stack.enter_context(watching(names, json=as_json, dry_run=options.dry_run))

        def stopping() -> None:
            processes.cancel_all()
            if stopper.signal is not None:
                again = stopper.hard.is_set()
                view.announce("stopping now" if again else "stopping gently; press again to stop now")

        stopper = Stopper(stopping)
        listeners.append(view)
        outcome = sync(project, sources, options, *listeners, stopper=stopper, faults=faults)
    if isinstance(view, Stream):
        view.summary(outcome.records, outcome.exit_code)
    else:
        out, err = summary(outcome.records, file=common.given_file())
        if options.dry_run:
            wrong = [record for record in outcome.records if record.status not in (OK, PLANNED)]
            out, err = plans.text(), "\n\n".join(failure(record) for record in wrong)
        streams.echo(out, f"\n{err}" if out and err else err)
    return outcome.exit_code
