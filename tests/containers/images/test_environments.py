"""An environment's image: made once, of what was asked for, and told from all others."""

from __future__ import annotations

import io
import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from launcher.config.models import Source
from launcher.environment.values import Environment
from launcher.errors import BuildError
from launcher.images import contexts
from launcher.images.build import Builder
from launcher.images.tags import Image, environment_tag, source_tag
from tests.containers.images.conftest import Workshop
from tests.unit.images.projects import committed, verified_tree

HOLDER = """\
[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"
[project]
name = "holder"
version = "1"
[tool.setuptools]
packages = []
"""


@dataclass(frozen=True)
class Made:
    """An environment of one source, its image, and the project that it was made in."""

    workshop: Workshop
    source: Source
    environment: Environment
    image: Image


@pytest.fixture(scope="module")
def made(make_shared_workshop: Callable[[], Workshop]) -> Made:
    """One with a package of the project's own and one of the index."""
    workshop = make_shared_workshop()
    source = workshop.source(requirements=(workshop.wheel(), "six==1.16.0"))
    environment = workshop.describe(source)
    return Made(workshop, source, environment, workshop.images(source).ensure(environment))


@pytest.fixture(scope="module")
def full(make_shared_workshop: Callable[[], Workshop], tmp_path_factory: pytest.TempPathFactory) -> Made:
    """One with all else that there is: a Debian package, a git requirement, a verified source, a command,
    and another version of a package than the default's."""
    workshop = make_shared_workshop()
    workshop.package()
    tree = workshop.root / "packages" / workshop.mark
    committed(tree)
    subprocess.run(["git", "clone", "-q", "--bare", str(tree), str(tree / "bare")], check=True)
    (tree / "bare/refs/heads/keep").touch()
    # The build sees a local package's whole folder: here with a bare repository in it, to fetch from.
    (workshop.root / "packages/holder").mkdir()
    (workshop.root / "packages/holder/pyproject.toml").write_text(HOLDER)
    (tree / "bare").rename(workshop.root / "packages/holder/bare")
    inside = "file:///dev/dltpod/environment/local/packages/holder/bare"
    verified = verified_tree(tmp_path_factory.mktemp("verified"))
    workshop.verified = workshop.verified.model_copy(update={"location": str(verified)})
    source = workshop.source(
        module="zoo",
        destination="dummy",
        extras=("zoo",),
        system_packages=("git",),  # which the requirement brings too, as in other tests: one layer for all
        requirements=(
            "./packages/holder",
            f"{workshop.mark} @ git+{inside}@master",
            *("duckdb==1.3.2", "pyjwt==2.9.0", "jsonschema==4.23.0"),
        ),
    )
    environment = workshop.describe(source)
    return Made(workshop, source, environment, workshop.images(source).ensure(environment))


def test_what_a_source_asks_for_is_there_and_stands_on_the_label(made: Made) -> None:
    own, image = made.workshop.mark, made.image
    assert image.built
    assert image.packages[own] == "1.0"
    assert image.packages["six"] == "1.16.0"
    assert image.packages["dlt"] == "1.31.0"
    code = f"import dlt, six, {own} as own; print(dlt.__version__, six.__version__, own.VALUE)"
    assert made.workshop.run(image.reference, code) == "1.31.0 1.16.0 1"


def test_an_image_that_is_there_needs_no_builder_and_no_network(made: Made) -> None:
    nothing = {**made.workshop.environ, "PATH": "/nonexistent", "HTTPS_PROXY": "http://127.0.0.1:9"}
    again = made.workshop.images(made.source, environ=nothing).ensure(made.environment)
    assert again.reference == made.image.reference
    assert again.packages == made.image.packages
    assert not again.built


