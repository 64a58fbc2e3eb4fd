"""All verdicts on some sources: those of the files, and those of the sources' own containers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial

from launcher.check.code import Level, Row
from launcher.check.verdicts import CORE_MODULES, check_project, check_source
from launcher.config.models import Project, Source
from launcher.environment.describe import module_fault
from launcher.environment.dlt_versions import choose as choose_release
from launcher.environment.dlt_versions import is_extra
from launcher.environment.values import DEFAULT_DLT
from launcher.environment.verified_sources import Repository, repository
from launcher.errors import ConfigurationError, DltpodError
from launcher.runs.history import OK, RunRecord
from launcher.secrets.code import custom_file
from launcher.secrets.gather import all_destinations, read_environment


def file_rows(
    project: Project,
    sources: Iterable[Source],
    environ: Mapping[str, str],
    say: Callable[[str], None],
    *,
    with_secrets: bool = True,
) -> list[Row]:
    """What the files tell of the project and of each source. ``say`` hears of a download that takes time."""
    environ = read_environment(project, environ)
    verified = repository(project, environ, say)
    destinations = all_destinations(project, environ)
    rows: list[Row] = []
    for source in sources:
        rows += check_source(
            project,
            source,
            environ,
            verified if _may_be_verified(project, source, verified) else None,
            with_secrets=with_secrets,
            destinations=destinations,
        )
    shared = list(check_project(project))
    if (failed := verified.failed) is not None:
        text = f"dlt's verified sources couldn't be asked: {failed.message}"
        shared.append(Row("module", Level.NOTE, text, failed.hint))
    return [*shared, *rows]


def _may_be_verified(project: Project, source: Source, verified: Repository) -> bool:
    """Whether the source's module or an extra of it may be a verified source, so that it is worth a look.

    Where nothing is required, it is: a module that the repository lacks is nowhere then.
    """
    module, container = source.dlt_native.source_module, source.container
    if module_fault(module) is not None:
        return False
    of_dlt = module in CORE_MODULES or module.startswith("dlt.sources.")
    if not of_dlt and custom_file(project, module) is None:
        required = container.requirements
        if not required or verified.may_have(module, required):
            return True
    try:
        release = choose_release(container.dlt or DEFAULT_DLT, container.python, source=source.name)
    except DltpodError:
        return False  # a row of its own says so
    return not all(is_extra(release, name) for name in container.extras)


def faults_of_code(
    project: Project, sources: Iterable[Source], environ: Mapping[str, str], say: Callable[[str], None]
) -> dict[str, ConfigurationError]:
    """By source, the first of ``file_rows`` that is wrong with its module or function."""
    found: dict[str, ConfigurationError] = {}
    for row in file_rows(project, sources, environ, say, with_secrets=False):
        if row.level is Level.WRONG and row.source and row.what in ("module", "function"):
            found.setdefault(row.source, ConfigurationError(row.text, row.hint))
    return found


def ready_for_container(sources: Iterable[Source], rows: Iterable[Row]) -> list[Source]:
    """The sources of which the files say nothing that would fail."""
    hopeless = {row.source for row in rows if row.level is Level.WRONG}
    return [source for source in sources if source.name not in hopeless]


def joined(rows: Iterable[Row], records: Sequence[RunRecord]) -> list[Row]:
    """The rows of the files, and what the containers told (a sync whose action is ``check`` or ``connect``).

    A destination that a container logged in to, or could not, is told of once.
    """
    told = [row for record in records for row in _rows(record)]
    tried = {row.source for row in told if row.what == "destination"}
    kept = (r for r in rows if r.what != "destination" or r.level is not Level.OK or r.source not in tried)
    return [*kept, *told]


def _rows(record: RunRecord) -> list[Row]:
    row = partial(Row, source=record.source)
    rows = [
        row(str(v["what"]), Level.OK if v["ok"] else Level.WRONG, str(v.get("text", "")))
        for v in record.verdicts
    ]
    if record.status == OK:
        return rows
    if rows and rows[-1].level is Level.WRONG:
        last = rows.pop()
        return [*rows, row(last.what, last.level, record.message or last.text, record.hint)]
    what = record.kind or "container"
    return [*rows, row(what, Level.WRONG, record.message, record.hint)]
