"""``dltpod render``: files for other tools that run the sources."""

from __future__ import annotations

import contextlib
import os
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, TypeVar

import click

from launcher.commands import common
from launcher.errors import ConfigurationError, DltpodError, Exit
from launcher.host import rights

if TYPE_CHECKING:
    from launcher.plan.values import JobPlan
    from launcher.render.kustomization import RenderedFile

T = TypeVar("T")
KINDS = ("kubernetes", "compose", "ci", "cron")


@click.command("render")
@click.argument("kind", type=click.Choice(KINDS))
@common.with_sources
@click.option(
    "-o", "--output", metavar="PATH", help="A folder for kubernetes, else a file. Default: standard output."
)
@click.option(
    "--with-secrets",
    is_flag=True,
    help="kubernetes: include Secrets with their values. Keep them out of git.",
)
@common.with_project
def command(
    project: common.Project,
    kind: str,
    names: tuple[str, ...],
    everything: bool,
    tags: tuple[str, ...],
    output: str | None,
    with_secrets: bool,
) -> Exit:
    """Write Kubernetes manifests, a Compose file, a GitHub Actions workflow or a crontab.

    For the named sources. Default: all enabled sources; those that can't be rendered are then left out,
    and the exit code is 2. For kubernetes, disabled sources are rendered too, suspended.
    """
    if with_secrets and kind != "kubernetes":
        raise ConfigurationError("--with-secrets is for kubernetes", "the others never hold secret values")
    place = None if output is None else Path(output).absolute()
    earlier = _earlier_files(place) if kind == "kubernetes" else []
    sources = _disabled(project, earlier, place) if kind == "kubernetes" and not (names or tags) else ()
    if not sources or any(source.enabled for source in project.sources):
        sources = (*common.choose_or_all(project, names, tags=tags, everything=everything), *sources)
    if kind == "ci":
        from launcher.render import ci

        folder = _folder_in_repository(project.root)
        return _put_file(ci.render(project, sources, folder=folder), place)
    if kind == "cron":
        from launcher.console.summary import own_command
        from launcher.render import cron

        return _put_file(cron.render(project, sources, command=own_command(anywhere=True)), place)
    if kind == "compose":
        return _compose(project, sources, place, names)
    return _kubernetes(project, sources, place, names, earlier, with_secrets=with_secrets)


def _kubernetes(
    project: common.Project,
    sources: Sequence[common.Source],
    place: Path | None,
    names: Sequence[str],
    earlier: Sequence[RenderedFile],
    *,
    with_secrets: bool,
) -> Exit:
    """Write the manifests. USAGE where sources had to be left out."""
    from launcher.render import kubernetes, kustomization

    def make(plan: JobPlan) -> kubernetes.Made:
        return kubernetes.make(told(plan) if with_secrets else plan, with_secrets=with_secrets)

    told = _with_webhook(project)
    made, faults = _planned(project, sources, "kubernetes", names, make)
    _warn_of_removed(project, earlier, place)
    others = {source.name for source in project.sources} - {each.source for each in made}
    kept = kustomization.kept(earlier, project.name, others)
    _put_files(kubernetes.together(made, kept), place)
    return Exit.USAGE if faults else Exit.OK


def _compose(
    project: common.Project, sources: Sequence[common.Source], place: Path | None, names: Sequence[str]
) -> Exit:
    """Write the Compose file. USAGE where sources had to be left out."""
    from launcher.render import compose
    from launcher.runs import host

    def make(plan: JobPlan) -> compose.Made:
        return compose.make(told(plan), project.root, folder)

    told = _with_webhook(project)
    folder, file = (project.root, "compose.yml") if place is None else (place.parent, place.name)
    made, faults = _planned(project, sources, "compose", names, make)
    for each in made:
        # The folders that services write to: an engine would make them for root, or refuse to start.
        host.prepare(each.plan, project.data)
    _put_file(compose.together(made, root=project.root, file=file), place)
    return Exit.USAGE if faults else Exit.OK


