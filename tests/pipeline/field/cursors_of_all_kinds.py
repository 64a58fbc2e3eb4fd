"""Cursors with their options: below a key, missing, open at the start, descending, by a function, from two values."""

import dlt


def _rows(run: int):
    for n in range(1, 3 + 2 * run):
        yield {"id": n, "meta": {"at": f"2026-01-{n:02}"}, "n": n if n != 2 else None, "pair": [n % 3, n]}


def _latest(values):
    return max(values)


@dlt.source
def load(run: int):
    @dlt.resource(name="nested", primary_key="id")
    def nested(at=dlt.sources.incremental("meta.at", initial_value="2026-01-02")):
        yield from _rows(run)

    @dlt.resource(name="missing", write_disposition="append")
    def missing(n=dlt.sources.incremental("n", on_cursor_value_missing="include", initial_value=0)):
        yield list(_rows(run))

    @dlt.resource(name="excluded")
    def excluded(n=dlt.sources.incremental("n", on_cursor_value_missing="exclude")):
        yield list(_rows(run))

    @dlt.resource(name="open")
    def opened(n=dlt.sources.incremental("id", initial_value=1, range_start="open", primary_key=())):
        yield list(_rows(run))

    @dlt.resource(name="falling", primary_key="id")
    def falling(n=dlt.sources.incremental("id", row_order="desc", last_value_func=max)):
        yield from sorted(_rows(run), key=lambda row: -row["id"])

    @dlt.resource(name="lowest")
    def lowest(n=dlt.sources.incremental("id", last_value_func=min)):
        yield [{"id": 10 - row["id"]} for row in _rows(run)]

    @dlt.resource(name="own")
    def own(pair=dlt.sources.incremental("pair", last_value_func=_latest)):
        yield list(_rows(run))

    @dlt.resource(name="closed")
    def closed(n=dlt.sources.incremental("id", initial_value=2, end_value=4)):
        yield list(_rows(run))

    return nested, missing, excluded, opened, falling, lowest, own, closed
