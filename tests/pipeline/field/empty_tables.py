"""Resources without rows: tables made all the same, by a mark, an empty list or columns; None among the rows."""

import dlt

COLUMNS = {"id": {"data_type": "bigint"}, "at": {"data_type": "timestamp"}}


@dlt.source
def load(run: int):
    @dlt.resource(columns=COLUMNS)
    def marked():
        yield dlt.mark.materialize_table_schema()

    @dlt.resource(columns=COLUMNS, write_disposition="replace")
    def listed():
        yield [] if run == 2 else [{"id": 1}]

    @dlt.resource(columns=COLUMNS, write_disposition="replace")
    def nothing():
        if run == 1:
            yield {"id": 1, "lines": [{"n": 1}]}
        return

    @dlt.resource
    def some():
        yield None
        yield {"id": run}
        yield [{"id": run + 10}]

    return marked, listed, nothing, some
