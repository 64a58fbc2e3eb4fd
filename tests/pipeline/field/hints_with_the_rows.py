"""Rows that bring their own table, columns and key: with_hints, make_hints and with_table_name."""

import dlt

COLUMNS = {
    "users": {"age": {"data_type": "decimal", "precision": 6, "scale": 2}},
    "payments": {"amount": {"data_type": "text"}},
}


@dlt.source
def load(run: int):
    @dlt.resource(name="stream")
    def stream():
        for number in range(1, 4 + run):
            for table, columns in COLUMNS.items():
                hints = dlt.mark.make_hints(
                    table_name=table, columns=columns, primary_key="id", write_disposition="merge"
                )
                row = {"id": number, "age": number, "amount": number * run, "tags": ["a", "b"][:run]}
                yield dlt.mark.with_hints(row, hints, create_table_variant=True)
            yield dlt.mark.with_table_name({"id": number, "said": "plain"}, "log")
        yield [{"id": 0}]

    return stream
