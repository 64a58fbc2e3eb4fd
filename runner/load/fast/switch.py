"""Replaces functions of dlt by those of this folder for the length of a step, or leaves dlt as it is.

They rely on private names of dlt, so they are used only with versions that ``tests/pipeline/test_fast.py``
was run with, and only where all those names are as expected. Otherwise dlt works as it does without them, and
a line of the log (level DEBUG) says why.
"""

from __future__ import annotations

import functools
import gc
import inspect
import logging
import sys
import typing
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager

from runner.load.fast import files, lines, merging, pages, repeats, shapes, tables
from runner.patches import replaced, wrapped

PROVEN = ((1, 18), (1, 24), (1, 30), (1, 31))
"""Versions of dlt: the first two numbers."""
COLLECT_AFTER = 100_000
"""Objects after which Python looks for garbage in normalize, where no code of the source's runs. Its own
number is 700: several times for each chunk of rows."""
log = logging.getLogger("dltpod.fast")

_SIGNATURES = {
    "dlt.extract.pipe_iterator:PipeIterator.__init__": (
        "self max_parallel_items workers futures_poll_interval sources next_item_mode"
    ),
    "dlt.extract.pipe_iterator:PipeIterator._get_source_item": "self",
    "dlt.extract.items:ResolvablePipeItem": "item step pipe meta",
    "dlt.extract.items:DataItemWithMeta": "meta data",
    "dlt.extract.incremental:Incremental._get_transform": "self items",
    "dlt.extract.incremental:Incremental._transform_item": "self transformer row",
    "dlt.extract.incremental:Incremental._check_duplicate_cursor_threshold": (
        "self initial_hash_count final_hash_count"
    ),
    "dlt.extract.validation:PydanticValidator.__call__": "self item meta",
    "dlt.common.data_writers.buffered:BufferedDataWriter.write_data_item": "self item columns",
    "dlt.common.data_writers.writers:ParquetDataWriter.write_data": "self items",
    "dlt.common.data_writers.writers:TypedJsonlListWriter.write_data": "self items",
    "dlt.normalize.items_normalizers:JsonLItemsNormalizer._normalize_chunk": (
        "self root_table_name items may_have_pua skip_write"
    ),
    "dlt.normalize.items_normalizers:JsonLItemsNormalizer._coerce_null_value": (
        "self table_columns table_name col_name"
    ),
    "dlt.normalize.items_normalizers:JsonLItemsNormalizer._coerce_non_null_value": (
        "self table_columns table_name col_name v is_variant"
    ),
    "dlt.common.normalizers.json.relational:DataItemNormalizer._get_propagated_values": (
        "self table row is_root"
    ),
    "dlt.common.normalizers.json.helpers:get_nested_row_hash": "parent_row_id nested_table list_idx",
    "dlt.common.json:custom_pua_decode": "obj decoders",
    "dlt.common.data_types.type_helpers:py_type_to_sc_type": "t",
}
"""What is called or replaced in extract and normalize, by its place and the names of its arguments."""
_OF_LOAD = {
    "dlt.destinations.job_client_impl:SqlJobClientBase._create_merge_followup_jobs": "self table_chain",
    "dlt.destinations.impl.duckdb.sql_client:DuckDbSqlClient.open_connection": "self",
    "dlt.destinations.impl.duckdb.sql_client:DuckDbSqlClient.close_connection": "self",
    "dlt.destinations.sql_jobs:SqlMergeFollowupJob.gen_select_from_dedup_sql": (
        "table_name primary_keys columns dedup_sort condition condition_columns skip_dedup"
    ),
}
"""The same for load into DuckDB."""
_OF_CONFIGURATION = {
    "dlt.common.configuration.resolve:is_secret_hint": "hint",
    "dlt.common.configuration.providers.environ:is_secret_hint": "hint",
    "dlt.common.destination.reference:Destination.configuration": "self initial_config accept_partial",
    "dlt.common.destination.reference:Destination.capabilities": "self config naming",
    "dlt.pipeline.pipeline:Pipeline._get_destination_capabilities": "self",
}
"""The same for what a pipeline asks of its configuration in all steps."""
_DUCKDB = "dlt.destinations.duckdb"


