"""One stream of events, each kind of them in a table of its own, by a callable table name."""

import dlt


@dlt.resource(table_name=lambda event: f"event_{event['kind']}", primary_key="id")
def load(run: int, at=dlt.sources.incremental("id", initial_value=0)):
    for number in range(1, 8 * run + 1):
        kind = ("push", "Fork", "issue closed")[number % 3]
        yield {
            "id": number,
            "kind": kind,
            kind: {"by": f"user {number}"},
            "labels": [{"n": number}] * (number % 2),
        }
