"""Rows of hundreds of fields and of many levels, with names that become one another's or too long."""

import dlt


def _deep(levels: int, n: int):
    return (
        {"n": n, "level": levels, "in": _deep(levels - 1, n), "list": [_deep(levels - 1, n)]} if levels else n
    )


@dlt.source
def load(run: int):
    @dlt.resource
    def wide():
        for number in range(run * 3):
            yield {f"Field {n} of {number % 2}": n * number for n in range(250)} | {
                "id": number,
                "x" * 200: "long",
            }

    @dlt.resource
    def deep():
        yield _deep(4, run)
        yield [_deep(3, run), _deep(4, run)]

    @dlt.resource
    def names():
        yield {
            "select": 1,
            "Order By": 2,
            "ÄÖ": 3,
            "a__b": 4,
            "_dlt_x": 5,
            "1st": 6,
            "a": {"b": 7},
            "": 8,
            "$": 9,
        }

    return wide, deep, names
