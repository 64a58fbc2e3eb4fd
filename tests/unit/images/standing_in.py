"""A stand-in for an engine, which the SDK talks to."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import docker

from tests.stand_ins.web import Answer, Site, serving


@contextlib.contextmanager
def engine(answer: Callable[[str], Answer]) -> Iterator[docker.DockerClient]:
    """A client of an engine that answers each call by its path, without the version of the API."""
    site = Site("", lambda asked: answer(asked.path.removeprefix("/v1.41")))
    with serving([site]) as port:
        client = docker.DockerClient(base_url=f"tcp://127.0.0.1:{port}", version="1.41")
        with contextlib.closing(client):
            yield client
