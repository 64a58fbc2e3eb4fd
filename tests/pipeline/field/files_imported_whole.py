"""Files that go to the destination as they are: JSON lines and Parquet that a job wrote, by with_file_import."""

import json
import tempfile
from pathlib import Path

import dlt
import pyarrow as pa
import pyarrow.parquet

COLUMNS = {"id": {"data_type": "bigint"}, "name": {"data_type": "text"}}


@dlt.source
def load(run: int):
    folder = Path(tempfile.mkdtemp())
    rows = [{"id": run * 10 + n, "name": f"n{n}"} for n in range(3)]

    @dlt.resource(columns=COLUMNS)
    def lines():
        file = folder / "rows.jsonl"
        file.write_text("".join(json.dumps(row) + "\n" for row in rows))
        yield dlt.mark.with_file_import(str(file), "jsonl", len(rows))

    @dlt.resource(write_disposition="replace")
    def parquet():
        table = pa.Table.from_pylist(rows)
        pyarrow.parquet.write_table(table, folder / "rows.parquet")
        yield dlt.mark.with_file_import(str(folder / "rows.parquet"), "parquet", len(rows), hints=table)

    @dlt.resource(name="both")
    def both():
        yield {"id": run}

    return lines, parquet, both
