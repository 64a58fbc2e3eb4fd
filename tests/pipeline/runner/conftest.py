from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.pipeline.runner.box import Box
from tests.pipeline.runner.forkserver import ForkServer


@pytest.fixture(scope="session")
def server() -> Iterator[ForkServer]:
    """One process with dlt imported, for all tests of a session."""
    server = ForkServer()
    yield server
    server.close()


@pytest.fixture
def box(tmp_path: Path, server: ForkServer) -> Box:
    """A container's root of this test's own, whose runs are forked."""
    return Box(tmp_path, server)


@pytest.fixture
def real_box(tmp_path: Path) -> Box:
    """The same, whose runs are `python -m runner`, from the start of the interpreter on."""
    return Box(tmp_path)
