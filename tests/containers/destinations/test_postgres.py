"""Rows of containers in a real Postgres, which they reach as any service of this machine."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from urllib.parse import urlsplit

import docker
import psycopg2
import pytest

from runner.contract import ExitCode, FailureKind
from tests.containers.folder import Folder, bridge_address
from tests.pipeline import postgres

PASSWORD = "pg-Passw0rd-of-the-test"
CODE = """
    import dlt

    @dlt.resource(primary_key="id", write_disposition="merge")
    def orders(count: int, id=dlt.sources.incremental("id")):
        yield [{"id": n, "lines": [{"sku": f"s{n}"}, {"sku": "x"}]} for n in range(count)]
"""


@pytest.fixture(scope="module")
def url(client: docker.DockerClient) -> Iterator[str]:
    """A server's address, on this machine; to containers it is host.docker.internal."""
    with postgres.server(f"listen_addresses=127.0.0.1,{bridge_address(client)}") as url:
        query(url, f"alter user loader password '{PASSWORD}'; select 1")
        yield url


def query(url: str, text: str) -> list[tuple[object, ...]]:
    with contextlib.closing(psycopg2.connect(url)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(text)
        return list(cursor.fetchall())


def test_a_merge_into_postgres_brings_each_row_once_and_then_only_what_is_new(
    project: Folder, url: str
) -> None:
    project.write(
        ".dlt/secrets.toml",
        f"""
        [destination.postgres.credentials]
        host = "host.docker.internal"
        port = {urlsplit(url).port}
        username = "loader"
        password = "{PASSWORD}"
        database = "postgres"
        """,
    )
    project.code("shop_orders", CODE)
    project.source("orders", "shop_orders", "orders", {"count": 3}, destination="postgres")
    assert project.must("orders").rows == {"orders": 3, "orders__lines": 6}
    project.source("orders", "shop_orders", "orders", {"count": 5}, destination="postgres")
    assert project.must("orders").rows == {"orders": 2, "orders__lines": 4}
    assert query(url, "select count(*), count(distinct id) from raw_orders.orders") == [(5, 5)]
    assert query(url, "select count(*) from raw_orders.orders__lines") == [(10,)]
    assert project.must("orders", full_refresh=True).rows == {"orders": 5, "orders__lines": 10}
    assert query(url, "select count(*), count(distinct id) from raw_orders.orders") == [(5, 5)]


def test_a_postgres_on_localhost_is_told_to_be_elsewhere_after_one_attempt(project: Folder) -> None:
    project.write(
        ".dlt/secrets.toml",
        f"""
        [destination.postgres]
        credentials = "postgresql://loader:{PASSWORD}@localhost:5432/postgres"
        """,
    )
    project.code("shop_orders", CODE)
    project.source("orders", "shop_orders", "orders", {"count": 3}, destination="postgres")
    record = project.run("orders")
    assert (record.status, record.exit_code, record.attempts) == ("failed", ExitCode.FAILED, 1)
    assert record.failure_kind is FailureKind.DESTINATION_UNREACHABLE
    assert record.message == "the destination can't be reached: nothing listens at localhost:5432"
    assert "host.docker.internal" in record.hint
