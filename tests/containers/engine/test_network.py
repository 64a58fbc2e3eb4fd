"""No job reaches another container, nor the address where a cloud hands out the machine's credentials."""

from __future__ import annotations

import errno
import io
import os
import socket
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import docker
import docker.types
import pytest

from launcher.engines.docker.namespace import NetworkRefused
from launcher.engines.docker.network import Networks, own_network
from launcher.host.docker_engine import connect
from launcher.host.user import JobUser
from launcher.images.base import find
from launcher.plan.values import NETWORK, ContainerSpec
from tests.containers.engine.own_engine import own_engine
from tests.containers.engine.probing import NO_RIGHTS, PROBE, greeting, probed
from tests.containers.folder import REPOSITORY, Folder
from tests.waiting import wait_for

METADATA = "169.254.169.254"
METADATA_6 = "fd00:ec2::254"


def has(address: str) -> None:
    """Gives this host one more address."""
    if address not in subprocess.run(["ip", "address"], capture_output=True, text=True).stdout:
        sudo = [] if os.geteuid() == 0 else ["sudo", "-n"]
        whole = 128 if ":" in address else 32
        subprocess.run([*sudo, "ip", "address", "add", f"{address}/{whole}", "dev", "lo"], check=True)


@pytest.fixture(scope="module")
def metadata() -> Iterator[int]:
    """The port of a server at the metadata address of a cloud, which this machine has for the tests' time."""
    has(METADATA)
    with greeting(METADATA) as port:
        yield port


@pytest.fixture(scope="module")
def seen(make_shared_folder: Callable[[], Folder], metadata: int) -> dict[str, Any]:
    """What a source sees that tries the metadata address by each way, and a name server there."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind((METADATA, 53))
        server.settimeout(120)

        def answer() -> None:
            _, who = server.recvfrom(512)
            server.sendto(b"answered", who)

        threading.Thread(target=answer, daemon=True).start()
        found, _ = probed(
            make_shared_folder(),
            [(METADATA, metadata), ("host.docker.internal", metadata)],
            datagrams=[(METADATA, 53), (METADATA, 80)],
            # This host answers for it on the bridge, so a packet that leaves arrives.
            devices=[(METADATA, metadata)],
        )
    return found


def test_a_source_reaches_no_metadata_address_and_has_no_more_rights_than_before(
    seen: dict[str, Any], metadata: int
) -> None:
    assert seen[f"{METADATA}:{metadata}"] == "OSError 101"
    # the host is there; it listens at the metadata address alone
    assert seen[f"host.docker.internal:{metadata}"] == "ConnectionRefusedError 111"
    assert set(seen["capabilities"]) == NO_RIGHTS


def test_a_name_server_at_a_link_local_address_is_asked_as_before(seen: dict[str, Any]) -> None:
    assert (seen[f"{METADATA}/53"], seen[f"{METADATA}/80"]) == ("answered", "OSError 101")


def test_a_source_that_names_the_device_by_itself_reaches_no_metadata_address_either(
    seen: dict[str, Any], metadata: int
) -> None:
    ways = seen[f"{METADATA}%{metadata}"]
    assert {way for way, came in ways.items() if came in ("reached", "answered")} == set()
    assert len(ways) == 6


BY_DEVICE = """
import socket, subprocess
from runner.supervise.link_local import Network, must_be_closed
for command in (
    "link add one type veth peer name two",
    "address add 10.1.2.3/24 dev one",
    "link set one up",
    "link set two up",
    "route add default via 10.1.2.1",
    "rule add to 169.254.0.0/16 unreachable",
):
    subprocess.run(["ip", *command.split()], check=True)
network = Network("169.254.0.0/16")
with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as kernel:
    must_be_closed(kernel, network, [])
    print("closed to what names none", flush=True)
    must_be_closed(kernel, network, [socket.if_nametoindex("one")])
