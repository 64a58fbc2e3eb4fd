"""Rows that are no plain dicts, values that are no plain texts and numbers, and one row given again and again."""

import collections
import dataclasses
import enum
import typing

import dlt


class Text(str):
    pass


class Number(int):
    pass


class Row(dict):
    pass


class State(enum.IntEnum):
    ON = 1


class Pair(typing.NamedTuple):
    left: int
    right: str


@dataclasses.dataclass
class Record:
    id: int
    name: str


@dlt.source
def load(run: int):
    @dlt.resource
    def dicts():
        for number in range(2 * run):
            yield collections.OrderedDict(id=Number(number), name=Text("a"), state=State.ON)
            yield collections.defaultdict(list, id=number, lines=[{"n": 1}])
            yield Row(id=number, name="b", on=bool(number), pair=Pair(1, "x"), inner=Row(a=Text("c")))

    @dlt.resource
    def reused():
        row = {"id": 0, "lines": [{"n": 0}]}
        for number in range(3):
            row["id"], row["lines"][0]["n"] = number, number
            yield row

    @dlt.resource
    def records():
        for number in range(3):
            yield dataclasses.asdict(Record(number, "x")) | {"of": Record(number, "y")}

    @dlt.resource
    def keys():
        yield {1: "a", None: "b", 2.5: "c", "id": run}

    return dicts, reused, records, keys
