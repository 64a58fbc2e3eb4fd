"""How a container reaches stand-ins of this machine: in a network of the tests' own, under the real names."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import docker
import pytest
from testcontainers.core.config import testcontainers_config
from testcontainers.core.container import DockerContainer
from testcontainers.core.network import Network
from testcontainers.core.wait_strategies import LogMessageWaitStrategy

from tests.containers.folder import bridge_address, image_tags
from tests.stand_ins.web import Site, authority, serving

testcontainers_config.ryuk_disabled = True  # its image can't be had without a registry

# What listens under the host names: each connection goes on to a port of this machine.
FORWARD = """
import asyncio, sys
async def copy(reader, writer):
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()
def to(port):
    async def connected(reader, writer):
        there = await asyncio.open_connection("host.docker.internal", port)
        await asyncio.gather(copy(reader, there[1]), copy(there[0], writer))
    return connected
async def main():
    servers = []
    for pair in sys.argv[1:]:
        own, port = map(int, pair.split(":"))
        servers.append(await asyncio.start_server(to(port), "0.0.0.0", own))
    print("ready", flush=True)
    await asyncio.gather(*(server.serve_forever() for server in servers))
asyncio.run(main())
"""


def base_image(client: docker.DockerClient) -> str:
    """An image with Python that is on this machine."""
    return "dltpod/base:3.13" if "dltpod/base:3.13" in image_tags(client) else "python:3.13-slim"


def standing_in(
    client: docker.DockerClient, where: Network, names: list[str], command: list[str]
) -> DockerContainer:
    """A container that will have host names in a network; as a context it runs, from when it says "ready"."""
    container = DockerContainer(base_image(client)).with_command(command)
    container.with_network(where).with_network_aliases(*names)
    container.with_kwargs(init=True, extra_hosts={"host.docker.internal": "host-gateway"})
    return container.waiting_for(LogMessageWaitStrategy("ready").with_poll_interval(0.1))


@contextlib.contextmanager
def reached_as(client: docker.DockerClient, names: list[str], ports: Mapping[int, int]) -> Iterator[str]:
    """A network in which the names lead to this machine: each of the ports to another one here."""
    command = ["python3", "-c", FORWARD, *(f"{own}:{port}" for own, port in ports.items())]
    with Network() as where, standing_in(client, where, names, command):
        yield where.name


@contextlib.contextmanager
def https(client: docker.DockerClient, folder: Path, *sites: Site) -> Iterator[str]:
    """A network in which the sites are reached under their own names, with certificates that dltpod is told
    to trust as a company's are: by SSL_CERT_FILE."""
    names = [site.host for site in sites]
    made = authority(folder, names)
    known = Path(os.environ.get("SSL_CERT_FILE") or "/etc/ssl/certs/ca-certificates.crt")
    bundle = folder / "bundle.pem"
    bundle.write_text(known.read_text() + made.certificate.read_text())
    with pytest.MonkeyPatch.context() as patch:
        for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
            patch.setenv(name, str(bundle))
        with (
            serving(sites, bridge_address(client), made.server) as port,
            reached_as(client, names, {443: port}) as where,
        ):
            yield where