@contextmanager
def running(wanted: bool) -> Iterator[None]:
    """Within it, dlt doesn't ask again for configuration that stays the same for the length of a run."""
    if not (wanted and usable(_OF_CONFIGURATION)):
        yield
        return
    from dlt.common.configuration import resolve
    from dlt.common.configuration.providers import environ
    from dlt.common.destination.reference import Destination
    from dlt.pipeline.pipeline import Pipeline

    answers = repeats.Answers()
    with (
        wrapped(resolve, "is_secret_hint", answers.is_secret_hint),
        wrapped(environ, "is_secret_hint", answers.is_secret_hint),
        wrapped(Destination, "configuration", answers.configuration),
        wrapped(Pipeline, "_get_destination_capabilities", repeats.capabilities),
    ):
        yield


@contextmanager
def extracting(wanted: bool, sources: Sequence[typing.Any]) -> Iterator[None]:
    """Within it, dlt's extract reads ahead in these sources, and compresses its files lightly."""
    if not (wanted and usable()):
        yield
        return
    from dlt.common.data_writers.buffered import BufferedDataWriter
    from dlt.common.data_writers.writers import TypedJsonlListWriter
    from dlt.extract import extract

    pipes: frozenset[str] = frozenset()
    try:
        pipes = pages.pipes_to_page(sources)
    except Exception as exc:  # noqa: BLE001 dlt tells what is wrong with a source, in its own words
        log.debug("dlt extracts by itself: %s", exc)
    buffer = pages.Buffer()
    with (
        _frozen(),
        replaced(extract, "PipeIterator", pages.paging(extract.PipeIterator, pipes, buffer)),
        wrapped(BufferedDataWriter, "__init__", functools.partial(files.init, buffer)),
        wrapped(BufferedDataWriter, "write_data_item", files.write_data_item),
        wrapped(TypedJsonlListWriter, "write_data", lines.write_data),
    ):
        yield


@contextmanager
def normalizing(wanted: bool) -> Iterator[None]:
    """Within it, dlt's normalize takes rows of known shapes at once.

    What extract wrote by column is read in any case: a killed run may have left it.
    """
    fast = wanted and usable()
    with ExitStack() as stack:
        try:
            from dlt.normalize.items_normalizers import JsonLItemsNormalizer

            module = sys.modules[JsonLItemsNormalizer.__module__]
            stack.enter_context(replaced(module, "json", lines.Reader(module.json, whole=not fast)))
        except (ImportError, AttributeError) as exc:
            log.debug("dlt reads what was extracted by itself: %s", exc)
        if fast:
            from dlt.common.data_writers.buffered import BufferedDataWriter
            from dlt.common.data_writers.writers import ParquetDataWriter

            stack.enter_context(_frozen(COLLECT_AFTER))
            stack.enter_context(wrapped(BufferedDataWriter, "write_data_item", files.write_data_item))
            stack.enter_context(wrapped(ParquetDataWriter, "write_data", tables.write_data))
            stack.enter_context(wrapped(JsonLItemsNormalizer, "_normalize_chunk", shapes.normalize_chunk))
        yield


@contextmanager
def loading(wanted: bool, pipeline: typing.Any) -> Iterator[None]:
    """Within it, dlt's merge into DuckDB looks for staged rows of the same key only where there are some."""
    if not (wanted and pipeline.destination.destination_type == _DUCKDB and usable(_OF_LOAD)):
        yield
        return
    from dlt.destinations.job_client_impl import SqlJobClientBase

    with wrapped(SqlJobClientBase, "_create_merge_followup_jobs", merging.create_merge_jobs):
        yield


@contextmanager
def _frozen(threshold: int = 0) -> Iterator[None]:
    """Python's garbage collector skips what is there already, and fewer new objects than ``threshold``."""
    before = gc.get_threshold()
    if before[0]:
        gc.set_threshold(max(before[0], threshold), *before[1:])
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
        gc.set_threshold(*before)


def usable(signatures: Mapping[str, str] = _SIGNATURES) -> bool:
    """Whether the dlt at hand is one that this was proven on, with these names. Logs why not."""
    import dlt

    try:
        version = tuple(int(part) for part in dlt.__version__.split(".")[:2])
        if version not in PROVEN:
            log.debug("dlt %s works by itself: not one of the proven versions", dlt.__version__)
            return False
        for place, wanted in signatures.items():
            found = _arguments(place)
            if found != wanted:
                log.debug("dlt works by itself: %s takes (%s)", place, found)
                return False
    except Exception as exc:  # noqa: BLE001 whatever is odd there, dlt runs
        log.debug("dlt works by itself: %s", exc)
        return False
    return True


def _arguments(place: str) -> str:
    module, _, path = place.partition(":")
    found: typing.Any = __import__(module, fromlist=["_"])
    for name in path.split("."):
        found = getattr(found, name)
    return " ".join(inspect.signature(found).parameters)