def _with_webhook(project: common.Project) -> Callable[[JobPlan], JobPlan]:
    """Puts the webhook's address among a plan's secrets."""
    from launcher.runs.webhook import for_own_runs
    from launcher.secrets.gather import read_environment

    environ = read_environment(project, os.environ)
    return lambda plan: replace(plan, slice=for_own_runs(project, plan.slice, environ))


def _earlier_files(place: Path | None) -> list[RenderedFile]:
    """What earlier renderings left in the folder."""
    from launcher.render.kustomization import earlier_files

    texts = {}
    if place is not None and place.is_dir():
        for file in place.glob("*.yaml"):
            with contextlib.suppress(OSError, UnicodeDecodeError):
                texts[file.name] = file.read_text(encoding="utf-8")
    return list(earlier_files(texts))


def _disabled(
    project: common.Project, earlier: Sequence[RenderedFile], place: Path | None
) -> tuple[common.Source, ...]:
    """The disabled sources that the cluster may have, to be suspended there."""
    there = {file.source for file in earlier if file.project == project.name}
    return tuple(s for s in project.sources if not s.enabled and (place is None or s.name in there))


def _warn_of_removed(project: common.Project, earlier: Sequence[RenderedFile], place: Path | None) -> None:
    """Warn of each source that is gone from sources.yml: the cluster goes on running it."""
    from launcher.render.kustomization import removed

    gone = removed(earlier, project.name, {source.name for source in project.sources})
    for source, files in gone.items():
        runs = [str(Path(place or "") / name) for name in files if not name.endswith(".state.yaml")]
        common.say(
            f"warning: {source} is not in sources.yml any more, and the cluster goes on running it\n"
            f"  hint: `kubectl delete -f {shlex.join(runs)}` ends that and leaves its volume; then remove"
            f" {', '.join(sorted(files))}"
        )


def _planned(
    project: common.Project,
    sources: Sequence[common.Source],
    kind: str,
    names: Sequence[str],
    make: Callable[[JobPlan], T],
) -> tuple[list[T], list[DltpodError]]:
    """What ``make`` makes of each source's plan, which is as for a sync, but builds no image; and all errors.

    Raises the first error where sources were named, or where none could be planned; prints them otherwise.
    """
    from launcher.plan.options import SyncOptions
    from launcher.render.plans import plans

    made, faults = plans(project, sources, SyncOptions(dry_run=True), kind, os.environ, common.say, make)
    if faults and (names or not made):
        raise faults[0]
    for fault in faults:
        common.say(f"warning: {fault.message}" + (f"\n  hint: {fault.hint}" if fault.hint else ""))
    return made, faults


def _put_file(text: str, place: Path | None) -> Exit:
    if place is None:
        click.echo(text, nl=False)
    else:
        with _writing(place):
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text, encoding="utf-8")
    return Exit.OK


def _put_files(files: Mapping[str, str], folder: Path | None) -> None:
    if folder is None:
        click.echo(
            "---\n".join(text for name, text in files.items() if name != "kustomization.yaml"), nl=False
        )
        return
    secret = any("stringData:" in text for text in files.values())
    with _writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            file = folder / name
            if secret:
                file.touch(mode=0o600)
                file.chmod(0o600)
            file.write_text(text, encoding="utf-8")


@contextlib.contextmanager
def _writing(place: Path) -> Iterator[None]:
    """Print ``place`` once the block has written there. Raises DltpodError where it couldn't."""
    try:
        yield
    except OSError as error:
        raise DltpodError(f"{place} can't be written: {error.strerror}", rights.rights_hint(place)) from None
    click.echo(place)


def _folder_in_repository(root: Path) -> PurePosixPath:
    """Where the project lies in its git repository; the top where there is none."""
    for parent in (root, *root.parents):
        if (parent / ".git").exists():
            return PurePosixPath(root.relative_to(parent).as_posix())
    return PurePosixPath(".")
