"""What dlt's normalizer would do with a row, asked for once for each shape: its keys and the types of its
values.

A plan is there only where dlt takes every value without changing the schema: complete columns, known types,
child tables that exist. All names and conversions are dlt's own, through the normalizer at hand.
"""

from __future__ import annotations

import datetime
import decimal
import functools
import re
import typing
from collections.abc import Callable
from dataclasses import dataclass, field

SHAPES = 2000
"""The most plans that are kept for one place in the data; further shapes are planned for each row."""
_KEPT = (str, int, float, bool, bytes, datetime.date, datetime.time, decimal.Decimal)
"""Types that dlt leaves alone in a column of their own type (the types themselves, none that derives from
them)."""
_USUAL = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?(Z|[+-][01]\d:[0-5]\d)", re.ASCII)
Convert = Callable[[typing.Any], typing.Any]


class Unplanned(Exception):
    """This row can't be planned: it is left to dlt."""


class Value(typing.NamedTuple):
    """What becomes of a value that is no dict or list."""

    name: str
    """The column."""
    convert: Convert | None
    null: bool = False
    """Whether it is a None, which the row doesn't keep."""
    timestamps: bool = False
    """Whether it is a text that is converted to a moment with a zone."""


class Plan(typing.NamedTuple):
    """How rows of one shape become rows of a table."""

    values: tuple[tuple[str, str, Convert | None], ...]
    """Key in the data, name of the column, conversion where there is one."""
    gone: tuple[str, ...]
    """Keys that the row doesn't keep: of None, and of the dicts and lists below."""
    dicts: tuple[tuple[str, Place], ...]
    """Keys whose values are spread over columns of the same row."""
    lists: tuple[tuple[str, Children], ...]
    """Keys whose values are rows of a child table."""
    converted: tuple[tuple[str, Convert], ...]
    """Keys whose values change and whose names don't."""
    flat: bool
    renamed: bool


@dataclass(eq=False)
class Place:
    """Where dicts stand in the data: rows of a table, or dicts that are spread over its columns."""

    table: str
    path: tuple[str, ...]
    """The keys that lead to it within its row, as dlt spells them."""
    level: int
    """How much deeper lists and dicts may nest, in dlt's count."""
    row: Row
    plans: dict[tuple[typing.Any, ...], Plan | None] = field(default_factory=dict)
    parts: dict[tuple[str, type], Value | Place | Children | None] = field(default_factory=dict)


@dataclass(frozen=True)
class Row:
    """What the places of one row share."""

    full_path: tuple[str, ...]
    level: int
    reserved: frozenset[str]
    """Columns that dlt fills; a row that has one of them is left to dlt."""


@dataclass(eq=False)
class Children:
    """A list in the data: rows of a child table, dicts or plain values."""

    place: Place
    ready: bool = False
    """Whether the child table was found to have all that dlt writes."""
    values: dict[type, Value | None] = field(default_factory=dict)


