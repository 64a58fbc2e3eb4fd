"""A source made of others: it takes their resources, chooses, renames and adds one that reads them."""

import dlt


@dlt.source
def shop(run: int, prefix: str = "a"):
    @dlt.resource(primary_key="id", write_disposition="merge")
    def orders(at=dlt.sources.incremental("id", initial_value=0)):
        yield [{"id": n, "of": prefix} for n in range(1, 3 + run)]

    @dlt.resource
    def unwanted():
        raise AssertionError("nobody asked for it")
        yield

    return orders, unwanted


def _named(source, prefix):
    for resource in source.resources.selected.values():
        resource.apply_hints(table_name=f"{prefix}_{resource.name}")
        yield resource.with_name(f"{prefix}_{resource.name}")


@dlt.source
def load(run: int):
    for prefix in ("a", "b"):
        yield from _named(shop(run, prefix=prefix).with_resources("orders"), prefix)

    @dlt.transformer(data_from=shop(run).orders, name="doubled", write_disposition="replace")
    def doubled(rows):
        yield [{"id": row["id"] * 2} for row in rows]

    yield doubled
