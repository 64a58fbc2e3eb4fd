"""Which resources run, and how: resources, limit, write disposition, schema contract."""

from __future__ import annotations

import typing

from dlt.extract import DltSource

from runner.contract import FailureKind, JobSpec
from runner.explain.classify import JobFailed
from runner.explain.wording import near_misses
from runner.load import compat
from runner.load.session import Session
from runner.resolve import resources


def select(session: Session, made: typing.Any) -> list[typing.Any]:
    """The sources to extract, with the job's resources, of what the source function returned (``made``).

    Resources without a source go to one of the pipeline's default schema, as dlt does it. Raises
    JobFailed for a resource that isn't there, one that lacks an argument, and for a merge that has no key.
    """
    job = session.job
    items = list(made) if isinstance(made, list | tuple) else [made]
    if job.resources:
        items = chosen(items, job)
    if job.limit is not None:
        for item in items:
            item.add_limit(job.limit)
    sources = compat.to_sources(session.pipeline, items)
    for resource in resources_of(sources):
        resources.check_bound(resource)
    if job.write_disposition is not None:
        for resource in resources_of(sources):
            _apply_disposition(session, resource, job.write_disposition)
    return sources


def resources_of(sources: typing.Sequence[typing.Any]) -> list[typing.Any]:
    """The resources that will run."""
    return [resource for source in sources for resource in source.resources.selected.values()]


def chosen(items: typing.Sequence[typing.Any], job: JobSpec) -> list[typing.Any]:
    """What ``items`` have of the job's resources. Raises JobFailed for one that none of them has."""
    names: dict[str, None] = {}
    for item in items:
        names.update(dict.fromkeys(item.resources.keys() if isinstance(item, DltSource) else [item.name]))
    for wanted in job.resources:
        if wanted not in names:
            near = near_misses(wanted, names, count=1)
            raise JobFailed.of(
                FailureKind.CONFIGURATION,
                f"{job.function} has no resource '{wanted}'" + (f"; did you mean {near}?" if near else ""),
                f"it has: {', '.join(names) or 'none'}",
            )
    kept: list[typing.Any] = []
    for item in items:
        if isinstance(item, DltSource):
            here = [name for name in job.resources if name in item.resources]
            if here:
                kept.append(item.with_resources(*here))
        elif item.name in job.resources:
            kept.append(item)
    return kept


def _apply_disposition(session: Session, resource: typing.Any, disposition: typing.Any) -> None:
    if compat.kind_and_strategy(resource.write_disposition)[1] == "scd2":
        session.steps.note(
            f"resource {resource.name} keeps its history (scd2): write_disposition is not applied to it"
        )
        return
    if _needs_key(disposition) and not _has_key(resource) and not resources.may_return_another(resource):
        raise _no_key(resource)
    resource.apply_hints(write_disposition=disposition)


def check_keys(session: Session, sources: typing.Sequence[typing.Any]) -> None:
    """Raises JobFailed for a merge without a key. To be called after the extract, which may declare keys."""
    if _needs_key(session.job.write_disposition):
        for resource in resources_of(sources):
            if resources.may_return_another(resource) and not _has_key(resource):
                raise _no_key(resource)


def _needs_key(disposition: typing.Any) -> bool:
    kind, strategy = compat.kind_and_strategy(disposition)
    return kind == "merge" and strategy != "scd2"


def _no_key(resource: typing.Any) -> JobFailed:
    """The failure of a merge that has no key: dlt would append without saying so."""
    return JobFailed.of(
        FailureKind.CONFIGURATION,
        f"write_disposition: merge needs a key, and resource '{resource.name}' has none",
        "give the resource a primary_key or merge_key, or name other resources",
    )


def _has_key(resource: typing.Any) -> bool:
    """Whether this resource has a key to merge by; True if a hint is a function of the rows."""
    table = compat.declared_table(resource)
    return table is None or compat.has_key(table, declared=True)


def apply_contract(session: Session, sources: typing.Sequence[typing.Any], refresh: str | None) -> None:
    """Sets the job's schema contract, over those of sources and resources.

    On schemas rather than tables, where dlt would keep it when the job no longer asks for it.
    ``tables: freeze`` would refuse even the first table, so a first run goes without it.
    """
    contract = session.job.schema_contract
    if contract is None:
        return
    known = session.pipeline.schema_names
    first = refresh is not None or not any(
        session.pipeline.schemas[source.schema.name].data_table_names()
        for source in sources
        if source.schema.name in known
    )
    whole = {"tables": contract, "columns": contract, "data_type": contract}
    modes = dict(contract) if isinstance(contract, dict) else whole
    if first and modes.get("tables", "evolve") != "evolve":
        session.steps.note("schema_contract: tables holds from the second run on, as there are none yet")
        contract = {**modes, "tables": "evolve"}
    for source in sources:
        source.schema_contract = contract
    for resource in resources_of(sources):
        if resource.schema_contract is not None:
            resource.apply_hints(schema_contract=contract)
