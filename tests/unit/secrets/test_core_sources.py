"""dlt's own sources find an entry's credentials in its slice."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

from tests.unit.secrets.asking import answer, given, in_the_job

ENTRY = "sources:\n  - {{name: acme, dlt_native: {{source_module: {module}, source_function: {function}}}}}\n"


def database(file: Path) -> str:
    with sqlite3.connect(file) as connection:
        connection.execute("create table orders (id integer primary key)")
        connection.execute("insert into orders values (7)")
    return f"sqlite:///{file}"


def test_sql_database_connects_with_the_entrys_connection_string(tmp_path: Path) -> None:
    own = database(tmp_path / "own.db")
    secrets = '[sources.sql_database]\ncredentials = "sqlite:////nowhere/native.db"\n'
    secrets += f'[sources.acme]\ncredentials = "{own}"\n'
    project = given(
        tmp_path,
        ENTRY.format(module="sql_database", function="sql_database"),
        secrets,
        code="from dlt.sources.sql_database import sql_database, sql_table\n",
    )
    with in_the_job(project, "acme") as module:
        assert [row["id"] for row in module.sql_database().resources["orders"]] == [7]


def test_sql_table_connects_with_the_entrys_fields(tmp_path: Path) -> None:
    database(tmp_path / "own.db")
    fields = f'drivername = "sqlite"\ndatabase = "{tmp_path}/own.db"\n'
    native = (
        '[sources.sql_database.credentials]\ndrivername = "mysql"\nhost = "native"\nusername = "native"\n'
    )
    project = given(
        tmp_path,
        ENTRY.format(module="sql_database", function="sql_table"),
        f"{native}[sources.acme.credentials]\n{fields}",
        code="from dlt.sources.sql_database import sql_database, sql_table\n",
    )
    with in_the_job(project, "acme") as module:
        assert [row["id"] for row in module.sql_table(table="orders")] == [7]


def test_filesystem_reads_the_entrys_bucket(tmp_path: Path) -> None:
    (tmp_path / "bucket").mkdir()
    (tmp_path / "bucket" / "a.csv").write_text("x\n1\n")
    project = given(
        tmp_path,
        ENTRY.format(module="filesystem", function="filesystem"),
        config='[sources.filesystem]\nbucket_url = "/nowhere"\n'
        f'[sources.acme]\nbucket_url = "{tmp_path}/bucket"\n',
        code="from dlt.sources.filesystem import filesystem\n",
    )
    with in_the_job(project, "acme") as module:
        assert [item["file_name"] for item in module.filesystem(file_glob="*.csv")] == ["a.csv"]


REST = """\
import dlt


@dlt.resource
def held():
    from dlt.sources.rest_api.config_setup import create_auth

    auth = create_auth({"type": "bearer"})
    yield {"token": str(auth.token)}
"""


def test_a_rest_api_without_a_token_reads_the_entrys_credentials(tmp_path: Path) -> None:
    secrets = '[sources.acme.credentials]\ntoken = "own"\n[sources.api.credentials]\ntoken = "native"\n'
    project = given(tmp_path, ENTRY.format(module="api", function="held"), secrets, code=REST)
    found: Any = answer(project, "acme", "held")
    assert found == {"token": "own"}
