"""No job reaches another container, nor the address where a cloud hands out the machine's credentials."""

from __future__ import annotations

import http.server
import json
import os
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from launcher.engines.docker.client import connect
from launcher.engines.docker.network import NetworkRefused, network_for
from launcher.host.user import Caller
from launcher.plan.values import NETWORK, ContainerSpec
from tests.containers.engine.own_engine import own_engine
from tests.containers.folder import Folder, wait_for

if TYPE_CHECKING:
    import docker

METADATA = "169.254.169.254"
PROBE = """
import json
import os
import socket
import threading
import time


def _try(host, port):
    try:
        with socket.create_connection((host, port), 3) as connection:
            connection.sendall(b"GET / HTTP/1.0\\r\\n\\r\\n")
            return "reached" if connection.recv(10) else "closed"
    except OSError as error:
        return type(error).__name__ + " " + str(error.errno)


def _ask(server, port):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as connection:
        connection.settimeout(3)
        try:
            connection.sendto(b"?", (server, port))
            return connection.recv(512).decode()
        except OSError as error:
            return type(error).__name__


def probe(places, datagrams=()):
    seen = {f"{host}:{port}": _try(host, port) for host, port in places}
    seen |= {f"{host}/{port}": _ask(host, port) for host, port in datagrams}
    status = open("/proc/self/status").read()
    seen["capabilities"] = [line.split()[1] for line in status.splitlines() if line.startswith("Cap")]
    yield {"seen": json.dumps(seen)}


def serve(port, seconds):
    "Listens until somebody comes."
    with socket.create_server(("0.0.0.0", port)) as server:
        print("listens", flush=True)
        server.settimeout(seconds)
        try:
            server.accept()
            yield {"met": "somebody"}
        except OSError:
            yield {"met": "nobody"}
"""


@pytest.fixture
def metadata() -> Iterator[int]:
    """The port of a server at the metadata address of a cloud, which this machine has for the test's time."""
    if METADATA not in subprocess.run(["ip", "address"], capture_output=True, text=True).stdout:
        sudo = [] if os.geteuid() == 0 else ["sudo", "-n"]
        subprocess.run([*sudo, "ip", "address", "add", f"{METADATA}/32", "dev", "lo"], check=True)

    class Credentials(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *arguments: Any) -> None:
            pass

    with http.server.ThreadingHTTPServer((METADATA, 0), Credentials) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def probed(project: Folder, places: list[tuple[str, int]], **entry: Any) -> dict[str, Any]:
    """What a source that tries the places sees."""
    project.code("probe", PROBE)
    datagrams = entry.pop("datagrams", ())
    project.source("probe", "probe", "probe", {"places": places, "datagrams": datagrams}, **entry)
    project.must("probe", full_refresh=True)
    (row,) = project.rows("SELECT seen FROM raw_probe.probe")
    found: dict[str, Any] = json.loads(row[0])
    return found


def test_a_source_reaches_no_metadata_address_and_has_no_more_rights_than_before(
    project: Folder, metadata: int
) -> None:
    seen = probed(project, [(METADATA, metadata), ("host.docker.internal", metadata)])
    assert seen[f"{METADATA}:{metadata}"] == "OSError 101"
    # the host is there; it listens at the metadata address alone
    assert seen[f"host.docker.internal:{metadata}"] == "ConnectionRefusedError 111"
    assert set(seen["capabilities"]) == {"0000000000000000"}


def test_a_name_server_at_a_link_local_address_is_asked_as_before(project: Folder, metadata: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind((METADATA, 53))
        server.settimeout(120)

        def answer() -> None:
            _, who = server.recvfrom(512)
            server.sendto(b"answered", who)

        threading.Thread(target=answer, daemon=True).start()
        seen = probed(project, [], datagrams=[(METADATA, 53), (METADATA, 80)])
    assert (seen[f"{METADATA}/53"], seen[f"{METADATA}/80"]) == ("answered", "OSError")


def test_a_network_of_the_users_has_no_way_to_the_metadata_address_either(
    project: Folder, metadata: int
) -> None:
    network = project.client.networks.create(f"net-{project.name}")
    try:
        seen = probed(project, [(METADATA, metadata)], container={"network": network.name})
    finally:
        network.remove()
    assert seen[f"{METADATA}:{metadata}"] == "OSError 101"


def test_a_gateway_lets_to_the_metadata_address_only_where_it_is_listed_itself(
    project: Folder, metadata: int
) -> None:
    place = f"{METADATA}:{metadata}"
    elsewhere = {"egress": [f"192.0.2.1:{metadata}"]}
    assert probed(project, [(METADATA, metadata)], container=elsewhere)[place] == "ConnectionRefusedError 111"
    listed = {"egress": [place]}
    assert probed(project, [(METADATA, metadata)], container=listed)[place] == "reached"


def test_two_sources_that_run_side_by_side_cannot_reach_each_other(
    project: Folder, make_folder: Callable[[], Folder]
) -> None:
    project.code("probe", PROBE)
    project.source("server", "probe", "serve", {"port": 7000, "seconds": 60})
    with ThreadPoolExecutor() as pool:
        serving = pool.submit(project.must, "server")

        def address() -> str:
            container = project.container("server")
            container.reload()
            networks = container.attrs["NetworkSettings"]["Networks"]
            assert b"listens" in container.logs()
            return str(networks[NETWORK]["IPAddress"])

        place = wait_for(address, 60)
        seen = probed(make_folder(), [(place, 7000)])
        assert seen[f"{place}:7000"] == "TimeoutError None"
        # It did listen all the while: this host reaches it.
        socket.create_connection((place, 7000), 5).close()
        serving.result()
    assert project.rows("SELECT met FROM raw_server.serve") == [("somebody",)]


@pytest.fixture
def own(client: docker.DockerClient) -> Iterator[docker.DockerClient]:
    """An engine of its own, which has addresses for a single network."""
    settings = {"default-address-pools": [{"base": "10.99.7.0/24", "size": 24}]}
    with own_engine(client, settings=settings) as engine:
        yield connect({**os.environ, "DOCKER_HOST": engine.host})


def modes(client: docker.DockerClient, network: str = "bridge") -> str:
    spec = ContainerSpec("x", "image", (), Caller(1000, 1000, owns_files=True), network=network)
    with network_for(client.api, spec, "run", podman=False) as made:
        return made.mode


def test_launchers_that_start_at_once_make_one_network_that_keeps_containers_apart(
    own: docker.DockerClient,
) -> None:
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(modes, [own] * 8)) == {NETWORK}
    (network,) = own.networks.list(names=[NETWORK])
    assert network.attrs["Options"] == {"com.docker.network.bridge.enable_icc": "false"}
    assert network.attrs["Labels"] == {"dltpod.managed": "1"}


def test_an_engine_without_addresses_for_another_network_is_told_with_the_way_out(
    own: docker.DockerClient,
) -> None:
    own.networks.create("somebodys")
    with pytest.raises(NetworkRefused, match=r"can't make dltpod's network: .*address pool") as refused:
        modes(own)
    assert refused.value.hint.startswith("`docker network prune`")


def test_a_network_of_that_name_that_keeps_nothing_apart_is_refused(own: docker.DockerClient) -> None:
    own.networks.create(NETWORK)
    with pytest.raises(NetworkRefused, match="a network dltpod in which containers reach each other"):
        modes(own)
    assert modes(own, "none") == "none"
