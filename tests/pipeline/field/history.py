"""A table that keeps its history (scd2): a row changes, one goes, one comes, and children go with them."""

import dlt

ROWS = {
    1: [(1, "Main St", 2), (2, "High St", 1), (3, "Low St", 0)],
    2: [(1, "Main St", 2), (2, "New St", 2), (4, "Side St", 1)],
}


@dlt.source
def load(run: int):
    rows = [
        {"id": i, "street": s, "pets": [{"name": f"{s} {n}"} for n in range(pets)]}
        for i, s, pets in ROWS[run]
    ]
    whole = {"disposition": "merge", "strategy": "scd2"}
    yield dlt.resource(rows, name="people", write_disposition=whole)
    kept = {**whole, "active_record_timestamp": "9999-12-31"}
    yield dlt.resource(rows, name="kept", write_disposition=kept, merge_key="id")
