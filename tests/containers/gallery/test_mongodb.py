"""The MongoDB example in its container, against a server that speaks MongoDB's protocol."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import docker
from pymongo import MongoClient

from tests.containers.folder import Folder, bridge_address
from tests.containers.gallery.example import Example
from tests.containers.gallery.reach import reached_as
from tests.containers.gallery.verified import repository
from tests.ports import held_port

FIRST = datetime(2026, 3, 1, tzinfo=timezone.utc)


@contextlib.contextmanager
def server(address: str) -> Iterator[tuple[Any, int]]:
    """A client of a new server, and the server's port."""
    with held_port() as port:
        command = [
            str(Path(sys.executable).with_name("secantusd-py")),
            "--host",
            address,
            "--port",
            str(port),
        ]
        process = subprocess.Popen(
            [*command, "--storage-path", ":memory:", "--standalone"], stderr=subprocess.DEVNULL
        )
        try:
            with MongoClient(address, port, serverSelectionTimeoutMS=120_000) as client:
                yield client, port
        finally:
            process.terminate()
            process.wait(60)


def document(number: int, minute: int | None = None, name: str = "") -> dict[str, Any]:
    at = FIRST + timedelta(minutes=number if minute is None else minute)
    return {"_id": number, "name": name or f"document {number}", "updated_at": at}


def test_mongodb(project: Folder, client: docker.DockerClient, tmp_path: Path) -> None:
    with (
        server(bridge_address(client)) as (mongo, port),
        reached_as(client, ["mongo.example.com"], {27017: port}) as network,
    ):
        mongo.admin.command("createUser", "reader", pwd="pw-of-mongo", roles=["readAnyDatabase"])
        users, orders = mongo.production.users, mongo.production.orders
        users.insert_many([document(n) for n in range(120)])
        orders.insert_many([document(n) for n in range(30)])
        url = "mongodb://reader:pw-of-mongo@mongo.example.com:27017/"
        secrets = {"sources": {"mongo_prod": {"connection_url": url}}}
        example = Example(project, "mongodb", secrets, network, repository(tmp_path))
        assert example.run("mongo_prod") == {"users": 120, "orders": 30}

        users.insert_many([document(n) for n in range(120, 123)])
        users.replace_one({"_id": 0}, document(0, minute=200, name="renamed"))
        assert example.run("mongo_prod")["users"] == 4
        found = project.rows("select _id::int, name from raw_mongo_prod.users order by 1")
        assert found == [(n, f"document {n}" if n else "renamed") for n in range(123)]
        assert project.rows("select count(*), count(distinct _id) from raw_mongo_prod.orders") == [(30, 30)]

        example.fill_in(
            {"sources": {"mongo_prod": {"connection_url": url.replace("of-mongo", "that-is-old")}}}
        )
        assert example.fails("mongo_prod").message == "the login was refused"
