"""A package that reads a query, a mapping and rows from files that lie beside its code."""

import csv
import importlib.resources
import json
from pathlib import Path

import dlt

from .helpers import upper

HERE = Path(__file__).parent
NAMES = json.loads((HERE / "names.json").read_text(encoding="utf-8"))


@dlt.resource(write_disposition="replace")
def load(run: int):
    query = importlib.resources.files(__package__).joinpath("queries/orders.sql").read_text(encoding="utf-8")
    with (HERE / "rows.csv").open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            yield {NAMES[key]: upper(value) for key, value in row.items()} | {
                "query": query.strip(),
                "run": run,
            }
