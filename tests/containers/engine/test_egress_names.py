"""Names behind ``container.egress``, on an engine that asks a name server of the test's own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from launcher import config
from launcher.engines.docker.engine import DockerEngine
from launcher.engines.docker.network import own_network
from launcher.host.docker_engine import connect
from launcher.host.launchers import Launchers
from launcher.images.tags import Image
from launcher.plan.options import SyncOptions
from launcher.plan.values import NETWORK
from launcher.runs.sync import sync
from tests.containers.engine.own_engine import own_engine
from tests.containers.engine.probing import PROBE, seen_by_probe
from tests.containers.folder import Folder
from tests.waiting import wait_for

if TYPE_CHECKING:
    import docker
    from docker.models.containers import Container

GATEWAY, NAMES = "10.99.0.1", "10.99.0.2"
"""The bridge of the engine's first network, and the first container on it: the name server."""
SERVER = """
import socket, sys, threading

def greet():
    with socket.create_server(("", 7000)) as server:
        while True:
            server.accept()[0].sendall(b"hello")

threading.Thread(target=greet, daemon=True).start()
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as names:
    names.bind(("", 53))
    print("listens", flush=True)
    while True:
        question, who = names.recvfrom(512)
        labels, at = [], 12
        while question[at]:
            labels.append(question[at + 1 : at + 1 + question[at]].decode())
            at += 1 + question[at]
        end, kind = at + 5, question[at + 2]
        print("asked", ".".join(labels), flush=True)
        answers = kind == 1  # A: whatever the name, this machine
        answer = bytes.fromhex("c00c00010001000000050004") + socket.inet_aton(sys.argv[1])
        head = question[:2] + bytes.fromhex("81800001") + bytes([0, answers]) + bytes(4)
        names.sendto(head + question[12:end] + answer * answers, who)
"""


@dataclass(frozen=True)
class Place:
    """An engine with a name server and a network of a user's."""

    host: str
    image: Image
    server: Container
    network: str

    def asked(self) -> set[str]:
        lines = self.server.logs().decode().splitlines()
        return {line.removeprefix("asked ") for line in lines if line.startswith("asked ")}


@pytest.fixture(scope="module")
def place(client: docker.DockerClient, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = Folder(tmp_path_factory.mktemp("named"), "named", client)
    walled(folder, "bridge")
    image = folder.image("probe")
    settings = {
        "default-address-pools": [{"base": "10.99.0.0/16", "size": 24}],
        "dns": [NAMES],
        "host-gateway-ip": GATEWAY,
    }
    with own_engine(client, image.reference, image.gateway, settings=settings) as engine:
        own = connect({**os.environ, "DOCKER_HOST": engine.host})
        own_network(own.api)
        server = own.containers.run(
            image.reference,
            ["/opt/venv/bin/python", "-c", SERVER, NAMES],
            name="neighbour",
            network=NETWORK,
            detach=True,
        )
        wait_for(lambda: b"listens" in server.logs())
        server.reload()
        assert server.attrs["NetworkSettings"]["Networks"][NETWORK]["IPAddress"] == NAMES
        own.networks.create("somebodys")
        yield Place(engine.host, image, server, "somebodys")
        server.remove(force=True)
        own.close()


def walled(folder: Folder, network: str) -> None:
    """A source that may reach one name, and tries others, other name servers and the engine's own."""
    folder.code("probe", PROBE)
    tries = {
        "places": [
            [name, 7000] for name in ("api.test", "deeper.api.test", "other.test", "neighbour", NAMES)
        ],
        "servers": ["127.0.0.1", "127.0.0.11", NAMES],
    }
    container = {"egress": ["api.test:7000"], "network": network}
    folder.source("probe", "probe", "probe", tries, container=container)


@pytest.mark.parametrize("network", ["bridge", "somebodys"])
def test_a_listed_name_is_found_by_the_engines_name_server_and_nothing_else_gets_there(
    project: Folder, place: Place, network: str
) -> None:
    walled(project, network)
    loaded = project.load()
    asked_before = place.asked()
    engine = DockerEngine(
        environ={**os.environ, "DOCKER_HOST": place.host}, alive=Launchers(loaded.private).alive
    )
    outcome = sync(
        loaded,
        config.select(loaded, names=("probe",)),
        SyncOptions(),
        engine=engine,
        image_for=lambda *_: place.image,
    )
    engine.close()
    (record,) = outcome.records
    assert record.status == "ok", f"{record.message}\n{project.log(record)}"
    seen = seen_by_probe(project)
    assert (seen["api.test:7000"], seen["deeper.api.test:7000"]) == ("reached", "reached")
    assert seen["other.test:7000"].startswith("gaierror")
    assert seen["neighbour:7000"].startswith("gaierror")
    # its own address is in the set that api.test opened
    assert seen[f"{NAMES}:7000"] == "reached"
    assert "answered" not in {seen["dns 127.0.0.11"], seen[f"dns {NAMES}"]}
    assert place.asked() - asked_before <= {"api.test", "deeper.api.test"}
