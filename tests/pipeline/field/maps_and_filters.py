"""Rows that pass maps, filters and a limit on their way, before and after a cursor; some are made several of."""

import hashlib

import dlt


def _hidden(row):
    row["mail"] = hashlib.sha256(row["mail"].encode()).hexdigest()[:8]
    return row


@dlt.source
def load(run: int):
    @dlt.resource(primary_key="id")
    def people(at=dlt.sources.incremental("id", initial_value=0)):
        for number in range(1, 5 * run + 1):
            yield {"id": number, "mail": f"m{number}@x", "tags": [f"t{n}" for n in range(number % 3)]}

    @dlt.resource
    def numbers():
        for start in range(0, 100, 10):
            yield [{"n": start + n} for n in range(10)]

    tags = (
        people()
        .with_name("tags")
        .add_yield_map(lambda row: ({"id": row["id"], "tag": tag} for tag in row["tags"]))
    )
    return (
        people().add_map(_hidden).add_filter(lambda row: row["id"] % 4),
        tags,
        numbers.add_limit(2).add_filter(lambda row: row["n"] % 2 == run % 2),
    )
