"""Reads ahead what a resource yields row by row, and gives it to dlt in pages.

dlt's pipe has a cost for each item, however small. Here each row takes its steps (filters, maps, an
incremental) right after it was yielded, as with dlt, so that a generator that looks at its incremental sees
no difference; only what follows, the writing, is done for a page of rows at once. Whatever is not a plain
row, or becomes something else in a step, is handed to dlt's own pipe at the place that it has reached.
"""

from __future__ import annotations

import functools
import inspect
import math
import time
import typing
from collections.abc import Callable, Collection, Iterator, Sequence

ROWS = 1000
"""The most rows in a page."""
SECONDS = 0.5
"""Seconds after which a page is given to dlt, however few rows it has."""
_HINTS_THAT_ARE_OBJECTS = frozenset({"incremental", "validator", "original_columns"})


_Step = tuple[int, typing.Any, Callable[..., typing.Any]]
"""A step: its index in the pipe, dlt's object, and what is called for a row."""


class Buffer:
    """How many rows dlt's writers gather before they write."""

    def __init__(self) -> None:
        self.page = ROWS

    def known(self, rows: int) -> None:
        """Takes a writer's number, which comes with the first row.

        The last row of a page is then one after which the buffer is written, with and without pages: it makes
        a difference for a source that goes on changing rows which it has yielded.
        """
        self.page = math.gcd(self.page, rows)


class Page(list[typing.Any]):
    """Rows that are written as if they had come one by one: see ``files.write_rows``."""


def pipes_to_page(sources: Sequence[typing.Any]) -> frozenset[str]:
    """Ids of the pipes whose rows may be read ahead.

    Not those of resources with a hint that is a function of the row, or that share their table with another
    resource: there the order of rows among them would change.
    """
    found = set()
    for source in sources:
        tables: dict[str, int] = {}
        named = {}
        for resource in source.resources.selected.values():
            if _depends_on_rows(resource._hints):
                continue
            named[resource.name] = table = source.schema.naming.normalize_table_identifier(
                resource.table_name
            )
            tables[table] = tables.get(table, 0) + 1
        for name, table in named.items():
            if tables[table] == 1:
                found.add(source.resources[name]._pipe.instance_id)
    return frozenset(found)


def _depends_on_rows(hints: typing.Mapping[str, typing.Any]) -> bool:
    for name, hint in hints.items():
        if name in _HINTS_THAT_ARE_OBJECTS:
            continue
        if callable(hint) or (isinstance(hint, dict) and _depends_on_rows(hint)):
            return True
    return False


def paging(iterator: type[typing.Any], pipes: Collection[str], buffer: Buffer) -> type[typing.Any]:
    """dlt's PipeIterator (``iterator``), reading ahead in the given pipes."""
    from dlt.extract.incremental import Incremental, IncrementalResourceWrapper
    from dlt.extract.items_transform import FilterItem, MapItem
    from dlt.extract.validation import PydanticValidator

    plain = (MapItem, FilterItem, PydanticValidator, Incremental, IncrementalResourceWrapper)

    def fits(source: typing.Any) -> bool:
        return (
            source.pipe.instance_id in pipes
            and not source.pipe.has_parent
            and (inspect.isgenerator(source.item) or type(source.item) is type(iter([])))
            and all(type(step) in plain for step in source.pipe.steps[1:])
        )

    class PagingPipeIterator(iterator):  # type: ignore[misc]
        def __init__(self, *args: typing.Any, **kwargs: typing.Any) -> None:
            super().__init__(*args, **kwargs)
            for at, source in enumerate(self._sources):
                if fits(source):
                    ahead: typing.Any = _read_ahead(source.item, source.pipe, self._futures_pool, buffer)
                    # dlt's errors tell a generator's name
                    ahead.__name__ = getattr(source.item, "__name__", ahead.__name__)
                    self._sources[at] = source._replace(item=ahead)

    return PagingPipeIterator


def _read_ahead(
    rows: Iterator[typing.Any], pipe: typing.Any, pool: typing.Any, buffer: Buffer
) -> Iterator[typing.Any]:
    """What dlt's pipe iterator takes from a source: items, and pages that have all their steps behind
    them."""
    from dlt.extract.items import DataItemWithMeta, ResolvablePipeItem

    last = len(pipe) - 1
    steps, cursors = _steps(pipe.steps)
    page = Page()
    passed = 0
    paged = True
    failure: Exception | None = None
    until = time.monotonic() + SECONDS

    def flush() -> typing.Any:
        nonlocal page
        for cursor in cursors:
            cursor.settle()
        rows_now, page = page, Page()
        return ResolvablePipeItem(rows_now if len(rows_now) > 1 else rows_now[0], last, pipe, None)

    try:
        while True:
            try:
                item = next(rows)
            except StopIteration:
                break
            except Exception as exc:  # noqa: BLE001 after the rows that came before it
                failure = exc
                break
            if type(item) is dict and paged:
                reached = 0
                for reached, step, call in steps:  # noqa: B007
                    try:
                        item = call(item, meta=None)
                    except Exception as exc:  # noqa: BLE001 dlt raises what it makes of it
                        if page:
                            yield flush()
                        yield _failed(pipe, step, exc)
                        return
                    if type(item) is not dict:
                        break
                if type(item) is dict:
                    page.append(item)
                    passed += 1
                    if passed % buffer.page and passed > 1 and pool.empty and time.monotonic() < until:
                        continue
                    yield flush()
                elif item is None:
                    if time.monotonic() < until:
                        continue
                    yield flush() if page else None
                else:
                    if page:
                        yield flush()
                    for cursor in cursors:
                        cursor.release()
                    meta = None
                    if isinstance(item, DataItemWithMeta):
                        paged, meta, item = False, item.meta, item.data
                    if item is not None:
                        yield ResolvablePipeItem(item, reached, pipe, meta)
            else:
                if page:
                    yield flush()
                for cursor in cursors:
                    cursor.release()
                if isinstance(item, DataItemWithMeta):
                    paged = False
                yield item
            until = time.monotonic() + SECONDS
        if page:
            yield flush()
        for cursor in cursors:
            cursor.settle()
        if failure is not None:
            raise failure
    finally:
        if inspect.isgenerator(rows):
            rows.close()