def test_a_new_runner_rebuilds_no_environment(
    made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workshop, tag = made.workshop, environment_tag(made.environment)
    identity = workshop.client.images.get(tag).id
    newer = tmp_path / "newer/runner"
    newer.mkdir(parents=True)
    for file in contexts.runner_folder().glob("*.py"):
        (newer / file.name).write_bytes(file.read_bytes())
    (newer / "__init__.py").write_text("NEWER = 1\n")
    monkeypatch.setattr(contexts, "runner_folder", lambda: newer)
    second = workshop.images(made.source).ensure(made.environment)
    assert second.reference != made.image.reference
    assert second.packages == made.image.packages
    assert workshop.client.images.get(tag).id == identity
    assert workshop.run(second.reference, "import dltpod_runner as code; print(code.NEWER)") == "1"
    assert [line for line in workshop.said if line.startswith("building the environment")] == [
        "building the environment of one"
    ]


def test_an_environment_without_its_list_of_packages_is_used_as_it_is(workshop: Workshop) -> None:
    source = workshop.source(requirements=(workshop.wheel(),))
    environment = workshop.describe(source)
    default = Builder(workshop.images(source).options).default(environment)
    bare = io.BytesIO(f"FROM {default}\nRUN rm -f /opt/dltpod/packages.json\n".encode())
    below = environment_tag(environment)
    workshop.client.images.build(fileobj=bare, tag=below, rm=True)
    try:
        image = workshop.images(source).ensure(environment)
        assert (image.built, image.packages) == (True, {})
    finally:
        for tag in (source_tag(environment), below):
            workshop.client.images.remove(tag, force=True)


def test_a_source_that_asks_for_nothing_adds_no_layer_but_the_runners(workshop: Workshop) -> None:
    source = workshop.source()
    environment = workshop.describe(source)
    image = workshop.images(source).ensure(environment)
    layers = workshop.client.images.get(image.reference).attrs["RootFS"]["Layers"]
    below = workshop.client.images.get(environment_tag(environment)).attrs["RootFS"]["Layers"]
    assert layers[:-1] == below
    tags = workshop.client.images.get(environment_tag(environment)).tags
    assert any(tag.startswith("dltpod/default:3.13-") for tag in tags)


def test_the_layer_of_a_source_holds_only_what_the_default_lacks(made: Made) -> None:
    newest = made.workshop.client.images.get(environment_tag(made.environment)).history()[0]
    assert newest["Size"] < 200_000


def test_everything_is_compiled_already(made: Made) -> None:
    code = (
        "import dlt, six, dltpod_runner.contract as own, importlib.util as u, pathlib as p;"
        "print([p.Path(u.cache_from_source(m.__file__)).exists() for m in (dlt, six, own)])"
    )
    assert made.workshop.run(made.image.reference, code) == "[True, True, True]"


def test_an_installation_tells_of_itself_where_it_lies_and_its_files_are_what_it_says(full: Made) -> None:
    wrong = """
import base64, hashlib, importlib.metadata, jwt, pathlib
print(jwt.decode.__code__.co_filename)
for one in importlib.metadata.distributions():
    for file in one.files:
        there = pathlib.Path(one.locate_file(file))
        if not there.exists() and there.suffix != ".pyc":
            print("lacks", there)
        elif file.hash:
            made = base64.urlsafe_b64encode(hashlib.sha256(there.read_bytes()).digest()).rstrip(b"=").decode()
            print("differs", there) if made != file.hash.value else None
print(pathlib.Path("/opt/venv/bin/jsonschema").read_text().splitlines()[0])
"""
    assert full.workshop.run(full.image.reference, wrong).splitlines() == [
        "/opt/venv/lib/python3.13/site-packages/jwt/api_jwt.py",
        "#!/opt/venv/bin/python",
    ]


def test_another_version_leaves_nothing_of_the_one_that_it_takes_the_place_of(full: Made) -> None:
    run, image = full.workshop.run, full.image.reference
    listed = "import glob; print(sorted(glob.glob('/opt/venv/lib/*/site-packages/duckdb*')))"
    folder = "/opt/venv/lib/python3.13/site-packages"
    assert run(image, listed) == str(
        [f"{folder}/{name}" for name in ("duckdb", "duckdb-1.3.2.dist-info", "duckdb-stubs")]
    )
    code = "import duckdb, os; print(duckdb.__version__, os.path.exists(os.path.join("
    code += "os.path.dirname(duckdb.__file__), '..', '_duckdb')))"
    assert run(image, code) == "1.3.2 False"


def test_the_image_runs_as_nobody_and_starts_the_runner(workshop: Workshop) -> None:
    source = workshop.source()
    image = workshop.images(source).ensure(workshop.describe(source))
    config = workshop.client.images.get(image.reference).attrs["Config"]
    assert config["User"] == "65532:65532"
    assert config["Cmd"] == ["/opt/venv/bin/python", "-S", "-m", "dltpod_runner"]
    assert config["WorkingDir"] == "/opt/dltpod"


def test_system_packages_and_a_git_requirement_are_installed(full: Made) -> None:
    assert full.environment.system_packages == ("git",)
    assert re.fullmatch(r"1\.0@[0-9a-f]{40}", full.image.packages[full.workshop.mark])
    where = "import shutil; print(shutil.which('git'))"
    assert full.workshop.run(full.image.reference, where) == "/usr/bin/git"


def test_debian_packages_are_installed_once_for_all_environments_that_ask_for_the_same(full: Made) -> None:
    before = len(full.workshop.said)
    packages = full.environment.system_packages
    other = full.workshop.source("other", system_packages=packages, requirements=("six<1.16", "six>1.16"))
    with pytest.raises(BuildError, match="six"):
        full.workshop.images(other).ensure(full.workshop.describe(other))
    assert [line for line in full.workshop.said[before:] if line.startswith("Setting up")] == []


def test_a_verified_source_is_placed_where_the_runner_looks(full: Made) -> None:
    assert full.image.packages["six"].startswith("1.")
    code = "import sys; sys.path.append('/opt/verified_sources'); import zoo;"
    code += "print(list(zoo.rows()), zoo.__file__)"
    told = "[{'a': 1}] /opt/verified_sources/zoo/__init__.py"
    assert full.workshop.run(full.image.reference, code) == told


def test_a_base_image_that_cannot_be_had_is_told_with_the_way_out(workshop: Workshop) -> None:
    source = workshop.source(python="3.12")
    with pytest.raises(BuildError) as error:
        workshop.describe(source)
    assert error.value.message.startswith("base image python:3.12-slim is not present and can't be pulled")
    assert error.value.hint == "container.python: '3.13' or '3.11' can be made from Debian packages"
    assert source_tag(workshop.describe(workshop.source())).startswith("dltpod/source:")
