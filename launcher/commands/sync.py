"""``dltpod sync``: run sources and load their rows."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import click

from launcher.commands.common import (
    choose,
    complete_names,
    duration,
    engine_for,
    given_file,
    history_of,
    load_project,
    logged,
    with_engine,
    with_file,
    with_json,
    with_sources,
)
from launcher.console import streams
from launcher.console.stream import Stream
from launcher.errors import ConfigurationError
from launcher.runs.history import OK, PLANNED
from launcher.runs.listeners import Listener
from launcher.runs.signals import Stopper
from runner.contract import FailureKind

if TYPE_CHECKING:
    from launcher.config.models import Project, Source
    from launcher.plan.options import SyncOptions
    from launcher.runs.webhook import Notifier


@click.command("sync")
@with_sources
@click.option(
    "--source",
    "more",
    multiple=True,
    metavar="NAME",
    help="A source, as an option.",
    shell_complete=complete_names,
)
@click.option("--failed", is_flag=True, help="Of these, or of all, only those whose last run failed.")
@click.option(
    "-j",
    "--jobs",
    type=click.IntRange(1),
    default=None,
    help="How many at once; default: the processors.",
)
@click.option(
    "--full-refresh",
    is_flag=True,
    help="Start over: drop tables and cursors of these sources, nothing else.",
)
@click.option(
    "--resource", "resources", multiple=True, help="Only this resource; may be given several times."
)
@click.option(
    "--limit",
    type=click.IntRange(1),
    help="At most this many yields of each resource, into a throw-away dataset.",
)
@click.option(
    "--set", "pairs", multiple=True, metavar="KEY=VALUE", help="A keyword argument for this run only."
)
@click.option("--timeout", metavar="DURATION", help="Stop a source after this long: 90s, 30m, 2h.")
@click.option("--locked", is_flag=True, help="Refuse a source whose lock is missing or stale.")
@click.option("--fail-fast", is_flag=True, help="Stop the others after the first failure.")
@click.option("--wait", is_flag=True, help="Where a source runs already, wait for that run to end.")
@click.option("--dry-run", is_flag=True, help="Say what would run, and in which container; start nothing.")
@with_engine
@with_json
@with_file
@click.pass_context
def command(
    ctx: click.Context,
    names: tuple[str, ...],
    more: tuple[str, ...],
    everything: bool,
    tags: tuple[str, ...],
    failed: bool,
    jobs: int | None,
    full_refresh: bool,
    resources: tuple[str, ...],
    limit: int | None,
    pairs: tuple[str, ...],
    timeout: str | None,
    locked: bool,
    fail_fast: bool,
    wait: bool,
    dry_run: bool,
    engine: str,
    as_json: bool,
) -> None:
    """Run sources, each in a container of its own, and load their rows.

    Which ones has to be said: names, --tag, --all or --failed.

    Exit codes: 0 all well, 1 a source failed, 2 wrong usage or configuration, 4 others run all of it.
    """
    from launcher.plan.options import SyncOptions

    project = load_project(ctx)
    everything = everything or (failed and not (names or more or tags))
    sources = choose(project, (*names, *more), tags=tags, everything=everything)
    if failed:
        sources = _failed(project, sources, engine)
        if not sources:
            click.echo("no source's last run failed", err=True)
            return
    options = SyncOptions(
        full_refresh=full_refresh,
        resources=resources,
        limit=limit,
        set=dict(_pair(pair) for pair in pairs),
        timeout=None if timeout is None else duration("--timeout", timeout),
        locked=locked,
        dry_run=dry_run,
        engine=engine,
        jobs=jobs or _processors(),
        fail_fast=fail_fast,
        wait=wait,
        json=as_json,
    )
    run(ctx, project, sources, options)


def _failed(project: Project, sources: Sequence[Source], engine: str) -> tuple[Source, ...]:
    """Those whose last run failed, as the engine knows it of runs that went on without their launcher."""
    from launcher.runs.failing import failing
    from launcher.runs.interrupted import collect_ends

    history = history_of(project)
    if engine != "docker":
        collect_ends(engine_for(engine, project), project.name, history)
    found = failing(history, [source.name for source in sources])
    return tuple(source for source in sources if source.name in found)


def run(ctx: click.Context, project: Project, sources: Sequence[Source], options: SyncOptions) -> None:
    """Sync, show it, notify, and leave with the exit code."""
    from launcher.console.dry import Plans
    from launcher.console.summary import failure, summary
    from launcher.console.views import watching
    from launcher.runs.sync import cancel_builds, sync

    plans = Plans()
    with contextlib.ExitStack() as stack:
        listeners: list[Listener] = [plans]
        if not options.dry_run:
            stack.enter_context(logged(project))
            if (notifier := _notifier(project)) is not None:
                stack.callback(notifier.close)
                listeners.append(notifier)
        view = stack.enter_context(watching([source.name for source in sources], json=options.json))
        stopper = _AnnouncedStopper(view.announce, cancel_builds)
        outcome = sync(project, sources, options, *listeners, view, stopper=stopper)
    if isinstance(view, Stream):
        view.summary(outcome.records, outcome.exit_code)
    else:
        out, err = summary(outcome.records, file=given_file(ctx))
        if options.dry_run:
            wrong = [record for record in outcome.records if record.status not in (OK, PLANNED)]
            out, err = plans.text(), "\n\n".join(failure(record) for record in wrong)
        streams.echo(out, f"\n{err}" if out and err else err)
    ctx.exit(int(outcome.exit_code))


class _AnnouncedStopper(Stopper):
    """Tells people that their Ctrl-C was heard, and what a second one does."""

    def __init__(self, announce: Callable[[str], None], also: Callable[[], None]) -> None:
        super().__init__(also)
        self._announce = announce

    def ask(self, reason: FailureKind = FailureKind.CANCELLED) -> None:
        again = self.gentle.is_set()
        super().ask(reason)
        if self.signal is not None:
            self._announce("stopping at once" if again else "stopping gently; once more, and it is at once")


def _pair(text: str) -> tuple[str, Any]:
    """``key=value``; a value that is JSON (5, true, [1,2]) is taken as that, any other as text."""
    key, equals, value = text.partition("=")
    if not equals or not key.isidentifier():
        raise ConfigurationError(
            f"--set takes KEY=VALUE, not '{text.partition('=')[0]}'", "--set since=2024-01-01"
        )
    try:
        return key, json.loads(value)
    except ValueError:
        return key, value


def _processors() -> int:
    import os

    return max(os.cpu_count() or 1, 1)


def _notifier(project: Project) -> Notifier | None:
    if project.notify is None:
        return None
    import os

    from launcher.runs.history import History
    from launcher.runs.webhook import Notifier, webhook_url
    from launcher.secrets.gather import read_environment

    url = webhook_url(project.notify.webhook, read_environment(project, os.environ))

    def warn(text: str) -> None:
        click.echo(f"warning: {text}", err=True)

    return Notifier(url, project.name, History(project.private), warn)
