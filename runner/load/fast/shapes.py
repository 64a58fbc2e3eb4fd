"""Normalizes rows of known shapes without dlt's walk over each value.

Stands in for ``JsonLItemsNormalizer._normalize_chunk``. Rows that have no plan (see ``plans``) go through
dlt's own method, and all rows of a table are written in the order in which dlt would write them.
"""

from __future__ import annotations

import typing
from collections.abc import Callable

from runner.load.fast.columns import RowsByColumn
from runner.load.fast.ids import digest, random_ids
from runner.load.fast.lines import RowsByKey
from runner.load.fast.pages import Page
from runner.load.fast.plans import Children, Place, Plan, Planner, Unplanned
from runner.load.fast.tables import Columns

_PLANNERS = "_dltpod_planners"
_AT_ONCE = 1000
"""Rows of the root table after which finished rows are handed to the writers."""
_NEW: typing.Any = object()
_TRIES = 200
"""Rows without a plan, if they are more than half of a chunk so far, after which the rest is left to dlt."""

_MISSES = 3
"""Chunks in a row that can't be taken by column, after which no other is tried."""


def normalize_chunk(
    original: Callable[..., typing.Any],
    self: typing.Any,
    root_table_name: str,
    items: list[typing.Any] | RowsByKey,
    may_have_pua: bool,
    skip_write: bool,
) -> typing.Any:
    """Around ``JsonLItemsNormalizer._normalize_chunk``, which gets only what has no plan."""
    from dlt.common.normalizers.json.relational import DataItemNormalizer

    if skip_write or type(self.schema.data_item_normalizer) is not DataItemNormalizer:
        return original(self, root_table_name, _rows(items), may_have_pua, skip_write)
    return _Chunk(self, original, root_table_name, may_have_pua).run(items)


def _rows(items: list[typing.Any] | RowsByKey) -> list[typing.Any]:
    return items.rows() if isinstance(items, RowsByKey) else items


def _decode(row: dict[str, typing.Any], low: str, decode: Callable[[str], typing.Any]) -> None:
    for key, value in row.items():
        if type(value) is str and value >= low:
            row[key] = decode(value)


def _own_values(plan: Plan, item: dict[str, typing.Any]) -> dict[str, typing.Any]:
    """The item's own values as a new row, without those of dicts and lists in it."""
    if plan.renamed:
        return {name: c(item[key]) if c else item[key] for key, name, c in plan.values}
    row = item.copy()
    for key in plan.gone:
        del row[key]
    for key, convert in plan.converted:
        row[key] = convert(item[key])
    return row


