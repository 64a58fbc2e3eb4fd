"""A private index, a proxy and a CA bundle reach the build and stay in no layer, argument or history."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from launcher.errors import BuildError
from launcher.images.tags import environment_tag
from tests.containers.images.conftest import Workshop
from tests.containers.images.server import PASSWORD, serving, wheel


@pytest.fixture
def index(workshop: Workshop) -> Iterator[str]:
    """An index that asks for a password and has the test's package, where builds can reach it."""
    with serving(workshop.client) as server:
        server.private[f"{workshop.mark}-1.0-py3-none-any.whl"] = wheel(
            workshop.mark, **{workshop.mark: "VALUE = 'from the private index'\n"}
        )
        server.open[f"open{workshop.mark}-1.0-py3-none-any.whl"] = wheel(f"open{workshop.mark}")
        yield server.private_index


def test_nothing_of_them_stays_in_the_saved_image(workshop: Workshop, index: str, tmp_path: Path) -> None:
    bundle = tmp_path / "bundle.pem"
    system = Path(workshop.environ.get("SSL_CERT_FILE", "/etc/ssl/certs/ca-certificates.crt"))
    bundle.write_text(f"# mark-of-the-bundle-{workshop.mark}\n{system.read_text()}")
    environ = {
        **workshop.environ,
        "UV_INDEX": index,
        "SSL_CERT_FILE": str(bundle),
        "FTP_PROXY": "http://someone:hunter2-of-the-proxy@127.0.0.1:9",
    }
    source = workshop.source(requirements=(workshop.mark,))
    environment = workshop.describe(source)
    image = workshop.images(source, environ=environ).ensure(environment)
    assert (
        workshop.run(image.reference, f"import {workshop.mark} as m; print(m.VALUE)")
        == "from the private index"
    )

    saved = tmp_path / "saved.tar"
    with saved.open("wb") as file:
        for chunk in workshop.client.api.get_image(image.reference):
            file.write(chunk)
    content = saved.read_bytes()
    told = json.dumps(
        [
            workshop.client.images.get(image.reference).attrs,
            workshop.client.images.get(image.reference).history(),
            workshop.client.images.get(environment_tag(environment)).history(),
        ]
    )
    for secret in (PASSWORD, "hunter2-of-the-proxy", f"mark-of-the-bundle-{workshop.mark}", index):
        assert secret.encode() not in content
        assert secret not in told
        assert not any(secret in line for line in workshop.said)
    assert workshop.mark.encode() in content


def test_an_index_that_refuses_is_told_without_the_password(workshop: Workshop, index: str) -> None:
    wrong = index.replace(PASSWORD, "wrong-hunter2")
    source = workshop.source(requirements=(workshop.mark,))
    with pytest.raises(BuildError) as error:
        workshop.images(source, environ={**workshop.environ, "UV_INDEX": wrong}).ensure(
            workshop.describe(source)
        )
    assert workshop.mark in error.value.message
    assert "hunter2" not in error.value.message + error.value.hint


SETUP = """
import json, os, pathlib
from setuptools import setup

seen = dict(os.environ)
for place, folders, files in os.walk("/dev"):
    if os.path.basename(place) in ("mqueue", "pts"):
        continue
    for name in files:
        file = pathlib.Path(place, name)
        if file.is_file() and file.stat().st_size < 100_000:
            seen[str(file)] = file.read_bytes().decode(errors="replace")
    if os.access(place, os.W_OK):
        pathlib.Path(place, "PLANTED-BY-{name}").write_text("x")
for cache in pathlib.Path("/dev/dltpod").rglob("*.pyc"):
    cache.write_bytes(b"PLANTED-BY-{name}")
# The step that installs takes wheels from here, and has the credentials: no name may run a command there.
out = pathlib.Path("/opt/dltpod/wheels/0")
out.mkdir(parents=True, exist_ok=True)
(out / "zz|;1e cat ~ >$(echo Lw== | base64 -d)RAN-BY-{name};#.whl".replace("~", "$UV_INDEX")).write_text("x")
pathlib.Path("{name}.py").write_text("SEEN = " + repr(json.dumps(seen)))
setup(name="{name}", version="1.0", py_modules=["{name}"])
"""
LOOK = """
import pathlib
text = "PLANTED-BY-" + "{name}"
files = [p for p in pathlib.Path("/opt").rglob("*") if p.is_file()]
print([str(p) for p in files if text in p.name or text.encode() in p.read_bytes()])
"""


def test_what_builds_a_package_sees_no_credentials_and_reaches_no_other_image(
    workshop: Workshop, index: str, tmp_path: Path
) -> None:
    evil = f"evil{workshop.mark}"
    folder = workshop.root / "packages" / evil
    folder.mkdir(parents=True)
    (folder / "setup.py").write_text(SETUP.replace("{name}", evil))
    host = index.split("@")[1].partition(":")[0]
    (tmp_path / "netrc").write_text(f"machine {host} login a password hunter2-of-netrc\n")
    # The address of the second holds a token, as its user says.
    token = "http://token@" + index.replace("/private/", "/open/").partition("@")[2]
    environ = {**workshop.environ, "UV_INDEX": f"{index} {token}", "NETRC": str(tmp_path / "netrc")}
    # It is built beside a package of the private index, whose password only the step that downloads has.
    source = workshop.source(
        requirements=(f"./packages/{evil}", workshop.mark, f"open{workshop.mark}", "docopt==0.6.2")
    )
    image = workshop.images(source, environ=environ).ensure(workshop.describe(source))
    assert image.packages["docopt"] == "0.6.2"
    seen = workshop.run(image.reference, f"import {evil}; print({evil}.SEEN)")
    assert "/dev/dltpod/assets/built.sh" in seen
    assert "hunter2" not in seen
    assert "/open/simple" not in seen
    ran = f"import pathlib; print(pathlib.Path('/RAN-BY-{evil}').exists())"
    assert workshop.run(image.reference, ran) == "False"
    other = workshop.source("two", requirements=(workshop.mark, "six==1.16.0"))
    clean = workshop.images(other, environ=environ).ensure(workshop.describe(other))
    assert workshop.run(clean.reference, LOOK.replace("{name}", evil)) == "[]"
