"""The owner's logins of ``~/.netrc`` go where the owner's own words send them, and nowhere else."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from launcher.errors import BuildError
from tests.containers.images.conftest import PACKAGE, Workshop
from tests.containers.images.server import PASSWORD, USER, Server, serving, wheel


@pytest.fixture
def server(workshop: Workshop) -> Iterator[Server]:
    with serving(workshop.client) as made:
        yield made


def git(folder: Path, *arguments: str) -> None:
    who = ("-c", "user.name=ada", "-c", "user.email=ada@example.org")
    subprocess.run(["git", "-C", str(folder), *who, *arguments], check=True, capture_output=True)


def repository(at: Path, where: dict[str, bytes], name: str, submodule: str = "", **files: str) -> None:
    """Puts a repository on the server, as ``name.git``, as git reads it from any web server."""
    work = at / name
    work.mkdir(parents=True)
    git(work, "init", "-q", "-b", "main")
    for file, text in files.items():
        (work / file.replace("_", ".")).write_text(text)
    git(work, "add", "-A")
    if submodule:
        part = at / f"{name}-part"
        (work / ".gitmodules").write_text(f'[submodule "part"]\n\tpath = part\n\turl = {submodule}\n')
        found = subprocess.check_output(["git", "-C", str(part), "rev-parse", "HEAD"], text=True).strip()
        git(work, "update-index", "--add", "--cacheinfo", f"160000,{found},part")
        git(work, "add", ".gitmodules")
    git(work, "commit", "-q", "-m", "one")
    git(work, "update-server-info")
    for path in (work / ".git").rglob("*"):
        if path.is_file():
            where[f"{name}.git/{path.relative_to(work / '.git')}"] = path.read_bytes()


def environ(workshop: Workshop, server: Server) -> dict[str, str]:
    """The host's environment, with a login for the server's host."""
    host = server.address.partition(":")[0]
    file = workshop.root.parent / "netrc"
    file.write_text(f"machine {host} login {USER} password {PASSWORD}\n")
    return {**workshop.environ, "NETRC": str(file)}


def package(workshop: Workshop, more: str = "") -> dict[str, str]:
    return {
        "pyproject_toml": PACKAGE.format(name=workshop.mark) + more,
        f"{workshop.mark}_py": "VALUE = 'from a private repository'\n",
    }


def test_a_private_repository_that_the_owner_names_is_cloned_and_its_public_submodule_too(
    workshop: Workshop, server: Server, tmp_path: Path
) -> None:
    part = f"{workshop.mark}-part"
    repository(tmp_path, server.open, part, inside_py="VALUE = 1\n")
    public = f"http://{server.address}/open/{part}.git"
    more = '[tool.setuptools]\npy-modules = ["inside"]\npackage-dir = {"" = "part"}\n'
    repository(tmp_path, server.private, workshop.mark, public, **package(workshop, more))
    asked = f"{workshop.mark} @ git+http://{server.address}/private/{workshop.mark}.git@main"
    source = workshop.source(requirements=(asked,))
    image = workshop.images(source, environ=environ(workshop, server)).ensure(workshop.describe(source))
    assert workshop.run(image.reference, "import inside; print(inside.VALUE)") == "1"
    assert server.shown != []
    assert [path for path in server.shown if path.startswith("/open/")] == []


def test_a_submodule_is_cloned_without_the_owners_login_whatever_host_the_repository_names(
    workshop: Workshop, server: Server, tmp_path: Path
) -> None:
    part = f"{workshop.mark}-part"
    repository(tmp_path, server.private, part, secret_py="VALUE = 'a secret of the owner'\n")
    private = f"http://{server.address}/private/{part}.git"
    repository(tmp_path, server.open, workshop.mark, private, **package(workshop))
    asked = f"{workshop.mark} @ git+http://{server.address}/open/{workshop.mark}.git@main"
    source = workshop.source(requirements=(asked,))
    with pytest.raises(BuildError, match="submodule") as error:
        workshop.images(source, environ=environ(workshop, server)).ensure(workshop.describe(source))
    assert ".netrc" in error.value.hint
    assert [path for path in server.asked if path.startswith(f"/private/{part}.git")] != []
    assert server.shown == []


def test_a_repository_that_foreign_code_asks_for_is_cloned_without_the_owners_login(
    workshop: Workshop, server: Server, tmp_path: Path
) -> None:
    repository(tmp_path, server.private, workshop.mark, **package(workshop))
    (workshop.root / "custom_sources/foreign").mkdir()
    (workshop.root / "custom_sources/foreign/__init__.py").write_text("")
    asked = f"{workshop.mark} @ git+http://{server.address}/private/{workshop.mark}.git@main"
    (workshop.root / "custom_sources/foreign/requirements.txt").write_text(asked)
    source = workshop.source(module="foreign")
    with pytest.raises(BuildError, match="git could not fetch a requirement"):
        workshop.images(source, environ=environ(workshop, server)).ensure(workshop.describe(source))
    assert [path for path in server.asked if path.startswith("/private/")] != []
    assert server.shown == []


def test_an_indexs_login_is_sent_to_no_other_port_of_its_host(workshop: Workshop, server: Server) -> None:
    taken, ours = f"taken{workshop.mark}", f"ours{workshop.mark}"
    server.private[f"{ours}-1.0-py3-none-any.whl"] = wheel(ours)
    with serving(workshop.client) as other:
        other.private[f"{taken}-1.0-py3-none-any.whl"] = wheel(taken)
        asked = f"{taken} @ http://{other.address}/private/{taken}-1.0-py3-none-any.whl"
        trap = workshop.root / workshop.package()
        text = PACKAGE.format(name=workshop.mark).replace("[]", f'["{asked}"]')
        (trap / "pyproject.toml").write_text(text)
        source = workshop.source(requirements=(ours, f"./packages/{workshop.mark}"))
        given = {**environ(workshop, server), "UV_INDEX": f"http://{server.address}/private/simple"}
        with pytest.raises(BuildError):
            workshop.images(source, environ=given).ensure(workshop.describe(source))
        assert [path for path in server.shown if path.startswith("/private/")] != []
        assert [path for path in other.asked if path.startswith("/private/")] != []
        assert other.shown == []