class Planner:
    """Plans for one of dlt's JsonLItemsNormalizer objects (``owner``) and one root table."""

    def __init__(self, owner: typing.Any, table: str) -> None:
        from dlt.common.data_writers.writers import JsonlWriter

        self.owner = owner
        self.names = owner.schema.data_item_normalizer
        self.table = table
        self.filters = self._filters()
        root = self.names
        level = root._get_table_nesting_level(table, root.max_nesting)
        self.propagated = self._propagated(table, root.c_dlt_id, True)
        """Columns of child rows that hold the root row's id."""
        self.misses = 0
        """Chunks since the last one that was taken by column."""
        # from 1.23 on dlt puts what stands in dicts behind the rest, which a line of JSON shows
        self.spreads = hasattr(owner, "_type_map") or owner.item_storage.writer_cls is not JsonlWriter
        row = Row((table,), level, frozenset((root.c_dlt_id, root.c_dlt_load_id)))
        self.root = self._place(table, row)

    def usable(self) -> bool:
        """Whether rows of the root table may be planned at all."""
        owner, names = self.owner, self.names
        return (
            _has(owner, self.table, {names.c_dlt_id: "text", names.c_dlt_load_id: "text"})
            and names._get_root_row_id_type(self.table) == "random"
            and not owner.schema._compiled_excludes
            and self.propagated is not None
            and self._open(self.table)
        )

    def stale(self) -> bool:
        """Whether contracts have begun to filter something since this was made."""
        return self.filters != self._filters()

    def _filters(self) -> tuple[int, int]:
        columns = self.owner._filtered_tables_columns
        return len(self.owner._filtered_tables), sum(map(len, columns.values()))

    def _open(self, table: str) -> bool:
        owner = self.owner
        return table not in owner._filtered_tables and not owner._filtered_tables_columns.get(table)

    def _propagated(self, table: str, wanted: str, is_root: bool) -> tuple[str, ...] | None:
        """Columns that dlt hands down from a row's ``wanted``; None where it hands down anything else."""
        names = self.names
        if not names.propagation_config:
            return ()
        columns = self.owner.schema.tables.get(table, {}).get("columns", {})
        probe = {**{name: name for name in columns}, wanted: wanted}
        handed = names._get_propagated_values(table, probe, is_root) or {}
        return tuple(handed) if all(value == wanted for value in handed.values()) else None

    def _place(self, table: str, row: Row, path: tuple[str, ...] = (), level: int | None = None) -> Place:
        # dlt 1.18 goes by this when it meets a None
        tracker = getattr(self.owner, "_full_ident_path_tracker", None)
        if tracker is not None:
            tracker.setdefault(table, row.full_path)
        return Place(table, path, row.level if level is None else level, row)

    def plan(self, place: Place, shape: tuple[typing.Any, ...]) -> Plan | None:
        """The plan for rows of this shape (keys, then types); None if they are left to dlt."""
        try:
            return place.plans[shape]
        except KeyError:
            pass
        size = len(shape) // 2
        made = self._plan(place, shape[:size], shape[size:])
        if len(place.plans) < SHAPES:
            place.plans[shape] = made
        return made

    def _plan(self, place: Place, keys: typing.Sequence[str], types: typing.Sequence[type]) -> Plan | None:
        values, nulls, dicts, lists, taken = [], [], [], [], set(place.row.reserved)
        for key, kind in zip(keys, types, strict=True):
            part = self.part(place, key, kind)
            if part is None:
                return None
            if isinstance(part, Place):
                dicts.append((key, part))
                continue
            if isinstance(part, Children):
                lists.append((key, part))
                continue
            if part.name in taken:
                return None
            taken.add(part.name)
            if part.null:
                nulls.append(key)
            else:
                values.append((key, part.name, part.convert))
        if len({child.place.table for _, child in lists}) < len(lists):
            return None
        return Plan(
            tuple(values),
            (*nulls, *(key for key, _ in dicts), *(key for key, _ in lists)),
            tuple(dicts),
            tuple(lists),
            tuple((key, convert) for key, name, convert in values if convert is not None),
            flat=not dicts and not lists,
            renamed=any(key != name for key, name, _ in values),
        )

    def part(self, place: Place, key: str, kind: type) -> Value | Place | Children | None:
        """What becomes of a key's values of one type; None if they are left to dlt."""
        try:
            return place.parts[key, kind]
        except KeyError:
            made = place.parts[key, kind] = self._part(place, key, kind)
            return made

    def _part(self, place: Place, key: str, kind: type) -> Value | Place | Children | None:
        if not key or key.isspace():
            return None
        names, row = self.names, place.row
        fragment = names._normalize_identifier(key)
        path = (*place.path, fragment)
        name = names._shorten_fragments(*path) if place.path else fragment
        if kind is dict or kind is list:
            if names._is_nested_type(place.table, name, place.level) or (kind is dict and not self.spreads):
                return None
            if kind is dict:
                return self._place(place.table, row, path, place.level - 1)
            return self._children(place, key)
        return self.value(place.table, name, kind)

    def _children(self, place: Place, key: str) -> Children:
        names, row = self.names, place.row
        full = (*row.full_path, *place.path, names._normalize_table_identifier(key))
        table = names._shorten_fragments(*full)
        reserved = {names.c_dlt_id, names.c_dlt_load_id, names.c_dlt_parent_id, names.c_dlt_list_idx}
        inner = Row(full, row.level - 1, frozenset(reserved | set(self.propagated or ())))
        return Children(self._place(table, inner))

    def check(self, children: Children) -> None:
        """Raises Unplanned where rows can't be added to the child table yet."""
        names, table = self.names, children.place.table
        wanted = {names.c_dlt_id: "text", names.c_dlt_parent_id: "text", names.c_dlt_list_idx: "bigint"}
        wanted.update(dict.fromkeys(self.propagated or (), "text"))
        children.ready = (
            names._should_be_nested(table)
            and _has(self.owner, table, wanted)
            and self._open(table)
            and self._propagated(table, names.c_dlt_id, False) == ()
        )
        if not children.ready:
            raise Unplanned

    def plain_value(self, children: Children, kind: type) -> Value:
        """As ``value``, of a list's element that is no dict. Raises Unplanned."""
        if kind not in children.values:
            part = None if kind is list else self.value(children.place.table, self.names.c_value, kind)
            if part is not None and part.name in children.place.row.reserved:
                part = None
            children.values[kind] = part
        found = children.values[kind]
        if found is None:
            raise Unplanned
        return found

    def value(self, table: str, name: str, kind: type) -> Value | None:
        """What becomes of values of one type in a column; None if they are left to dlt."""
        columns = self.owner.schema.tables.get(table, {}).get("columns", {})
        if kind is type(None):
            try:
                changes = self.owner._coerce_null_value(columns, table, name)
            except Exception:  # noqa: BLE001 dlt raises it again, for the row
                return None
            return None if changes else Value(name, None, null=True)
        column = columns.get(name)
        wanted = (column or {}).get("data_type")
        if column is None or wanted is None or wanted in ("json", "wei"):
            return None
        part = self._converted(name, column, wanted, kind, columns, table)
        if part is not None and wanted == "timestamp" and kind is str and part.convert is not None:
            zone = self._zone(column)
            parsed = _parsed(part.convert, zone, hasattr(self.owner, "_timezone_override"))
            return Value(name, parsed, timestamps=zone)
        return part

    def _zone(self, column: typing.Any) -> bool:
        zone = getattr(self.owner, "_timezone_override", None)
        return bool(column.get("timezone", True) if zone is None else zone)

    def _converted(
        self, name: str, column: typing.Any, wanted: str, kind: type, columns: typing.Any, table: str
    ) -> Value | None:
        known = getattr(self.owner, "_type_map", {}).get(kind)
        if known is not None:
            return self._known(name, column, wanted, known)
        from dlt.common.data_types.type_helpers import py_type_to_sc_type

        try:
            if kind in _KEPT and py_type_to_sc_type(kind) == wanted:
                return Value(name, None)
        except TypeError:
            return None
        return Value(name, _asked(self.owner, columns, table, name))

    def _known(self, name: str, column: typing.Any, wanted: str, has: str) -> Value | None:
        """As dlt from 1.24 on treats types that it maps, in JsonLItemsNormalizer._coerce_row."""
        owner = self.owner
        convert: Convert | None = None
        if has != wanted:
            if not owner._can_coerce_type(wanted, has):
                return None
            convert = (
                float
                if (wanted, has) == ("double", "bigint")
                else functools.partial(owner._coerce_type, wanted, has)
            )
        # up to 1.30 a datetime that needs no coercion is not moved to another zone
        if wanted == "timestamp" and (convert is not None or hasattr(owner, "_timezone_override")):
            convert = _zoned(convert, self._zone(column))
        return Value(name, convert)


