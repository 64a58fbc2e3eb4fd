"""Images in a registry (Debian's docker-registry, with a login), and images with the code baked in."""

from __future__ import annotations

import base64
import contextlib
import json
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from launcher.config.models import Source
from launcher.errors import BuildError, ConfigurationError, Exit, worst_exit
from launcher.host.docker_engine import connect
from launcher.images import deploy
from launcher.images.build_many import BuildOptions, build
from launcher.images.registry import push, remote
from launcher.images.tags import Image, environment_tag, source_tag
from tests.containers.images.conftest import Workshop
from tests.ports import held_port
from tests.waiting import wait_for

CONFIG = """\
version: 0.1
storage: {{filesystem: {{rootdirectory: {root}/images}}}}
http: {{addr: "127.0.0.1:{port}"}}
auth: {{htpasswd: {{realm: test, path: {root}/htpasswd}}}}
"""
USER, PASSWORD = "pusher", "hunter2-of-the-registry"


@dataclass
class Registry:
    address: str
    login: Path
    """A folder with the config.json that `docker login` writes."""


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    if shutil.which("docker-registry") is None:
        subprocess.run(["apt-get", "update", "-qq"], capture_output=True, check=False)
        install = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", "docker-registry"]
        if subprocess.run(install, capture_output=True, check=False).returncode != 0:
            pytest.fail("this test needs a registry: apt-get install docker-registry", pytrace=False)
    root = tmp_path_factory.mktemp("registry")
    with held_port() as port:
        crypt = ["perl", "-e", 'print crypt($ARGV[0], q($2y$05$) . "a" x 22)', PASSWORD]
        hashed = subprocess.run(crypt, capture_output=True, text=True, check=True).stdout
        (root / "htpasswd").write_text(f"{USER}:{hashed}\n")
        (root / "config.yml").write_text(CONFIG.format(root=root, port=port))
        login = root / "login"
        login.mkdir()
        auth = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        (login / "config.json").write_text(json.dumps({"auths": {f"localhost:{port}": {"auth": auth}}}))
        with (root / "log").open("wb") as log:
            process = subprocess.Popen(
                ["docker-registry", "serve", str(root / "config.yml")], stdout=log, stderr=log
            )
            try:
                wait_for(lambda: socket.create_connection(("127.0.0.1", port), 5)).close()
                yield Registry(f"localhost:{port}", login)
            finally:
                process.terminate()
                process.wait(60)


@pytest.fixture
def shop(workshop: Workshop, registry: Registry) -> Iterator[Workshop]:
    """A project with that registry, and the user's login to it."""
    with logged_in(workshop, registry):
        yield workshop


@contextlib.contextmanager
def logged_in(workshop: Workshop, registry: Registry) -> Iterator[None]:
    workshop.registry = registry.address
    before = workshop.client
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DOCKER_CONFIG", str(registry.login))
        workshop.client = connect({**workshop.environ, "DOCKER_CONFIG": str(registry.login)})
        yield
    for tag in workshop.tags(registry.address):
        workshop.client.images.remove(tag, force=True)
    workshop.client.close()
    workshop.client = before


@dataclass(frozen=True)
class Stocked:
    """Such a project with one source, whose image was made, and what was said then."""

    shop: Workshop
    source: Source
    image: Image
    said: tuple[str, ...]


@pytest.fixture(scope="module")
def stocked(make_shared_workshop: Callable[[], Workshop], registry: Registry) -> Iterator[Stocked]:
    shop = make_shared_workshop()
    with logged_in(shop, registry):
        source = shop.source(requirements=(shop.package(),))
        image = shop.images(source).ensure(shop.describe(source))
        yield Stocked(shop, source, image, tuple(shop.said))


def forget(workshop: Workshop, *references: str) -> None:
    """The machine is cold again: no tag of those here."""
    for reference in references:
        for tag in workshop.tags(reference):
            workshop.client.images.remove(tag, force=True)


def test_what_the_registry_lacks_is_built_and_that_is_said(stocked: Stocked) -> None:
    assert stocked.image.built
    assert stocked.said[0].endswith("is not to be had: the registry has no such tag")


def test_a_cold_machine_asks_for_the_bases_digest_and_takes_its_layers_only_to_build(shop: Workshop) -> None:
    base = f"{shop.registry}/python"
    shop.client.api.tag(shop.images().base("3.13").reference, base, tag="3.13")
    list(shop.client.api.push(base, tag="3.13", stream=True))
    shop.base_image = f"{base}:{{python}}"
    source = shop.source(requirements=(shop.wheel(),))
    warm = shop.describe(source)
    first = shop.images(source).ensure(warm)
    push(shop.client, shop.registry, first.reference, shop.said.append)
    forget(shop, source_tag(warm), environment_tag(warm), base)
    cold = shop.describe(source)
    assert cold.digest == warm.digest
    assert shop.images(source).ensure(cold).built is False
    assert shop.tags(base) == []
    forget(shop, source_tag(warm), environment_tag(warm))
    shop.registry = None
    shop.wheel("VALUE = 2\n")
    again = shop.images(source)
    assert again.ensure(again.describe(source)).built


