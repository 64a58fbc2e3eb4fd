"""sql_database with functions in its arguments: another query, another table, other types, by a wrapper."""

import sqlite3
import tempfile
from pathlib import Path

import dlt
import sqlalchemy as sa
from dlt.sources.sql_database import sql_database, sql_table


def _database(run: int) -> str:
    file = Path(tempfile.mkdtemp()) / "shop.db"
    with sqlite3.connect(file) as database:
        database.execute(
            "create table orders (id integer primary key, state text, at timestamp, price numeric(10, 2))"
        )
        rows = [
            (n, "open" if n % 2 else "closed", f"2026-01-0{n} 10:00:00", n * 1.25) for n in range(1, 4 + run)
        ]
        database.executemany("insert into orders values (?, ?, ?, ?)", rows)
        database.execute("create table people (id integer primary key, name text)")
        database.execute("insert into people values (1, 'Ann')")
    return f"sqlite:///{file}"


def _only_open(query, table, incremental=None, engine=None):
    return query.where(table.c.state == "open") if table.name == "orders" else query


def _twice(table):
    if table.name == "orders":
        table.append_column(sa.Column("twice", sa.Float()))
    return table


def _with_twice(query, table, incremental=None, engine=None):
    return sa.text(f"select *, price * 2 as twice from {table.name}")


def _types(kind):
    return sa.Text() if isinstance(kind, sa.Numeric) else kind


def load(run: int):
    credentials = _database(run)
    source = sql_database(credentials, query_adapter_callback=_only_open, type_adapter_callback=_types)
    source.orders.apply_hints(incremental=dlt.sources.incremental("id"), primary_key="id")
    source.people.apply_hints(write_disposition="replace")
    twice = sql_table(
        credentials, table="orders", table_adapter_callback=_twice, query_adapter_callback=_with_twice,
        write_disposition="replace", backend="pyarrow", reflection_level="full_with_precision",
    )  # fmt: skip
    return source.with_resources("orders", "people"), twice.with_name("twice")
