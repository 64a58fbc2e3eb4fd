"""Schema contracts that the source itself sets: values, rows and columns left out, tables let in."""

import dlt


@dlt.source(schema_contract={"columns": "discard_value"})
def load(run: int):
    rows = [
        {"id": run, "n": run},
        {"id": run + 10, "n": run, **({"new": 1, "list": [1]} if run == 2 else {})},
    ]
    yield dlt.resource(rows, name="values")
    yield dlt.resource(
        rows, name="whole_rows", schema_contract={"columns": "discard_row", "data_type": "discard_row"}
    )
    yield dlt.resource(
        [{**row, "n": "x" if run == 2 else 1} for row in rows],
        name="typed",
        schema_contract={"columns": "evolve", "data_type": "discard_value"},
    )
    if run == 2:
        yield dlt.resource([{"id": 1}], name="late", schema_contract={"tables": "evolve"})
