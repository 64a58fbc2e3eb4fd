"""A cursor that the settings describe: its path, where it begins, its lag; and one with a setting over the code's."""

import dlt


@dlt.source
def load(run: int):
    @dlt.resource(primary_key="id")
    def orders(at: dlt.sources.incremental[str] = dlt.config.value):
        yield [{"id": n, "at": f"2026-01-{n:02}"} for n in range(1, 4 + 2 * run)]

    @dlt.resource(primary_key="id")
    def people(seen: dlt.sources.incremental[int] = dlt.sources.incremental("n", initial_value=0)):
        for n in range(1, 4 + 2 * run):
            yield {"id": n, "n": n}

    return orders, people
