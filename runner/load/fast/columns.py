"""Normalizes some thousand rows by column, if all of them have plain values of known types.

What dlt does with a value is asked for once for each key and type, and the values are converted by functions
that Python and Arrow have in C. It is all or nothing: if one value needs more, ``Unplanned`` is raised before
anything is written, and ``shapes`` takes the rows one by one.
"""

from __future__ import annotations

import itertools
import typing
from collections.abc import Callable, Sequence

from runner.load.fast.ids import digests, random_ids
from runner.load.fast.lines import RowsByKey
from runner.load.fast.plans import Children, Place, Planner, Unplanned, Value
from runner.load.fast.tables import Columns, Timestamps

_MISSING: typing.Any = type("Missing", (), {})()
_NOTHING = (type(_MISSING), type(None))
_KEYS = 500
"""The most different keys in rows whose keys differ; with more, the rows are taken one by one."""


class RowsByColumn:
    """Rows of one root table and their children, as columns by table. Raises Unplanned.

    ``low`` is the first text that dlt may have made of another type, None where there is none;
    ``decode`` gives that type back.
    """

    def __init__(
        self,
        planner: Planner,
        items: Sequence[typing.Any] | RowsByKey,
        *,
        load_id: str,
        id_bytes: int,
        low: str | None,
        decode: Callable[[str], typing.Any],
    ) -> None:
        self.planner = planner
        self.id_bytes = id_bytes
        self.low = low
        self.decode = decode
        self.tables: dict[str, Columns] = {}
        self.empty: list[tuple[Place, str, set[str]]] = []
        """Keys of nothing but None: dlt makes a note of them where it is asked, so that comes last."""
        if not isinstance(items, RowsByKey) and set(map(type, items)) != {dict}:
            raise Unplanned
        values, lists = self._row(planner.root, items)
        ids = random_ids(len(items), id_bytes)
        values[planner.names.c_dlt_load_id] = [load_id] * len(items)
        values[planner.names.c_dlt_id] = ids
        self.tables[planner.table] = Columns(len(items), values)
        handed: dict[str, Sequence[str]] = dict.fromkeys(planner.propagated or (), ids)
        for children, found in lists:
            self._children(children, found, ids, handed)
        for place, key, taken in self.empty:
            self._take(planner.part(place, key, type(None)), taken)

    def _row(
        self, place: Place, items: Sequence[typing.Any] | RowsByKey
    ) -> tuple[dict[str, typing.Any], list[typing.Any]]:
        """The columns of a table's rows, without those that dlt adds, and the lists in them."""
        values: dict[str, typing.Any] = {}
        lists: list[tuple[Children, Sequence[typing.Any]]] = []
        self._spread(place, items, values, lists, set(place.row.reserved))
        return values, lists

    def _spread(
        self,
        place: Place,
        items: Sequence[typing.Any] | RowsByKey,
        values: dict[str, typing.Any],
        lists: list[tuple[Children, Sequence[typing.Any]]],
        taken: set[str],
    ) -> None:
        for key, column in _by_key(items):
            kinds, column = self._decoded(column)
            if kinds.issubset(_NOTHING):
                if type(None) in kinds:
                    self.empty.append((place, key, taken))
                continue
            parts = self._parts(place, key, kinds)
            first = next(iter(parts.values()))
            if isinstance(first, Children):
                lists.append((first, column))
            elif isinstance(first, Place):
                if len(kinds) > 1:
                    raise Unplanned
                self._spread(first, column, values, lists, taken)
            else:
                self._take(first, taken)
                values[first.name] = _converted(column, kinds, parts)

    def _take(self, part: typing.Any, taken: set[str]) -> None:
        if not isinstance(part, Value) or part.name in taken:
            raise Unplanned
        taken.add(part.name)

    def _decoded(self, column: Sequence[typing.Any]) -> tuple[set[type], Sequence[typing.Any]]:
        kinds = set(map(type, column))
        if self.low is None or str not in kinds:
            return kinds, column
        low, decode = self.low, self.decode
        if len(kinds) > 1 or max(column) >= low:
            column = [decode(v) if type(v) is str and v >= low else v for v in column]
            kinds = set(map(type, column))
        return kinds, column

    def _parts(self, place: Place, key: str, kinds: set[type]) -> dict[type, typing.Any]:
        """What becomes of the values of each type, that of None last: plain values, or one type of dicts or
        lists."""
        parts: dict[type, typing.Any] = {}
        for kind in sorted(kinds.difference(_NOTHING), key=repr):
            part = parts[kind] = self.planner.part(place, key, kind)
            if part is None or type(part) is not type(next(iter(parts.values()))):
                raise Unplanned
        if len(parts) > 1 and not isinstance(part, Value):
            raise Unplanned
        if type(None) in kinds:
            part = self.planner.part(place, key, type(None))
            if part is None:
                raise Unplanned
            parts[type(None)] = part
        return parts

    def _children(
        self,
        children: Children,
        found: Sequence[typing.Any],
        parents: Sequence[str],
        handed: dict[str, Sequence[str]],
    ) -> None:
        table = children.place.table
        if table in self.tables:
            raise Unplanned
        counts = [len(items) if type(items) is list else 0 for items in found]
        flat = list(itertools.chain.from_iterable(items for items in found if type(items) is list))
        if not flat:
            return
        if not children.ready:
            self.planner.check(children)
        if set(map(type, flat)) == {dict}:
            values, lists = self._row(children.place, flat)
        else:
            values, lists = self._plain(children, flat), []

        def repeated(of: Sequence[str]) -> list[str]:
            return list(itertools.chain.from_iterable(map(itertools.repeat, of, counts)))

        names = self.planner.names
        places = list(itertools.chain.from_iterable(map(range, counts)))
        handed = {name: repeated(ids) for name, ids in handed.items()}
        values.update(handed)
        values[names.c_dlt_parent_id] = above = repeated(parents)
        values[names.c_dlt_list_idx] = places
        values[names.c_dlt_id] = ids = digests(
            [f"{parent}_{table}_{at}" for parent, at in zip(above, places, strict=True)], self.id_bytes
        )
        self.tables[table] = Columns(len(flat), values)
        for inner, column in lists:
            self._children(inner, column, ids, handed)

    def _plain(self, children: Children, items: Sequence[typing.Any]) -> dict[str, typing.Any]:
        kinds, items = self._decoded(items)
        parts = {}
        for kind in sorted(kinds, key=repr):
            if kind is dict:
                raise Unplanned
            parts[kind] = self.planner.plain_value(children, kind)
        filled = [part.name for part in parts.values() if not part.null]
        return {filled[0]: _converted(items, kinds, parts)} if filled else {}


