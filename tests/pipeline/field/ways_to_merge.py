"""Merges of every strategy: upsert, insert-only, delete-insert by a merge key, keys of several columns, by hints."""

import dlt

ROWS = {
    1: [(1, "a", 1), (1, "b", 2), (2, "a", 3)],
    2: [(1, "a", 10), (2, "b", 4), (2, "b", 5), (3, "c", 6)],
}


@dlt.source(root_key=True)
def load(run: int):
    rows = [{"day": d, "shop": s, "sum": n, "lines": [{"n": n}] * d} for d, s, n in ROWS[run]]
    single = [row for index, row in enumerate(rows) if index != 2 or run == 1]
    both = ["day", "shop"]
    yield dlt.resource(
        single,
        name="upserted",
        primary_key=both,
        write_disposition={"disposition": "merge", "strategy": "upsert"},
    )
    yield dlt.resource(rows, name="by_day", merge_key="day", write_disposition="merge")
    yield dlt.resource(rows, name="by_both", primary_key=both, merge_key="day", write_disposition="merge")
    yield dlt.resource(
        rows,
        name="sorted",
        primary_key=both,
        write_disposition="merge",
        columns={"sum": {"dedup_sort": "asc"}},
    )
    hinted = dlt.resource(rows, name="hinted", columns=[{"name": name, "primary_key": True} for name in both])
    hinted.apply_hints(write_disposition="merge")
    yield hinted
    yield dlt.resource(
        rows,
        name="chosen",
        primary_key="day",
        write_disposition=lambda row: "merge",
        table_name=lambda row: f"chosen_{row['shop']}",
    )
