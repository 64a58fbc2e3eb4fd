"""A far side that changes between runs: types, new and lost fields, a value that becomes a list or an object."""

import datetime

import dlt

FIRST = {
    "id": 1,
    "n": 5,
    "text": "a",
    "maybe": None,
    "one": "x",
    "at": "2026-01-01T00:00:00Z",
    "flag": True,
    "inner": {"a": 1, "b": [1]},
    "list": [1, 2],
    "gone": 1,
    "camelCase": 1,
}
SECOND = {
    "id": 2,
    "n": "five",
    "text": 7,
    "maybe": 1.5,
    "one": ["x", "y"],
    "at": datetime.date(2026, 1, 2),
    "flag": "no",
    "inner": "none",
    "list": {"k": 1},
    "New Field": {"x": None},
    "camel_case": 2,
    "n.m": 3,
}
THIRD = {
    "id": 3,
    "n": 5.5,
    "text": None,
    "maybe": "2026-01-01",
    "list": ["x", 1, None, [3]],
    "inner": {"b": ["q"]},
}


@dlt.resource
def load(run: int, at=dlt.sources.incremental("id", initial_value=0)):
    yield FIRST
    if run == 2:
        yield SECOND
        yield [THIRD]