def _has(owner: typing.Any, table: str, wanted: typing.Mapping[str, str]) -> bool:
    columns = owner.schema.tables.get(table, {}).get("columns", {})
    return all(columns.get(name, {}).get("data_type") == kind for name, kind in wanted.items())


def _asked(owner: typing.Any, columns: typing.Any, table: str, name: str) -> Convert:
    """The conversion that asks dlt for each value. It raises Unplanned where dlt would change the schema."""

    def convert(value: typing.Any) -> typing.Any:
        found, changes, coerced = owner._coerce_non_null_value(columns, table, name, value)
        if found != name or changes:
            raise Unplanned
        return coerced

    return convert


def _parsed(convert: Convert, zone: bool, in_context: bool) -> Convert:
    """``convert`` for texts that are timestamps, with the standard library's parser for the usual form.

    Its result is what dlt's would be, in a fraction of the time. ``in_context``: from 1.31 on dlt knows zones
    other than UTC, and its timestamps are no longer pendulum's.
    """
    from dlt.common.pendulum import pendulum
    from dlt.common.time import normalize_timezone

    usual, parse, utc = _USUAL.fullmatch, datetime.datetime.fromisoformat, datetime.timezone.utc
    put_in = pendulum.UTC if zone else None

    def parsed(text: str) -> typing.Any:
        if not usual(text):
            return convert(text)
        try:
            moment = parse(text)
        except ValueError:  # Python 3.10 knows no Z, and no date is there on the 30th of February
            return convert(text)
        if in_context:
            return normalize_timezone(moment, zone)
        at = moment.astimezone(utc)
        return pendulum.DateTime(
            at.year, at.month, at.day, at.hour, at.minute, at.second, at.microsecond, tzinfo=put_in
        )

    return parsed


def _zoned(convert: Convert | None, zone: bool) -> Convert:
    from dlt.common.time import normalize_timezone

    if convert is None:
        return lambda value: normalize_timezone(value, zone)
    return lambda value: normalize_timezone(convert(value), zone)
