"""Two resources that fill one table, resources with odd names, and dlt's own settings in the file."""

import dlt


@dlt.source
def load(run: int):
    yield dlt.resource([{"id": 1, "a": run}], name="left", table_name="both")
    yield dlt.resource([{"id": 2, "b": {"c": run}}], name="right", table_name="both")
    yield dlt.resource([{"ID": run, "UPPER case": 1, "camelCase": 2}], name="Orders.V2 (eu)")
    yield dlt.resource([{"id": run, "parts": [{"x": 1}]}], name="parquet", file_format="parquet")
