"""Which docker command builds, and what of the host's settings a build is given."""

from __future__ import annotations

from pathlib import Path

import pytest

from launcher.errors import EngineError
from launcher.images import build_settings, wheels
from launcher.images.buildkit import find_cli


def docker(folder: Path, version: str, buildx: bool = False) -> str:
    """A docker command that tells its version and, if it has it, buildx's."""
    folder.mkdir()
    file = folder / "docker"
    answer = "echo github.com/docker/buildx v0.13.1" if buildx else "exit 1"
    file.write_text(
        f"#!/bin/sh\ncase $1 in --version) echo 'Docker version {version}, build abc';;"
        f" buildx) {answer};; esac\n"
    )
    file.chmod(0o755)
    return str(folder)


def test_a_new_cli_without_buildx_is_passed_over_for_an_old_one_with_buildkit(tmp_path: Path) -> None:
    path = ":".join([docker(tmp_path / "a", "28.2.2"), docker(tmp_path / "b", "20.10.24+dfsg1")])
    cli = find_cli({"PATH": path, "BUILDX_BUILDER": "remote"})
    assert cli.path == str(tmp_path / "b/docker")
    assert cli.environment["DOCKER_BUILDKIT"] == "1"
    assert "BUILDX_BUILDER" not in cli.environment


def test_a_new_cli_with_buildx_is_taken(tmp_path: Path) -> None:
    path = ":".join([docker(tmp_path / "a", "28.2.2", buildx=True), docker(tmp_path / "b", "20.10.24")])
    assert find_cli({"PATH": path}).path == str(tmp_path / "a/docker")


def test_without_any_that_can_the_ones_looked_at_are_named(tmp_path: Path) -> None:
    with pytest.raises(EngineError) as error:
        find_cli({"PATH": docker(tmp_path / "a", "28.2.2")})
    assert (
        error.value.message == f"no docker command can do BuildKit: {tmp_path}/a/docker (28, without buildx)"
    )
    with pytest.raises(EngineError, match="no docker command on PATH"):
        find_cli({"PATH": str(tmp_path)})


def settings(read: build_settings.BuildSettings) -> str:
    return next((item.value or "" for item in read.secrets if item.name == "settings"), "")


def test_pips_settings_reach_uv_by_its_own_names(tmp_path: Path) -> None:
    (tmp_path / ".config/pip").mkdir(parents=True)
    (tmp_path / ".config/pip/pip.conf").write_text(
        "[global]\nindex-url = https://u:p%40s@example.org/simple\n"
    )
    read = build_settings.read(
        {"HOME": str(tmp_path), "PIP_EXTRA_INDEX_URL": "https://a.example.org https://b.example.org"}
    )
    assert "UV_INDEX='https://a.example.org https://b.example.org'\n" in settings(read)
    assert "UV_DEFAULT_INDEX=https://u:p%40s@example.org/simple\n" in settings(read)
    assert "p%40s" not in repr(read)


def test_uvs_own_settings_win_over_pips(tmp_path: Path) -> None:
    environ = {
        "HOME": str(tmp_path),
        "PIP_INDEX_URL": "https://pip.example.org",
        "UV_INDEX_URL": "https://uv.example.org",
    }
    assert "UV_DEFAULT_INDEX" not in settings(build_settings.read(environ))
    assert "UV_INDEX_URL=https://uv.example.org" in settings(build_settings.read(environ))
    assert "PIP_INDEX_URL=https://uv.example.org" in settings(build_settings.read(environ))


def test_a_folder_of_wheels_is_left_out_and_said(tmp_path: Path) -> None:
    read = build_settings.read({"HOME": str(tmp_path), "PIP_FIND_LINKS": "/opt/wheels"})
    assert read.secrets == ()
    assert read.notes == (
        "find-links /opt/wheels is a folder of this host, which a build does not see: left out",
    )


def test_certificates_are_a_file_that_only_a_step_sees(tmp_path: Path) -> None:
    bundle = tmp_path / "ca.pem"
    bundle.write_text("x")
    read = build_settings.read(
        {"HOME": str(tmp_path), "SSL_CERT_FILE": "/nowhere", "REQUESTS_CA_BUNDLE": str(bundle)}
    )
    assert {item.name: item.file for item in read.secrets} == {"ca": bundle}


NETRC = """\
machine index.example.org login ada password hunter2
machine git.example.org login bot password s3cr3t
machine mail.example.org login ada password unrelated
default login anybody password anything
"""


def test_of_the_netrc_a_step_sees_the_entries_of_the_configured_indexes_and_no_others(tmp_path: Path) -> None:
    (tmp_path / ".netrc").write_text(NETRC)
    environ = {"HOME": str(tmp_path), "UV_INDEX": "https://index.example.org/simple"}
    (given,) = [item.value for item in build_settings.read(environ).secrets if item.name == "netrc"]
    assert given == "machine index.example.org\n  login ada\n  password hunter2\n"
    assert build_settings.read({"HOME": str(tmp_path)}).secrets == ()


def test_the_step_that_clones_sees_the_entry_of_the_repositorys_host_alone(tmp_path: Path) -> None:
    (tmp_path / ".netrc").write_text(NETRC)
    made = wheels.plan(["erp @ git+https://git.example.org/acme/erp@main"])
    (given,) = build_settings.git_credentials({"HOME": str(tmp_path)}, made)
    assert given.value == "machine git.example.org\n  login bot\n  password s3cr3t\n"
    assert build_settings.git_credentials({"HOME": str(tmp_path)}, wheels.plan(["six"])) == ()


def test_the_step_that_runs_foreign_code_gets_no_index_that_asks_for_credentials(tmp_path: Path) -> None:
    (tmp_path / ".netrc").write_text(NETRC)
    environ = {
        "HOME": str(tmp_path),
        "UV_DEFAULT_INDEX": "https://mirror.example.org/simple",
        "UV_INDEX": "https://ada:hunter2@a.example.org acme=https://b.example.org https://index.example.org/x",
        "UV_INDEX_ACME_USERNAME": "ada",
        "UV_INDEX_ACME_PASSWORD": "s3cr3t",
    }
    found = {item.name: item.value for item in build_settings.read(environ).secrets}
    mirror = "https://mirror.example.org/simple"
    assert found["settings_open"] == f"PIP_INDEX_URL={mirror}\nUV_DEFAULT_INDEX={mirror}\n"
    assert "hunter2" in (found["settings"] or "")
