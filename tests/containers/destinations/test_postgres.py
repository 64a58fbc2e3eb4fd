"""Rows of containers in a real Postgres, which runs in a container itself."""

from __future__ import annotations

import io
from collections.abc import Iterator

import docker
import psycopg2
import pytest
from testcontainers.core.config import testcontainers_config
from testcontainers.core.container import DockerContainer

from runner.contract import ExitCode, FailureKind
from tests.containers.folder import Folder, image_tags
from tests.waiting import wait_for

IMAGE = "dltpod-test/postgres:debian"
PASSWORD = "pg-Passw0rd-of-the-test"
# Made of Debian's packages, for no registry need be in reach; the base image of the sources carries it.
DOCKERFILE = f"""\
ARG BASE
FROM $BASE
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends postgresql >/dev/null
USER postgres
RUN echo {PASSWORD} >/tmp/password && PATH=$(echo /usr/lib/postgresql/*/bin):$PATH && \
    initdb -D /tmp/data -U loader -A scram-sha-256 --pwfile=/tmp/password >/dev/null && \
    echo "host all all all scram-sha-256" >>/tmp/data/pg_hba.conf
CMD exec $(echo /usr/lib/postgresql/*/bin/postgres) -D /tmp/data \
    -c listen_addresses='*' -c unix_socket_directories=/tmp
"""
CODE = """
    import dlt

    @dlt.resource(primary_key="id", write_disposition="merge")
    def orders(count: int, id=dlt.sources.incremental("id")):
        yield [{"id": n, "lines": [{"sku": f"s{n}"}, {"sku": "x"}]} for n in range(count)]
"""


@pytest.fixture(scope="module")
def port(client: docker.DockerClient) -> Iterator[int]:
    testcontainers_config.ryuk_disabled = True  # its image can't be had without a registry
    base = "dltpod/base:3.13" if "dltpod/base:3.13" in image_tags(client) else "python:3.13-slim"
    client.images.build(fileobj=io.BytesIO(DOCKERFILE.encode()), tag=IMAGE, rm=True, buildargs={"BASE": base})
    with DockerContainer(IMAGE).with_exposed_ports(5432) as server:
        found = int(server.get_exposed_port(5432))
        wait_for(lambda: query(found, "select 1"), text="postgres did not come up")
        yield found


def query(port: int, text: str) -> list[tuple[object, ...]]:
    connection = psycopg2.connect(
        host="127.0.0.1", port=port, user="loader", password=PASSWORD, dbname="postgres"
    )
    try:
        with connection.cursor() as cursor:
            cursor.execute(text)
            return list(cursor.fetchall())
    finally:
        connection.close()


def test_a_merge_into_postgres_brings_each_row_once_and_then_only_what_is_new(
    project: Folder, port: int
) -> None:
    project.write(
        ".dlt/secrets.toml",
        f"""
        [destination.postgres.credentials]
        host = "host.docker.internal"
        port = {port}
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
    assert query(port, "select count(*), count(distinct id) from raw_orders.orders") == [(5, 5)]
    assert query(port, "select count(*) from raw_orders.orders__lines") == [(10,)]
    assert project.must("orders", full_refresh=True).rows == {"orders": 5, "orders__lines": 10}
    assert query(port, "select count(*), count(distinct id) from raw_orders.orders") == [(5, 5)]


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