class _Chunk:
    """One call of dlt's: some thousand rows of one root table, and their children."""

    def __init__(
        self, owner: typing.Any, original: Callable[..., typing.Any], root_table_name: str, encoded: bool
    ) -> None:
        from dlt.common.json import PUA_START, custom_pua_decode
        from dlt.common.normalizers.utils import DLT_ID_LENGTH_BYTES

        self.id_bytes = DLT_ID_LENGTH_BYTES
        self.owner = owner
        self.original = original
        self.root_table_name = root_table_name
        self.encoded = encoded
        self.decode = custom_pua_decode
        self.low = chr(PUA_START)
        self.names = owner.schema.data_item_normalizer
        self.table = self.names._normalize_table_identifier(root_table_name)
        self.planners: dict[str, Planner] = owner.__dict__.setdefault(_PLANNERS, {})
        self.update: dict[str, list[typing.Any]] = {}
        self.done: dict[str, list[typing.Any]] = {}
        """Rows that are ready to be written, by table. Empty while rows wait for dlt."""
        self.planner = self._planner()

    def _planner(self) -> Planner:
        planner = self.planners.get(self.table)
        if planner is None or planner.stale():
            planner = self.planners[self.table] = Planner(self.owner, self.table)
        return planner

    def run(self, found: list[typing.Any] | RowsByKey) -> typing.Any:
        """The changes of the schema, as ``_normalize_chunk`` returns them."""
        usable = self.planner.usable()
        if usable and self._by_column(found):
            return self.update
        items = _rows(found)
        begin = 0
        if items and not usable:
            self._by_dlt(items[:1])  # dlt makes the table and its own columns with it
            begin = 1
            if not self.planner.usable():
                self._by_dlt(items[1:])
                return self.update
            if self._by_column(items[1:]):
                return self.update
        waiting: list[typing.Any] = []
        misses = 0
        ids = random_ids(len(items), self.id_bytes)
        root = self.planner.root
        for at in range(begin, len(items)):
            item = items[at]
            new = False
            if type(item) is dict:
                if self.encoded:
                    _decode(item, self.low, self.decode)
                shape = (*item, *map(type, item.values()))
                plan = root.plans.get(shape, _NEW)
                if new := plan is _NEW:
                    plan = self.planner.plan(root, shape)
                if plan is not None:
                    if waiting:
                        self._by_dlt(waiting)
                        waiting = []
                        if not self.planner.usable():
                            self._by_dlt(items[at:])
                            return self.update
                        root = self.planner.root
                        plan = self.planner.plan(root, shape)
                    if plan is not None and self._planned(plan, item, ids[at]):
                        if not at % _AT_ONCE:
                            self._write()
                        continue
                    new = True
            self._write()
            waiting.append(item)
            misses += 1
            if misses > _TRIES and misses > at // 2:
                self._by_dlt(waiting + items[at + 1 :])
                return self.update
            if new:
                self._by_dlt(waiting)
                waiting = []
                if not self.planner.usable():
                    self._by_dlt(items[at + 1 :])
                    return self.update
                root = self.planner.root
        self._by_dlt(waiting)
        self._write()
        return self.update

    def _by_column(self, items: list[typing.Any] | RowsByKey) -> bool:
        """Writes all the rows by column; False, and nothing written, where they can't be."""
        from dlt.common.data_writers.writers import ParquetDataWriter

        owner, planner = self.owner, self.planner
        if owner.item_storage.writer_cls is not ParquetDataWriter or not items or planner.misses > _MISSES:
            return False
        try:
            made = RowsByColumn(
                planner,
                items,
                load_id=owner.load_id,
                id_bytes=self.id_bytes,
                low=self.low if self.encoded else None,
                decode=self.decode,
            )
        except Exception:  # noqa: BLE001 the rows are taken one by one, and dlt decides
            planner.misses += 1
            return False
        planner.misses = 0
        for table, columns in made.tables.items():
            self._write_table(table, columns)
        return True

    def _planned(self, plan: Plan, item: dict[str, typing.Any], row_id: str) -> bool:
        """Adds the row and its children to those that are done; False, and nothing added, where it can't."""
        names = self.names
        if plan.flat:
            try:
                row = _own_values(plan, item)
            except Exception:  # noqa: BLE001 dlt meets it again and decides
                return False
            self.done.setdefault(self.table, []).append(row)
        else:
            before = {table: len(rows) for table, rows in self.done.items()}
            try:
                row = _own_values(plan, item)
                if plan.dicts:
                    self._spread(row, plan, item)
                self.done.setdefault(self.table, []).append(row)
                self._descend(plan, item, row_id, dict.fromkeys(self.planner.propagated or (), row_id), set())
            except Exception:  # noqa: BLE001 as above
                for table, rows in self.done.items():
                    del rows[before.get(table, 0) :]
                return False
        row[names.c_dlt_load_id] = self.owner.load_id
        row[names.c_dlt_id] = row_id
        return True

    def _plan_of(self, place: Place, item: dict[str, typing.Any]) -> Plan:
        if self.encoded:
            _decode(item, self.low, self.decode)
        shape = (*item, *map(type, item.values()))
        plan: Plan | None = place.plans.get(shape, _NEW)
        if plan is _NEW:
            plan = self.planner.plan(place, shape)
        if plan is None:
            raise Unplanned
        return plan

    def _spread(self, row: dict[str, typing.Any], plan: Plan, item: dict[str, typing.Any]) -> None:
        """Adds what stands in the item's dicts to the row; raises Unplanned where two values meet in one
        column."""
        for key, place in reversed(plan.dicts):  # as dlt does
            inner = item[key]
            inner_plan = self._plan_of(place, inner)
            own = _own_values(inner_plan, inner)
            if not row.keys().isdisjoint(own):
                raise Unplanned
            row.update(own)
            if inner_plan.dicts:
                self._spread(row, inner_plan, inner)

    def _descend(
        self,
        plan: Plan,
        item: dict[str, typing.Any],
        row_id: str,
        handed: dict[str, typing.Any],
        tables: set[str],
    ) -> None:
        """The rows of all lists in a row; raises Unplanned where two lists belong to one table."""
        for key, children in plan.lists:
            if found := item[key]:
                if children.place.table in tables:
                    raise Unplanned
                tables.add(children.place.table)
                self._children(children, found, row_id, handed)
        for key, place in reversed(plan.dicts):
            inner = item[key]
            self._descend(self._plan_of(place, inner), inner, row_id, handed, tables)

    def _children(
        self, children: Children, found: list[typing.Any], parent_id: str, handed: dict[str, typing.Any]
    ) -> None:
        if not children.ready:
            self.planner.check(children)
        names, place = self.names, children.place
        c_parent, c_index, c_id = names.c_dlt_parent_id, names.c_dlt_list_idx, names.c_dlt_id
        rows = self.done.setdefault(place.table, [])
        id_begins = f"{parent_id}_{place.table}_"
        for at, item in enumerate(found):
            plan = None
            if type(item) is dict:
                plan = self._plan_of(place, item)
                row = _own_values(plan, item)
                if plan.dicts:
                    self._spread(row, plan, item)
            else:
                if self.encoded and type(item) is str and item >= self.low:
                    item = self.decode(item)
                name, convert, null, _ = self.planner.plain_value(children, type(item))
                row = {} if null else {name: item if convert is None else convert(item)}
            if handed:
                row.update(handed)
            row[c_parent] = parent_id
            row[c_index] = at
            row[c_id] = row_id = digest(f"{id_begins}{at}", self.id_bytes)
            rows.append(row)
            if plan is not None and not plan.flat:
                self._descend(plan, item, row_id, handed, set())

    def _write(self) -> None:
        for table, rows in self.done.items():
            if rows:
                self._write_table(table, Page(rows))
        self.done = {}

    def _write_table(self, table: str, rows: Page | Columns) -> None:
        owner = self.owner
        columns = owner._column_schemas.get(table)
        if not columns:
            columns = owner._column_schemas[table] = owner.schema.get_table_columns(table)
        owner.item_storage.write_data_item(owner.load_id, owner.schema.name, table, rows, columns)
        if hasattr(owner, "_report_progress"):
            owner._report_progress(table, len(rows))

    def _by_dlt(self, items: list[typing.Any]) -> None:
        """Leaves these items to dlt; forgets the plans if that changed the schema or a contract."""
        if not items:
            return
        self._write()
        found = self.original(self.owner, self.root_table_name, items, self.encoded, False)
        for table, parts in found.items():
            self.update.setdefault(table, []).extend(parts)
        if found or self.planner.stale():
            self.planners.clear()
            self.planner = self._planner()
