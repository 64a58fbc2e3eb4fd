"""What shows on an engine of the tests' own alone. They share it: its image takes long to get there.

Its build cache, which nobody else adds to. Names behind ``container.egress``, where it asks a name server of
the test's. And it dies in the middle of a run: it is named, and every row is there once in the end.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from launcher.engines.docker import job
from launcher.engines.docker.engine import DockerEngine
from launcher.engines.docker.network import own_network
from launcher.host.docker_engine import connect
from launcher.host.launchers import Launchers
from launcher.images import gc
from launcher.images.buildkit import find_cli
from launcher.images.tags import Image
from launcher.plan.options import SyncOptions
from launcher.plan.values import NETWORK
from launcher.runs.history import RunRecord
from launcher.runs.listeners import Listener
from launcher.runs.sync import sync
from runner.contract import FailureKind
from tests.containers.engine.faulty import EVENTS
from tests.containers.engine.own_engine import OwnEngine, own_engine
from tests.containers.engine.probing import PROBE, seen_by_probe
from tests.containers.engine.test_killed_runs import ALL_ONCE, COUNTS, TOTAL
from tests.containers.folder import AtPhase, Folder
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


@pytest.fixture(scope="module")
def image(client: docker.DockerClient, tmp_path_factory: pytest.TempPathFactory) -> Image:
    """The image of a source that needs nothing of its own, with its gateway: the common engine makes them."""
    folder = Folder(tmp_path_factory.mktemp("named"), "named", client)
    walled(folder, "bridge")
    return folder.image("probe")


@pytest.fixture(scope="module")
def engine(client: docker.DockerClient, image: Image) -> Iterator[OwnEngine]:
    settings = {
        "default-address-pools": [{"base": "10.99.0.0/16", "size": 24}],
        "dns": [NAMES],
        "host-gateway-ip": GATEWAY,
    }
    with own_engine(client, image.reference, image.gateway, settings=settings) as engine:
        yield engine


def run(project: Folder, engine: OwnEngine, image: Image, *listeners: Listener) -> RunRecord:
    """Sync the project's source on that engine."""
    loaded = project.load()
    environ = {**os.environ, "DOCKER_HOST": engine.host}
    docker = DockerEngine(environ=environ, alive=Launchers(loaded.private).alive)
    outcome = sync(
        loaded, loaded.sources, SyncOptions(), *listeners, engine=docker, image_for=lambda *_: image
    )
    docker.close()
    return outcome.records[0]


@dataclass(frozen=True)
class Place:
    """A name server on that engine, and a network of a user's."""

    server: Container
    network: str

    def asked(self) -> set[str]:
        lines = self.server.logs().decode().splitlines()
        return {line.removeprefix("asked ") for line in lines if line.startswith("asked ")}


@pytest.fixture(scope="module")
def place(engine: OwnEngine, image: Image) -> Iterator[Place]:
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
    yield Place(server, "somebodys")
    server.remove(force=True)
    own.close()


def test_gc_finds_its_own_in_the_engines_build_cache(engine: OwnEngine, image: Image) -> None:
    environ = {**os.environ, "DOCKER_HOST": engine.host}
    cli = find_cli(environ)
    step = "RUN --mount=type=cache,target={} /opt/venv/bin/python --version"
    places = ("/dev/dltpod/ours", "/somebodys")
    text = "\n".join((f"FROM {image.reference}", *map(step.format, places)))
    build = [cli.path, "build", "--network=none", "-"]
    subprocess.run(build, input=text.encode(), env=cli.environment, check=True, capture_output=True)
    with contextlib.closing(connect(environ)) as own:
        assert gc.with_build_cache(gc.Plan(), own) == gc.Plan()
        old = gc.with_build_cache(gc.Plan(), own, now=time.time() + 31 * 24 * 3600)
    assert old.notes == ()
    assert [item.name for item in old.items].count("wheels and packages") == 1


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
    project: Folder, engine: OwnEngine, image: Image, place: Place, network: str
) -> None:
    walled(project, network)
    asked_before = place.asked()
    record = run(project, engine, image)
    assert record.status == "ok", f"{record.message}\n{project.log(record)}"
    seen = seen_by_probe(project)
    assert (seen["api.test:7000"], seen["deeper.api.test:7000"]) == ("reached", "reached")
    assert seen["other.test:7000"].startswith("gaierror")
    assert seen["neighbour:7000"].startswith("gaierror")
    # its own address is in the set that api.test opened
    assert seen[f"{NAMES}:7000"] == "reached"
    assert "answered" not in {seen["dns 127.0.0.11"], seen[f"dns {NAMES}"]}
    assert place.asked() - asked_before <= {"api.test", "deeper.api.test"}


def events(project: Folder, *, pause: float = 0.0, retries: int = 0) -> None:
    project.code("faulty", EVENTS)
    walls = {"retries": retries, "network": "none"}
    project.source("events", "faulty", "events", {"total": TOTAL, "pause": pause}, container=walls)


def test_an_engine_that_dies_and_comes_back_is_waited_for_and_costs_no_row(
    project: Folder, engine: OwnEngine, image: Image
) -> None:
    # Long enough for the engine to be back before the source has ended.
    events(project, pause=0.5, retries=5)

    def restart() -> None:
        engine.kill()
        engine.start().close()

    thread = threading.Thread(target=restart)
    record = run(project, engine, image, AtPhase("extract", thread.start, after=0.5))
    thread.join()
    assert record.status == "ok", record.message
    assert record.attempts > 1
    assert project.rows(COUNTS) == ALL_ONCE


def test_a_job_that_ends_well_while_its_engine_is_dead_has_ended_well(
    project: Folder, engine: OwnEngine, image: Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job, "PATIENCE_SECONDS", 120.0)  # a busy machine may take long to load the rows
    events(project, pause=0.1)
    record = run(project, engine, image, AtPhase("extract", engine.kill, after=0.5))
    engine.start().close()
    assert record.status == "ok", record.message
    assert record.total_rows
    assert project.rows(COUNTS) == ALL_ONCE


def test_a_source_that_fails_while_its_engine_is_dead_has_failed_by_its_own_fault(
    project: Folder, engine: OwnEngine, image: Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job, "PATIENCE_SECONDS", 120.0)
    project.code(
        "faulty",
        """
        import time

        def events(total=0, pause=0.0):
            yield [{"id": 1}]
            time.sleep(4)
            raise ValueError("the account is closed")
        """,
    )
    entry = {"retries": 0, "network": "none"}
    project.source("events", "faulty", "events", container=entry)
    record = run(project, engine, image, AtPhase("extract", engine.kill, after=0.5))
    engine.start().close()
    assert record.failure_kind is FailureKind.EXTRACT, record
    assert "the account is closed" in record.message


def test_an_engine_that_dies_and_stays_away_is_named_and_the_next_sync_brings_every_row(
    project: Folder, engine: OwnEngine, image: Image
) -> None:
    events(project, pause=2.0)
    record = run(project, engine, image, AtPhase("extract", engine.kill, after=0.5))
    assert record.failure_kind is FailureKind.ENGINE_GONE
    assert "engine" in record.message
    assert "sync again" in record.hint
    engine.start().close()
    events(project)
    record = run(project, engine, image)
    assert record.status == "ok", record.message
    assert project.rows(COUNTS) == ALL_ONCE