def _steps(pipe: Sequence[typing.Any]) -> tuple[list[_Step], list[Cursor]]:
    """The steps that a row of this pipe takes, and the cursors among them."""
    from dlt.extract.incremental import Incremental, IncrementalResourceWrapper

    steps: list[_Step] = []
    cursors = []
    for at, step in enumerate(pipe[1:], 1):
        inner = step.incremental if type(step) is IncrementalResourceWrapper else step
        if inner is None:
            continue
        if inner is not step:
            step(None)  # dlt 1.18 hands the resource's primary key to the incremental when it is called
        if type(inner) is Incremental and not callable(inner.primary_key):
            cursors.append(Cursor(inner))
            steps.append((at, step, cursors[-1]))
        else:
            steps.append((at, step, step))
    return steps, cursors


def _failed(pipe: typing.Any, step: typing.Any, exc: Exception) -> typing.Any:
    """An item on which dlt's pipe iterator raises what it makes of an exception that a step raised.

    dlt isn't left to call the step again: it may have changed the row, and may not fail a second time.
    """
    from dlt.common.utils import get_callable_name
    from dlt.extract.items import ResolvablePipeItem

    @functools.wraps(step, updated=())
    def fails(item: typing.Any, meta: typing.Any = None) -> typing.Any:
        raise exc

    fails.__name__ = get_callable_name(step)
    failing = pipe._clone()
    failing._steps = [None, fails]
    return ResolvablePipeItem({}, 0, failing, None)


class Cursor:
    """One incremental, a row at a time, without dlt's look at all rows of the newest cursor value after each
    row.

    dlt hashes those rows again after each item and copies the hashes to the state. Here each row is hashed
    once, when dlt would do it for the first time, and ``settle`` copies the hashes.
    """

    def __init__(self, incremental: typing.Any) -> None:
        self._incremental = incremental
        self._transform: typing.Any = None
        self._start: typing.Any = None
        """Hashes that the transform brought."""
        self._fresh: dict[str, None] = {}
        """Hashes of the rows since, in their order."""
        self._count = self._before = 0
        """How many different hashes there are, and were before the last row."""
        self._owed = 0
        self._shared = False
        self._tells_start = hasattr(incremental, "_cached_state_start_value")
        self._tells_last = hasattr(incremental, "_current_last_value")

    def __call__(self, row: typing.Any, meta: typing.Any = None) -> typing.Any:
        incremental = self._incremental
        transform = self._transform
        if transform is None:
            transform = self._transform = incremental._get_transform(row)
        if (
            not transform.boundary_deduplication
            or incremental.lag
            or getattr(incremental, "_advanced", False)
        ):
            self.release()
            return incremental(row, meta)
        self._follow(transform)
        self._before = self._count
        self._owed += 1
        row = incremental._transform_item(transform, row)
        state = incremental._cached_state
        state["last_value"] = transform.last_value
        if self._tells_last:
            incremental._current_last_value = transform.last_value
        if self._tells_start and row is not None:
            state["start_value"] = incremental._cached_state_start_value
        if transform.last_rows:
            self._follow(transform)
            self._hash(transform)
            if self._before <= incremental.duplicate_cursor_warning_threshold < self._count:
                incremental._check_duplicate_cursor_threshold(self._before, self._count)
        return row

    def _follow(self, transform: typing.Any) -> None:
        if transform.unique_hashes is not self._start:  # a new one for each new cursor value
            self._start, self._fresh = transform.unique_hashes, {}
            self._count = len(self._start)

    def _hash(self, transform: typing.Any) -> None:
        legacy = (transform.unique_hashes_legacy,) if hasattr(transform, "unique_hashes_legacy") else ()
        for row in transform.last_rows:
            made = transform.compute_unique_value(row, self._incremental.primary_key, *legacy)
            self._count += made not in self._fresh and made not in self._start
            self._fresh[made] = None
        transform.last_rows = []

    def settle(self) -> None:
        """Writes what the rows since the last call have changed to dlt's state and metrics."""
        if not self._owed:
            return
        incremental = self._incremental
        # made as dlt makes it, so that the order is the same: dlt stores a state whose order has changed
        hashes = set(made for made in self._fresh)  # noqa: C401
        hashes.update(self._start)
        incremental._cached_state["unique_hashes"] = list(hashes)
        metrics = getattr(incremental, "_incremental_metrics", incremental.custom_metrics)
        metrics["unfiltered_items_count"] += self._owed
        metrics["unfiltered_batches_count"] += self._owed
        metrics["initial_unique_hashes_count"] = self._before
        metrics["final_unique_hashes_count"] = len(hashes)
        self._owed = 0
        if self._shared:
            self._share()

    def release(self) -> None:
        """Settles, and from now on leaves the hashes where dlt's own way finds them: items take it too."""
        self._shared = True
        self.settle()
        self._share()

    def _share(self) -> None:
        if self._fresh:
            self._start.update(self._fresh)
            self._fresh = {}
