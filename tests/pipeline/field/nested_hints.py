"""Hints for nested tables: types, and a key that makes a nested table one of its own."""

import dlt

NESTED = {
    "items": dlt.mark.make_nested_hints(
        columns={"price": {"data_type": "decimal"}, "code": {"data_type": "text"}}
    ),
    ("items", "taxes"): dlt.mark.make_nested_hints(columns={"rate": {"data_type": "double"}}),
    "payments": dlt.mark.make_nested_hints(primary_key="id", write_disposition="merge"),
}


@dlt.resource(primary_key="id", write_disposition="merge", nested_hints=NESTED)
def load(run: int):
    for number in range(1, 3 + run):
        yield {
            "id": number,
            "items": [{"code": n, "price": n * run, "taxes": [{"rate": 1}]} for n in range(2)],
            "payments": [{"id": f"p{number}", "amount": run}],
        }
