"""Rows of a change log: some say that theirs is deleted, and the last of several wins."""

import dlt

LOG = {
    1: [(1, "a", 1, None), (2, "b", 2, None), (3, "c", 3, None), (1, "a2", 4, None)],
    2: [(2, "b", 5, True), (3, "c2", 7, None), (3, "c1", 6, None), (4, "d", 8, None), (4, "d", 9, True)],
}


@dlt.resource(
    primary_key="id",
    write_disposition="merge",
    columns={"gone": {"hard_delete": True, "data_type": "bool"}, "at": {"dedup_sort": "desc"}},
)
def load(run: int):
    for number, name, at, gone in LOG[run]:
        yield {
            "id": number,
            "name": name,
            "at": at,
            "gone": gone,
            "lines": [{"of": name, "n": n} for n in range(2)],
        }
