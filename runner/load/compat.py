"""The few places where the runner relies on private names of dlt, or where its versions differ.

It works with every dlt from 1.18 on. The private names are in 1.18, 1.24 and 1.31.
"""

from __future__ import annotations

import copy
import typing
from pathlib import Path

from runner.patches import wrapped


def client_for(pipeline: typing.Any, schema: typing.Any) -> typing.Any:
    """The destination's job client for a schema, also one unknown to the pipeline. Not connected yet."""
    return pipeline._get_destination_clients(schema)[0]


def live_schemas(pipeline: typing.Any) -> typing.Mapping[str, typing.Any]:
    """The schemas that this process has read or changed, by name. ``pipeline.schemas`` reads them anew."""
    schemas: typing.Mapping[str, typing.Any] = pipeline.schemas.live_schemas
    return schemas


def dataset_of(pipeline: typing.Any) -> str:
    """The pipeline's dataset by the name that it has at the destination.

    dlt makes that of the one it was given: ``RawShop`` is ``raw_shop`` in DuckDB, in capitals in Snowflake. A
    destination without datasets has the given one.
    """
    import dlt

    name = pipeline.default_schema_name
    schema = pipeline.schemas[name] if name else dlt.Schema("none")
    client = client_for(pipeline, schema)
    normalize = getattr(client.config, "normalize_dataset_name", None)
    made = normalize(schema) if normalize is not None else None
    return str(client.capabilities.casefold_identifier(made)) if made else str(pipeline.dataset_name or "")


def synchronize(pipeline: typing.Any) -> typing.Mapping[str, typing.Any] | None:
    """Syncs the pipeline with the destination; returns the state that was found there, None for none.

    dlt doesn't return what it found, so its own query is called through a function that keeps the answer.
    """
    found: list[typing.Any] = []

    def fetched(fetch: typing.Any, *args: typing.Any) -> typing.Any:
        state = fetch(*args)
        found.append(copy.deepcopy(state))
        return state

    with wrapped(type(pipeline), "_restore_state_from_destination", fetched):
        pipeline.sync_destination()
    return found[-1] if found else None


def stored_state(pipeline: typing.Any) -> typing.Mapping[str, typing.Any] | None:
    """The state that the destination holds of the pipeline, None for none. Changes nothing here."""
    from dlt.common.destination.exceptions import DestinationUndefinedEntity

    try:
        return typing.cast("typing.Mapping[str, typing.Any]", pipeline._restore_state_from_destination())
    except DestinationUndefinedEntity:
        return None


def blank_schema(pipeline: typing.Any, name: str) -> typing.Any:
    """A schema without tables, whose names are made as the destination wants them."""
    from dlt.common.schema import Schema

    with pipeline._maybe_destination_capabilities():
        return Schema(name)


def storages(pipeline: typing.Any) -> tuple[typing.Any, typing.Any]:
    """dlt's load storage and its package storage of packages that are ready to be loaded."""
    load_storage = pipeline._get_load_storage()
    return load_storage, load_storage.normalized_packages


def package_folder(packages: typing.Any, load_id: str) -> Path:
    """The folder of a package's files."""
    return Path(packages.storage.make_full_path(packages.get_package_path(load_id)))


def committed_already(packages: typing.Any, load_id: str, file_name: str) -> bool:
    """Whether dlt noted that the destination has committed this job.

    1.31 notes it right after the commit (1.24 doesn't), and moves the file without running the job
    again; a kill before the note still runs it twice.
    """
    read = getattr(packages, "load_pending_transition", None)
    if read is None:
        return False
    pending = read(load_id, file_name)
    return pending is not None and pending[0] == "completed"


def to_sources(pipeline: typing.Any, items: typing.Sequence[typing.Any]) -> list[typing.Any]:
    """Sources, and resources each in a source of the pipeline's default schema, as sources.

    That schema is a copy of the pipeline's, so a contract that an earlier job set is taken off it.
    """
    from dlt.extract import DltSource
    from dlt.extract.extract import data_to_sources

    if not items:
        return []
    with pipeline._maybe_destination_capabilities():
        sources: list[typing.Any] = data_to_sources(list(items), pipeline)
    for source in sources:
        if not any(source is item for item in items if isinstance(item, DltSource)):
            source.schema_contract = None
    return sources


def merge_strategy(pipeline: typing.Any, tables: typing.Any, table: typing.Any) -> str | None:
    """dlt's name of the strategy by which the destination merges into a table; None if it appends instead.

    A strategy that the destination lacks is returned as the table has it: the load itself refuses it.
    """
    from dlt.common.destination.exceptions import DestinationCapabilitiesException
    from dlt.common.destination.utils import resolve_merge_strategy

    with pipeline._maybe_destination_capabilities() as capabilities:
        try:
            return typing.cast("str | None", resolve_merge_strategy(tables, table, capabilities))
        except DestinationCapabilitiesException:
            return str(table.get("x-merge-strategy"))


def kind_and_strategy(disposition: typing.Any) -> tuple[str | None, str | None]:
    """What a write disposition says: its kind and its merge strategy, None for what it leaves open.

    It is a word or a mapping, as ``resource.write_disposition`` has it.
    """
    if isinstance(disposition, dict):
        return disposition.get("disposition"), disposition.get("strategy")
    return disposition, None


def declared_table(resource: typing.Any) -> typing.Any | None:
    """The table schema that a resource's hints declare; None if a hint is a function of the rows."""
    from dlt.extract.exceptions import DataItemRequiredForDynamicTableHints

    try:
        return resource.compute_table_schema()
    except DataItemRequiredForDynamicTableHints:
        return None


def has_key(table: typing.Any, *, declared: bool = False) -> bool:
    """Whether a table has a primary or merge key. ``declared``: columns that had no data yet count too."""
    from dlt.common.schema.utils import get_columns_names_with_prop

    keys: tuple[typing.Any, ...] = ("primary_key", "merge_key")
    return any(get_columns_names_with_prop(table, key, include_incomplete=declared) for key in keys)


def adopt_schema(pipeline: typing.Any, schema: typing.Any) -> None:
    """Makes the pipeline know a schema that the destination stores."""
    pipeline._inject_schema(schema)


def drop_dataset(pipeline: typing.Any) -> None:
    """Drops the pipeline's dataset at the destination, as far as it is there."""
    for name in pipeline.schema_names:
        with client_for(pipeline, pipeline.schemas[name]) as client:
            if client.is_storage_initialized():
                client.drop_storage()


def deactivate(pipeline: typing.Any) -> None:
    """Deactivates a pipeline, so that another can take its place; does nothing where another is active."""
    if pipeline.is_active:
        pipeline.deactivate()