"""


def test_the_proof_that_an_address_is_closed_finds_what_leaves_by_a_device_in_spite_of_a_rule() -> None:
    sudo = [] if os.geteuid() == 0 else ["sudo", "-n"]
    command = [*sudo, "unshare", "--net", sys.executable, "-c", BY_DEVICE]
    ended = subprocess.run(command, capture_output=True, text=True, cwd=REPOSITORY)
    assert ended.stderr.endswith("169.254.0.0/16 can be reached in spite of its rule\n")
    assert ended.stdout == "closed to what names none\n"


def test_on_a_network_with_ipv6_link_local_and_metadata_addresses_are_closed_and_neighbours_found(
    project: Folder,
) -> None:
    has(METADATA_6)
    pools = [docker.types.IPAMPool(subnet="fd99:7:7:7::/64", gateway="fd99:7:7:7::1")]
    network = project.client.networks.create(
        f"net-{project.name}", enable_ipv6=True, ipam=docker.types.IPAMConfig(pool_configs=pools)
    )
    assert network.id
    try:
        with greeting("::") as port:
            addresses = subprocess.run(
                ["ip", "-6", "-o", "address", "show", "dev", f"br-{network.id[:12]}"],
                capture_output=True,
                text=True,
            ).stdout
            (link,) = {word.split("/")[0] for word in addresses.split() if word.startswith("fe80:")}
            closed = [(link, port), (METADATA_6, port)]
            near = [("fd99:7:7:7::1", port)]
            seen, _ = probed(
                project, [*closed, *near], devices=[*closed, *near], container={"network": network.name}
            )
    finally:
        network.remove()
    for host, port in closed:
        assert seen[f"{host}:{port}"].startswith("OSError")
        assert not {"reached", "answered"} & set(seen[f"{host}%{port}"].values())
    ((host, port),) = near
    assert seen[f"{host}:{port}"] == "reached"
    assert set(seen[f"{host}%{port}"].values()) == {"reached", "answered"}


def test_a_network_of_the_users_has_no_way_to_the_metadata_address_either(
    project: Folder, metadata: int
) -> None:
    network = project.client.networks.create(f"net-{project.name}")
    try:
        seen, _ = probed(project, [(METADATA, metadata)], container={"network": network.name})
    finally:
        network.remove()
    assert seen[f"{METADATA}:{metadata}"] == "OSError 101"


def test_a_gateway_lets_to_the_metadata_address_only_where_it_is_listed_itself(
    project: Folder, metadata: int
) -> None:
    place = f"{METADATA}:{metadata}"
    elsewhere = {"egress": [f"192.0.2.1:{metadata}"]}
    seen, _ = probed(project, [(METADATA, metadata)], container=elsewhere)
    assert seen[place] == "ConnectionRefusedError 111"
    listed = {"egress": [place]}
    seen, _ = probed(project, [(METADATA, metadata)], container=listed)
    assert seen[place] == "reached"


TAKEN_OVER = "import os\nos.write(1, b'closed\\n')\nos._exit(0)\n"
TRIES = f"""
import socket
try:
    socket.create_connection(("{METADATA}", 80), 3)
except OSError as error:
    print(error.errno)
"""


@pytest.fixture
def taken_over(project: Folder) -> Iterator[str]:
    """A source's image in which a package has taken over the interpreter of its virtual environment."""
    project.code("probe", PROBE)
    project.source("probe", "probe", "probe")
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, text in {
            "opt/venv/bin/python._pth": "/opt/evil\n",
            "opt/evil/encodings.py": TAKEN_OVER,
        }.items():
            file = tarfile.TarInfo(name)
            file.size = len(text)
            archive.addfile(file, io.BytesIO(text.encode()))
    made = project.client.containers.create(project.image("probe").reference)
    made.put_archive("/", packed.getvalue())
    image = made.commit()
    made.remove()
    assert image.id
    yield image.id
    project.client.images.remove(image.id)


def test_the_metadata_address_is_closed_in_an_image_whose_interpreter_is_not_its_own(
    project: Folder, taken_over: str
) -> None:
    api = project.client.api
    base = find(project.client, "python:{python}-slim", "3.13", lambda line: None).reference
    user = JobUser(1000, 1000, owns_files=True)
    spec = ContainerSpec(f"{project.name}-x", taken_over, (), user, base=base)
    nowhere = replace(spec, base="localhost:9/nowhere:1")
    refused = pytest.raises(
        NetworkRefused, match="can't be closed to the source without localhost:9/nowhere:1"
    )
    with refused, Networks(api).of(nowhere, "run", podman=False):
        pass
    with Networks(api).of(spec, "run", podman=False) as network:
        network.open(lambda line: None)
        network.wait_closed()
        container = project.client.containers.run(
            taken_over, ["sleep", "60"], network_mode=network.mode, detach=True
        )
        try:
            tried = container.exec_run(["/usr/bin/env", "-i", "python3", "-c", TRIES])
            assert tried.output == f"{errno.ENETUNREACH}\n".encode()
        finally:
            container.remove(force=True)


