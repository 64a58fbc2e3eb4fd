"""Arrow tables and batches with a cursor, with lists, structs, decimals and times with and without a zone."""

import datetime
import decimal

import dlt
import pyarrow as pa


def _table(first: int, last: int):
    ids = list(range(first, last))
    at = [datetime.datetime(2026, 1, 1) + datetime.timedelta(hours=n) for n in ids]
    return pa.table(
        {
            "id": pa.array(ids, pa.int32()),
            "Naive At": pa.array(at, pa.timestamp("us")),
            "aware": pa.array(at, pa.timestamp("ms", tz="Europe/Berlin")),
            "price": pa.array([decimal.Decimal(n) / 8 for n in ids], pa.decimal128(12, 4)),
            "list": pa.array([[n] for n in ids], pa.list_(pa.int64())),
            "inner": pa.array([{"a": n} for n in ids], pa.struct([("a", pa.int64())])),
            "word": pa.array([None if n % 2 else f"w{n}" for n in ids]).dictionary_encode(),
            "day": pa.array([moment.date() for moment in at], pa.date32()),
        }
    )


@dlt.source
def load(run: int):
    @dlt.resource(primary_key="id", write_disposition="merge")
    def tables(at=dlt.sources.incremental("id", initial_value=-1)):
        yield _table(0, 4)
        yield _table(4, 4 + 3 * run)

    @dlt.resource(write_disposition="replace")
    def batches():
        yield from _table(0, 5 * run).to_batches(max_chunksize=3)

    @dlt.resource(table_name="tables_of_rows")
    def rows():
        yield [{"id": 1, "run": run}]

    return tables, batches, rows
