"""A namespace on the cluster that KUBECONFIG names, an image that it has, and a Postgres that it reaches.

``DLTPOD_TEST_LOAD_IMAGE``  the command that hands an image of the Docker engine to the cluster's nodes,
                            called with the image's name: ``kind load docker-image``, ``k3d image import``
``DLTPOD_TEST_POD_HOST``    the address at which a pod reaches this machine
``DLTPOD_TEST_NODE_DOWN``   the command that stops the node's kubelet, and
``DLTPOD_TEST_NODE_UP``     the one that starts it again
"""

from __future__ import annotations

import os
import secrets
import shlex
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from launcher.engines.kubernetes.api import Api, ApiError, Unreachable, connect
from launcher.errors import DltpodError
from tests.kubernetes.cluster import Cluster, build_image
from tests.kubernetes.postgres import Postgres

_NEEDS = """the Kubernetes tests need a cluster:
  KUBECONFIG              its kubeconfig; kind, k3d or a real one will do
  DLTPOD_TEST_LOAD_IMAGE  the command that hands it an image, e.g. 'kind load docker-image'
  DLTPOD_TEST_POD_HOST    the address at which its pods reach this machine, e.g. 172.18.0.1 for kind
  DLTPOD_TEST_NODE_DOWN, DLTPOD_TEST_NODE_UP  commands that stop and start its kubelet,
                          e.g. 'docker exec kind-control-plane systemctl stop kubelet'"""


@pytest.fixture(scope="session")
def api() -> Api:
    """The cluster. Without one the tests fail, and say what they need."""
    if not os.environ.get("KUBECONFIG"):
        pytest.exit(_NEEDS, returncode=2)
    try:
        found = connect(os.environ)
        found.get("/version")
    except (DltpodError, ApiError, Unreachable) as error:
        pytest.exit(f"{_NEEDS}\n{os.environ['KUBECONFIG']}: {error}", returncode=2)
    return found


@pytest.fixture(scope="session")
def namespace(api: Api) -> Iterator[str]:
    """A namespace of the tests' own, gone afterwards with all that is in it."""
    name = f"dltpod-test-{secrets.token_hex(3)}"
    api.create("/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    path = f"/api/v1/namespaces/{name}"
    until = time.monotonic() + 60
    while time.monotonic() < until:
        # Pods are refused until the controller has made the namespace's default account.
        if api.get(f"{path}/serviceaccounts").get("items"):
            break
        time.sleep(0.1)
    yield name
    api.delete(path, propagation="Foreground")
    until = time.monotonic() + 120
    while time.monotonic() < until:
        try:
            api.get(path)
        except ApiError as error:
            assert error.status == 404
            return
        time.sleep(0.5)
    raise AssertionError(f"namespace {name} is still there")


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A Postgres on this machine that the pods reach."""
    host = os.environ.get("DLTPOD_TEST_POD_HOST")
    if not host:
        pytest.exit(_NEEDS, returncode=2)
    with Postgres.started(host) as server:
        yield server


@pytest.fixture(scope="session")
def image(tmp_path_factory: pytest.TempPathFactory) -> str:
    """An image with the runner, dlt's Postgres and the tests' sources, that the cluster's nodes have."""
    load = os.environ.get("DLTPOD_TEST_LOAD_IMAGE")
    if not load:
        pytest.exit(_NEEDS, returncode=2)
    client = docker.from_env()
    reference = build_image(client, tmp_path_factory.mktemp("image"))
    subprocess.run([*shlex.split(load), reference], check=True, capture_output=True)
    client.close()
    return reference


@pytest.fixture
def cluster(api: Api, namespace: str, image: str, postgres: Postgres, tmp_path: Path) -> Iterator[Cluster]:
    """A project that runs in the namespace and loads into the Postgres; it leaves nothing in there."""
    made = Cluster(api, namespace, image, postgres, tmp_path)
    yield made
    made.assert_nothing_left()
