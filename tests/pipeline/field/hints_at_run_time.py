"""Resources made in a loop from a list, their cursor, key and columns put on as the source is built."""

import dlt

TABLES = {"orders": ("id", "at"), "people": ("key", None), "log": (None, "n")}


def _read(table: str, run: int, at=None):
    for number in range(1, 3 + 2 * run):
        row = {"id": number, "key": number % 3, "at": f"2026-01-{number:02}", "n": number, "table": table}
        if at is None or at.last_value is None or row[at.cursor_path] > at.last_value:
            yield row


@dlt.source
def load(run: int):
    for table, (key, cursor) in TABLES.items():
        made = dlt.resource(_read, name=table, max_table_nesting=0)(table, run)
        hints = {"primary_key": key, "write_disposition": "merge" if key else "append"}
        if cursor:
            hints["incremental"] = dlt.sources.incremental(cursor, row_order="asc")
        made.apply_hints(**hints, columns=[{"name": "n", "data_type": "text"}])
        yield made
