"""The example of databases in its containers: a real Postgres, a real MariaDB and a SQLite file."""

from __future__ import annotations

import contextlib
import sqlite3

import docker
import psycopg2
import pymysql

from tests.containers.folder import Folder, bridge_address
from tests.containers.gallery.example import Example
from tests.containers.gallery.reach import reached_as
from tests.pipeline import postgres
from tests.stand_ins import mariadb

CONTACTS = (
    "create table contacts (id int primary key, name text, updated_at timestamptz, balance numeric(12, 2))"
)
SHOP = """\
create database shop;
create table shop.orders (id int primary key, customer varchar(40), total decimal(10, 2));
create table shop.order_lines (order_id int, line int, sku varchar(20), primary key (order_id, line));
create user reader identified by 'pw-of-the-shop';
grant all on shop.* to reader;
"""


def test_databases(project: Folder, client: docker.DockerClient) -> None:
    here = bridge_address(client)
    with contextlib.ExitStack() as stack:
        crm = stack.enter_context(
            contextlib.closing(
                psycopg2.connect(stack.enter_context(postgres.server(f"listen_addresses=127.0.0.1,{here}")))
            )
        )
        port = stack.enter_context(mariadb.server(here, SHOP))
        shop = stack.enter_context(
            contextlib.closing(
                pymysql.connect(host=here, port=port, user="reader", password="pw-of-the-shop")
            )
        )
        till = stack.enter_context(contextlib.closing(sqlite3.connect(project.root / "till.db")))
        ports = {5432: int(crm.info.port), 3306: port}
        network = stack.enter_context(reached_as(client, ["crm.example.com", "shop.example.com"], ports))

        cursor = crm.cursor()
        cursor.execute(f"alter user loader password 'pw-of-the-crm'; {CONTACTS}")
        at = "timestamptz '2026-03-01 00:00Z' + %s * interval '1 min'"
        add = f"insert into contacts values (%s, %s, {at}, 9.25)"
        cursor.executemany(add, [(n, f"contact {n}", n) for n in range(50)])
        crm.commit()
        lines = shop.cursor()
        lines.executemany(
            "insert into shop.orders values (%s, %s, %s)", [(n, f"c{n % 7}", n + 0.5) for n in range(20)]
        )
        lines.executemany(
            "insert into shop.order_lines values (%s, %s, 's')", [(n % 20, n // 20) for n in range(40)]
        )
        shop.commit()
        till.execute("create table sales (id integer primary key, amount real)")
        till.executemany("insert into sales values (?, ?)", [(n, n / 4) for n in range(10)])
        till.commit()

        secrets = {
            "crm": {"credentials": "postgresql://loader:pw-of-the-crm@crm.example.com:5432/postgres"},
            "shop": {"credentials": "mysql+pymysql://reader:pw-of-the-shop@shop.example.com:3306/shop"},
        }
        example = Example(project, "sql_database", {"sources": secrets}, network)
        assert example.run_all() == {
            "crm": {"contacts": 50},
            "shop": {"orders": 20, "order_lines": 40},
            "till": {"sales": 10},
        }

        cursor.executemany(add, [(n, f"contact {n}", n) for n in range(50, 53)])
        cursor.execute(
            "update contacts set name = 'renamed', updated_at = '2026-03-02 00:00+00' where id = 0"
        )
        crm.commit()
        lines.execute("insert into shop.orders values (20, 'c6', 20.5)")
        lines.execute("update shop.orders set customer = 'new' where id = 0")
        shop.commit()
        till.execute("delete from sales where id = 0")
        till.commit()
        assert example.run_all() == {
            "crm": {"contacts": 4},
            "shop": {"orders": 21, "order_lines": 40},
            "till": {"sales": 9},
        }
        found = project.rows("select id, name, balance::text from raw_crm.contacts order by id")
        assert found == [(n, f"contact {n}" if n else "renamed", "9.25") for n in range(53)]
        found = project.rows("select id, customer, total::text from raw_shop.orders order by id")
        assert found == [(n, f"c{n % 7}" if n else "new", f"{n}.50") for n in range(21)]
        found = project.rows("select order_id, line from raw_shop.order_lines order by line, order_id")
        assert found == [(n % 20, n // 20) for n in range(40)]
        found = project.rows("select id, amount from raw_till.sales order by id")
        assert found == [(n, n / 4) for n in range(1, 10)]

        secrets["crm"]["credentials"] = secrets["crm"]["credentials"].replace(
            "pw-of-the-crm", "pw-of-another"
        )
        secrets["shop"]["credentials"] = secrets["shop"]["credentials"].replace("/shop", "/warehouse")
        example.fill_in({"sources": secrets})
        refused = {r.source: (r.message, r.attempts) for r in project.sync("crm", "shop", jobs=2).records}
        assert refused == {
            "crm": ("the database refused user 'loader'", 1),
            "shop": ("user 'reader' may not use the database 'warehouse'", 1),
        }


def test_a_file_that_is_no_database_is_told_as_that(project: Folder) -> None:
    keys = {"credentials": "sqlite://"}
    example = Example(project, "sql_database", {"sources": {"crm": keys, "shop": keys}}, network="none")
    (project.root / "till.db").write_bytes(b"not a database. " * 512)
    record = example.fails("till")
    assert record.failure_kind == "extract"
    assert "file is not a database" in record.message