def test_without_pulling_a_base_image_that_is_not_there_is_known_by_its_digest(shop: Workshop) -> None:
    """What ``sync --dry-run`` goes by."""
    base = f"{shop.registry}/python"
    shop.client.api.tag(shop.images().base("3.13").reference, base, tag="3.13")
    list(shop.client.api.push(base, tag="3.13", stream=True))
    shop.registry, shop.base_image = None, f"{base}:{{python}}"
    forget(shop, base)
    source = shop.source(requirements=(shop.wheel(),))
    dry = shop.images(source, pull=False).describe(source)
    assert shop.tags(base) == []
    assert shop.describe(source).digest == dry.digest
    assert shop.tags(base) == [f"{base}:3.13"]


def test_a_push_without_a_login_is_told(
    stocked: Stocked, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop, image = stocked.shop, stocked.image
    with pytest.raises(ConfigurationError, match="there is no registry to push to"):
        push(shop.client, None, image.reference, shop.said.append)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "no-login"))
    stranger = connect({**shop.environ, "DOCKER_CONFIG": str(tmp_path / "no-login")})
    with pytest.raises(BuildError) as error:
        push(stranger, shop.registry, image.reference, shop.said.append)
    stranger.close()
    assert error.value.message.endswith("could not be pushed: not logged in")
    assert error.value.hint.startswith(f"docker login {shop.registry}")


def test_a_deploy_image_holds_the_code_and_nobodys_secrets(stocked: Stocked) -> None:
    shop, source = stocked.shop, stocked.source
    (shop.root / "custom_sources/.env").write_text("TOKEN=hunter2\n")
    options = BuildOptions(deploy=True, push=True)
    (built,) = build(shop.project(source), [source], options, client=shop.client, environ=shop.environ)
    assert built.error is None
    assert built.image is not None
    assert built.pushed.startswith(f"{shop.registry}/dltpod/deploy@sha256:")
    code = "import sys; sys.path.append('/opt/custom_sources'); import os, demo;"
    code += "print(sorted(os.listdir('/opt/custom_sources')), os.getuid())"
    assert shop.run(built.image.reference, code) == "['__pycache__', 'demo.py'] 65532"
    labels = shop.client.images.get(built.image.reference).labels
    assert labels["org.opencontainers.image.version"] == built.image.environment.digest
    assert labels["org.opencontainers.image.title"] == "acme"
    assert labels["dltpod.dlt"] == "==1.31.0"


def test_what_the_registry_has_is_pulled_and_not_built(stocked: Stocked) -> None:
    shop, source, first = stocked.shop, stocked.source, stocked.image
    environment = shop.describe(source)
    there = push(shop.client, shop.registry, first.reference, shop.said.append)
    assert there.startswith(f"{shop.registry}/dltpod/source@sha256:")
    forget(shop, source_tag(environment), environment_tag(environment))
    shop.said.clear()
    nothing = {**shop.environ, "PATH": "/nonexistent"}
    again = shop.images(source, environ=nothing).ensure(environment)
    assert (again.reference, again.packages, again.built) == (first.reference, first.packages, False)
    assert shop.said == [f"pulled {remote(shop.registry or '', first.reference)}"]


def test_a_deploy_image_of_the_same_inputs_has_the_same_layers_bit_for_bit(stocked: Stocked) -> None:
    shop, source = stocked.shop, stocked.source
    project = shop.project(source).model_copy(update={"registry": None})
    forget(shop, deploy.tag(shop.describe(source), deploy.code_digest(project)))
    layers: set[tuple[str, ...]] = set()
    for _ in range(2):
        # The second time, --upgrade keeps the builder from taking the environment's layer from its cache.
        (built,) = build(
            project,
            [source],
            BuildOptions(deploy=True, upgrade=bool(layers)),
            client=shop.client,
            environ=shop.environ,
        )
        assert built.image is not None
        assert built.image.built
        found = shop.client.images.get(built.image.reference)
        layers.add(tuple(found.attrs["RootFS"]["Layers"]))
        forget(shop, built.image.reference)
    assert len(layers) == 1


def test_changed_code_is_another_deploy_image_on_the_same_environment(shop: Workshop) -> None:
    source = shop.source(requirements=(shop.package(),))
    project, environment = shop.project(source), shop.describe(source)
    before = deploy.tag(environment, deploy.code_digest(project))
    (shop.root / "custom_sources/demo.py").write_text("X = 2\n")
    after = deploy.tag(shop.describe(source), deploy.code_digest(project))
    assert before.rpartition("-")[0] == after.rpartition("-")[0]
    assert before != after


def test_one_environments_fault_stops_no_other(shop: Workshop) -> None:
    shop.registry = None
    wheel = shop.wheel()
    good = shop.source(requirements=(wheel,))
    twin = shop.source("twin", requirements=(wheel,))
    bad = shop.source("bad", requirements=("six<1.16", "six>1.16"))
    worse = shop.source("worse", extras=("nowhere",), destination="dummy")
    shop.verified = shop.verified.model_copy(update={"location": "custom_sources"})
    (shop.root / "custom_sources/sources").mkdir()
    sources = [good, twin, bad, worse]
    built = build(
        shop.project(*sources), sources, BuildOptions(jobs=2), client=shop.client, environ=shop.environ
    )
    told = {item.sources: item.error.message if item.error else "" for item in built}
    assert set(told) == {("worse",), ("one", "twin"), ("bad",)}
    assert told["one", "twin"] == ""
    assert "six<1.16" in told[("bad",)]
    assert "'nowhere' is neither an extra of dlt" in told[("worse",)]
    assert worst_exit(item.error for item in built) is Exit.USAGE