def test_two_sources_that_run_side_by_side_cannot_reach_each_other(
    project: Folder, make_folder: Callable[[], Folder]
) -> None:
    project.code("probe", PROBE)
    project.source("server", "probe", "serve", {"port": 7000, "seconds": 600})
    with ThreadPoolExecutor() as pool:
        serving = pool.submit(project.must, "server")

        def address() -> str:
            container = project.container("server")
            assert b"listens" in container.logs()
            joined = project.client.containers.get(
                container.attrs["HostConfig"]["NetworkMode"].removeprefix("container:")
            )
            return str(joined.attrs["NetworkSettings"]["Networks"][NETWORK]["IPAddress"])

        place = wait_for(address)
        other = make_folder()
        for walls in ({}, {"egress": [f"{place}:7000"]}):
            seen, _ = probed(other, [(place, 7000)], container=walls)
            assert seen[f"{place}:7000"] == "TimeoutError None"
        # It did listen all the while: this host reaches it.
        socket.create_connection((place, 7000), 5).close()
        serving.result()
    assert project.rows("SELECT met FROM raw_server.serve") == [("somebody",)]


LISTENS = """
import socket
with socket.create_server(("", 7000)) as server:
    while True:
        server.accept()[0].sendall(b"hello")
"""


def test_a_container_on_the_engines_default_bridge_is_no_neighbour_of_a_gateway(project: Folder) -> None:
    project.code("probe", PROBE)
    project.source("probe", "probe", "probe")
    image = project.image("probe").reference
    command = ["/opt/venv/bin/python", "-c", LISTENS]
    neighbour = project.client.containers.run(
        image, command, network="bridge", labels={"dltpod.project": project.name}, detach=True
    )
    neighbour.reload()
    place = neighbour.attrs["NetworkSettings"]["Networks"]["bridge"]["IPAddress"]
    wait_for(lambda: socket.create_connection((place, 7000), 5).recv(5) == b"hello")
    walls = {"egress": [f"{place}/32:7000"]}
    seen, _ = probed(project, [(place, 7000)], container=walls)
    assert seen[f"{place}:7000"] == "TimeoutError None"


ADDRESSES_FOR = 4


@pytest.fixture(scope="module")
def own_host(client: docker.DockerClient) -> Iterator[str]:
    """Where an engine of its own listens, which has addresses for so many networks."""
    settings = {"default-address-pools": [{"base": "10.99.4.0/22", "size": 24}]}
    with own_engine(client, settings=settings) as engine:
        yield engine.host


@pytest.fixture
def own(own_host: str) -> Iterator[docker.DockerClient]:
    """That engine, without a network of anybody's."""
    engine = connect({**os.environ, "DOCKER_HOST": own_host})
    yield engine
    engine.networks.prune()
    engine.close()


def test_launchers_that_start_at_once_make_one_network_that_keeps_containers_apart(
    own: docker.DockerClient,
) -> None:
    rounds = 5
    for _ in range(rounds):
        with ThreadPoolExecutor(8) as pool:
            assert set(pool.map(own_network, [own.api] * 8)) == {NETWORK}
        (network,) = own.networks.list(names=[NETWORK])
        assert network.attrs["Options"] == {"com.docker.network.bridge.enable_icc": "false"}
        assert network.attrs["Labels"] == {"dltpod.managed": "1"}
        network.remove()
    # nor were there ever two, not for a moment: the engine would have refused the name to a container
    wanted = {"type": "network", "event": "create"}
    made = list(own.events(since=0, until=int(time.time()) + 1, filters=wanted, decode=True))
    assert len(made) == rounds


def test_an_engine_without_addresses_for_another_network_is_told_with_the_way_out(
    own: docker.DockerClient,
) -> None:
    for number in range(ADDRESSES_FOR):
        own.networks.create(f"somebodys{number}")
    with pytest.raises(NetworkRefused, match=r"can't make dltpod's network: .*address pool") as refused:
        own_network(own.api)
    assert refused.value.hint.startswith("`docker network prune`")


def test_a_network_of_that_name_that_keeps_nothing_apart_is_refused(own: docker.DockerClient) -> None:
    own.networks.create(NETWORK)
    with pytest.raises(NetworkRefused, match="a network dltpod in which containers reach each other"):
        own_network(own.api)
    spec = ContainerSpec("x", "image", (), JobUser(1000, 1000, owns_files=True), network="none")
    with Networks(own.api).of(spec, "run", podman=False) as network:
        assert network.mode == "none"
