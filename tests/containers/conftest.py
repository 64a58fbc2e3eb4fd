"""What tests on the real engine stand on. Without an engine they fail, with the line that starts one."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from docker.errors import APIError

from launcher.errors import EngineError
from launcher.host.docker_engine import connect
from tests.containers.folder import NO_NETWORK, Folder
from tests.containers.gallery import verified

if TYPE_CHECKING:
    import docker


LONG = (
    "test_guides.py",
    "test_registry.py",
    "test_locks.py",
    "test_network.py",
    "test_commands.py",
    "test_killed_runs.py",
    "test_version_matrix.py",
    "test_ends.py",
    "test_demo_sources.py",
    "test_saas.py",
    "test_installed.py",
    "test_compose.py",
    "test_backfill.py",
    "test_streams.py",
    "test_environments.py",
    "test_shared_file.py",
    "test_docs_examples.py",
    "test_own_engine.py",
    "test_index_credentials.py",
    "test_failures.py",
    "test_git_credentials.py",
    "test_settings.py",
    "test_ci.py",
    "test_first_sync.py",
    "test_disk.py",
    "test_databases.py",
    "test_files.py",
    "test_start_files.py",
    "test_nothing_leaks.py",
    "test_api.py",
    "test_soak.py",
    "test_package.py",
    "test_field_cases.py",
)
"""The files that take longest. They are begun first, so that no worker is left alone with one in the end."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: LONG.index(item.path.name) if item.path.name in LONG else len(LONG))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    terminalreporter.write_line(verified.said())


@pytest.fixture(scope="session")
def client() -> Iterator[docker.DockerClient]:
    """The engine that the docker CLI would use."""
    try:
        found = connect(os.environ)
    except EngineError as error:
        pytest.fail(f"these tests need a container engine: {error.message}; {error.hint}", pytrace=False)
    yield found
    found.close()


@pytest.fixture
def make_folder(client: docker.DockerClient) -> Iterator[Callable[[], Folder]]:
    """Makes project folders, each a project of its own name; none of their containers and networks stays."""
    with folders(client) as make:
        yield make


@pytest.fixture(scope="module")
def make_shared_folder(client: docker.DockerClient) -> Iterator[Callable[[], Folder]]:
    """The same for folders that the tests of a module begin with."""
    with folders(client) as make:
        yield make


@contextlib.contextmanager
def folders(client: docker.DockerClient) -> Iterator[Callable[[], Folder]]:
    made: list[Folder] = []

    def make() -> Folder:
        root = Path(tempfile.mkdtemp(prefix="dltpod-test-"))
        made.append(Folder(root, f"t{secrets.token_hex(4)}", client))
        return made[-1]

    yield make
    for folder in made:
        for container in folder.containers():
            # A launcher that the test killed has left someone who removes them too.
            try:
                container.remove(force=True, v=True)
            except APIError as error:
                if error.status_code not in (404, 409):
                    raise
        for network in client.networks.list(filters={"label": f"com.docker.compose.project={folder.name}"}):
            network.remove()
        shutil.rmtree(folder.root, ignore_errors=True)


@pytest.fixture
def project(make_folder: Callable[[], Folder]) -> Folder:
    """One project folder: fill it with sources, sync it, look at what came of it."""
    return make_folder()


@pytest.fixture
def offline(project: Folder) -> Folder:
    """One without a network, for tests of something else."""
    project.defaults = NO_NETWORK
    return project
