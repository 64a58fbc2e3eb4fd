"""A plain function round one of dlt's own sources, whose settings stand where dlt's own source looks for them."""

import csv
import io

import dlt
from dlt.sources.filesystem import filesystem


@dlt.transformer(write_disposition="replace")
def csv_rows(files, delimiter: str = ","):
    for file in files:
        text = file.read_bytes().decode("utf-8")
        yield [
            {"file": file["relative_path"], **row}
            for row in csv.DictReader(io.StringIO(text), delimiter=delimiter)
        ]


def load(run: int):
    files = filesystem(file_glob="**/*.csv", files_per_page=run)
    return files | csv_rows