def _by_key(items: Sequence[dict[str, typing.Any]] | RowsByKey) -> list[tuple[str, Sequence[typing.Any]]]:
    """The values of each key of these rows; ``_MISSING`` where a row doesn't have it."""
    if isinstance(items, RowsByKey):
        return list(zip(items.keys, items.values, strict=True))
    first = items[0]
    if first and set(map(len, items)) == {len(first)}:
        try:
            # no tuples, which the garbage collector would look at
            return [(key, [item[key] for item in items]) for key in first]
        except KeyError:
            pass
    keys = tuple(dict.fromkeys(itertools.chain.from_iterable(items)))
    if len(keys) > _KEYS:
        raise Unplanned
    return [(key, [item.get(key, _MISSING) for item in items]) for key in keys]


def _converted(column: Sequence[typing.Any], kinds: set[type], parts: dict[type, Value]) -> typing.Any:
    """The column's values as dlt would write them; None where there is none."""
    steps = {kind: part.convert for kind, part in parts.items() if part.convert is not None}
    if type(_MISSING) in kinds:
        steps[type(_MISSING)] = lambda _: None
    if not steps:
        return column
    if len(kinds) > 1:
        return [value if (step := steps.get(type(value))) is None else step(value) for value in column]
    ((kind, convert),) = steps.items()
    if parts[kind].timestamps and (timestamps := Timestamps.of(column, convert)) is not None:
        return timestamps
    return list(map(convert, column))
