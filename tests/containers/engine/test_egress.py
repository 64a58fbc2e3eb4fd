"""``container.egress``: only what is listed can be reached, by any TCP protocol."""

from __future__ import annotations

import ipaddress
import socket
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from tests.containers.engine.probing import NO_RIGHTS, greeting, probed
from tests.containers.folder import AtPhase, Folder
from tests.waiting import wait_for

if TYPE_CHECKING:
    from docker.models.containers import Container


@pytest.fixture
def servers() -> Iterator[list[int]]:
    """Two servers of this host, their ports."""
    with greeting("0.0.0.0") as one, greeting("0.0.0.0") as other:
        yield [one, other]


def run(project: Folder, places: list[tuple[str, int]], egress: list[str]) -> tuple[dict[str, Any], str]:
    seen, record = probed(project, places, servers=["8.8.8.8"], container={"egress": egress})
    assert project.containers() == []
    return seen, project.log(record)


def test_only_the_listed_port_of_the_listed_host_is_reached_and_the_rest_is_refused_and_logged(
    project: Folder, servers: list[int]
) -> None:
    host = "host.docker.internal"
    places = [(host, servers[0]), (host, servers[1]), ("192.0.2.1", 443), ("unlisted.example.com", 443)]
    seen, log = run(project, places, [f"{host}:{servers[0]}"])
    assert seen[f"{host}:{servers[0]}"] == "reached"
    assert seen[f"{host}:{servers[1]}"] == "ConnectionRefusedError 111"
    assert seen["192.0.2.1:443"] == "ConnectionRefusedError 111"
    assert seen["unlisted.example.com:443"].split()[0] == "gaierror"
    assert seen["dns 8.8.8.8"] != "answered"
    assert set(seen["capabilities"]) == NO_RIGHTS
    assert "egress: refused TCP to 192.0.2.1:443" in log
    assert "egress: refused to look up unlisted.example.com" in log


def test_without_a_list_everything_is_open(project: Folder, servers: list[int]) -> None:
    host = "host.docker.internal"
    seen, log = run(project, [(host, servers[0]), (host, servers[1])], [])
    assert {seen[f"{host}:{port}"] for port in servers} == {"reached"}
    assert "egress:" not in log


def address_of_this_host(project: Folder) -> str:
    """One at which a container reaches it."""
    address = socket.gethostbyname(socket.gethostname())
    if address.startswith("127."):
        address = project.client.api.inspect_network("bridge")["IPAM"]["Config"][0]["Subnet"].split("/")[0]
        address = address.rpartition(".")[0] + ".1"
    return address


def test_a_network_or_an_address_may_be_listed_instead_of_a_name_and_opens_its_port_alone(
    project: Folder, servers: list[int]
) -> None:
    address = address_of_this_host(project)
    network = ipaddress.ip_network(f"{address}/24", strict=False)
    with greeting("0.0.0.0") as closed:
        ports = [*servers, closed]
        listed = [f"{network}:{ports[0]}", f"{address}:{ports[1]}", f"192.0.2.0/24:{closed}"]
        seen, _ = run(project, [(address, port) for port in ports], listed)
    found = [seen[f"{address}:{port}"] for port in ports]
    assert found == ["reached", "reached", "ConnectionRefusedError 111"]


CHANGING = """
import os
import socket
import time


def _try(host, port):
    try:
        with socket.create_connection((host, port), 5) as connection:
            return connection.recv(100).decode()
    except OSError as error:
        return type(error).__name__


def plain():
    yield {"id": 1}


def changing():
    first = _try("api.test", 7000)
    other = _try("db.test", 7000)
    open("/state/first", "w").close()
    while not os.path.exists("/state/moved"):
        time.sleep(0.05)
    deadline = time.monotonic() + 60
    while (second := _try("api.test", 7000)) != "two" and time.monotonic() < deadline:
        time.sleep(0.2)
    yield {"first": first, "other": other, "second": second}
"""
SERVER = """
import socket, sys
with socket.create_server(("", 7000)) as server:
    while True:
        connection, _ = server.accept()
        connection.sendall(sys.argv[1].encode())
        connection.close()
"""


def test_a_name_that_changes_its_address_in_mid_run_stays_reachable(project: Folder) -> None:
    project.code("changing", CHANGING)
    project.source("plain", "changing", "plain")
    image = project.image("plain").reference
    label = {"dltpod.project": project.name}
    network = project.client.networks.create(f"net-{project.name}", labels=label)

    def serve(says: str, name: str) -> Container:
        made: Container = project.client.containers.create(
            image, ["/opt/venv/bin/python", "-c", SERVER, says], labels=label, network=network.name
        )
        network.disconnect(made)
        network.connect(made, aliases=[name])
        made.start()
        return made

    made = [serve("one", "api.test"), serve("database", "db.test")]
    egress = {"egress": ["api.test:7000"], "network": network.name}
    project.source("moves", "changing", "changing", container=egress)
    state = project.root / ".dltpod/state/moves"

    def move() -> None:
        wait_for(lambda: (state / "first").exists())
        made.append(serve("two", "api.test"))
        made[0].remove(force=True)
        (state / "moved").touch()

    mover = threading.Thread(target=move)
    try:
        record = project.run("moves", AtPhase("extract", mover.start))
        mover.join()
        assert record.status == "ok", record.message
        (row,) = project.rows("SELECT first, other, second FROM raw_moves.changing")
        assert row == ("one", "gaierror", "two")
    finally:
        for container in made[1:]:
            container.remove(force=True)
        network.remove()
