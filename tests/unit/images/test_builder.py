"""Which docker command builds, and what of the host's settings a build is given."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from launcher.environment.values import Requirement
from launcher.errors import EngineError
from launcher.host import processes
from launcher.images import build_settings, buildkit, logins, wheels
from launcher.images.buildkit import find_cli

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


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


def given(environ: dict[str, str]) -> dict[str, str]:
    """What the steps of a build are given, by its name."""
    return {item.name: item.value or "" for item in build_settings.read(environ).secrets}


def uv_toml(environ: dict[str, str], name: str = "uv_toml") -> dict[str, Any]:
    return tomllib.loads(given(environ)[name])


def test_pips_variables_reach_uv_in_its_own_file(tmp_path: Path) -> None:
    environ = {
        "HOME": str(tmp_path),
        "PIP_INDEX_URL": "https://u:p%40s@example.org/simple",
        "PIP_EXTRA_INDEX_URL": "https://a.example.org https://b.example.org",
    }
    assert uv_toml(environ)["index"] == [
        {"url": "https://u:p%40s@example.org/simple", "default": True},
        {"url": "https://a.example.org"},
        {"url": "https://b.example.org"},
    ]
    assert "p%40s" not in repr(build_settings.read(environ))


def test_an_index_that_pip_conf_alone_names_is_said_to_be_left_out(tmp_path: Path) -> None:
    file = tmp_path / "pip.conf"
    file.write_text("[global]\nindex-url = https://u:hunter2@example.org/simple\n")
    environ = {"HOME": str(tmp_path), "PIP_CONFIG_FILE": str(file)}
    assert build_settings.read(environ).notes == (
        f"{file} names an index, and builds read uv's settings: set UV_INDEX_URL",
    )
    assert build_settings.read({**environ, "UV_INDEX": "https://b.example.org"}).notes == ()
    assert given(environ) == {}


def test_uvs_own_settings_win_over_pips(tmp_path: Path) -> None:
    environ = {
        "HOME": str(tmp_path),
        "PIP_INDEX_URL": "https://pip.example.org",
        "UV_INDEX_URL": "https://uv.example.org",
    }
    assert uv_toml(environ) == {"pip": {"index-url": "https://uv.example.org"}}
    assert "PIP_INDEX_URL=https://uv.example.org" in given(environ)["pip"]


def test_no_variable_that_reaches_uv_holds_an_address_or_a_password(tmp_path: Path) -> None:
    environ = {
        "HOME": str(tmp_path),
        "UV_DEFAULT_INDEX": "https://ada:hunter2@a.example.org/simple",
        "UV_INDEX": "acme=https://b.example.org",
        "UV_INDEX_ACME_USERNAME": "ada",
        "UV_INDEX_ACME_PASSWORD": "s3/cr3t",
        "UV_EXTRA_INDEX_URL": "https://c:hunter2@c.example.org",
        "UV_HTTP_TIMEOUT": "60",
        "PIP_FIND_LINKS": "https://d:hunter2@d.example.org/files",
    }
    found = given(environ)
    assert found["settings"] == "DLTPOD_CLOSED=1\nUV_HTTP_TIMEOUT=60\n"
    assert found["settings_open"] == "UV_HTTP_TIMEOUT=60\n"
    assert uv_toml(environ) == {
        "index": [
            {"url": "https://ada:hunter2@a.example.org/simple", "default": True},
            {"name": "acme", "url": "https://ada:s3%2Fcr3t@b.example.org"},
        ],
        "pip": {
            "extra-index-url": ["https://c:hunter2@c.example.org"],
            "find-links": ["https://d:hunter2@d.example.org/files"],
        },
    }
    assert "uv_toml_open" not in found


UV_TOML = """\
index-strategy = "unsafe-best-match"
[[index]]
name = "acme"
url = "https://old.example.org"
[[index]]
name = "lab"
url = "https://lab.example.org"
default = true
[pip]
find-links = ["https://x:hunter2@files.example.org", "https://open.example.org"]
"""


def test_variables_win_over_a_uv_toml_which_stays_otherwise_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "uv.toml"
    file.write_text(UV_TOML)
    environ = {"HOME": str(tmp_path), "UV_CONFIG_FILE": str(file), "UV_INDEX_LAB_PASSWORD": "s3cr3t"}
    lab = {"name": "lab", "url": "https://:s3cr3t@lab.example.org", "default": True}
    table = tomllib.loads(UV_TOML)
    assert uv_toml(environ) == {**table, "index": [table["index"][0], lab]}
    new = {**environ, "UV_INDEX": "acme=https://new.example.org", "UV_DEFAULT_INDEX": "https://d.example.org"}
    assert uv_toml(new)["index"] == [
        {"url": "https://d.example.org", "default": True},
        {"name": "acme", "url": "https://new.example.org"},
    ]
    assert uv_toml(environ, "uv_toml_open") == {
        "index": [table["index"][0]],
        "pip": {"find-links": ["https://open.example.org"]},
    }


@pytest.mark.parametrize("text", ["[", "index = 3", "[pip]\nfind-links = 'x'", "[[index]]\nname = 'x'"])
def test_a_uv_toml_that_uv_refuses_reaches_it_as_it_is(tmp_path: Path, text: str) -> None:
    file = tmp_path / "uv.toml"
    file.write_text(text)
    assert given({"HOME": str(tmp_path), "UV_CONFIG_FILE": str(file)})["uv_toml"] == text


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
machine index.example.org login ada password hunter2/@
machine git.example.org login bot password s3cr3t
machine mail.example.org login ada password unrelated
default login anybody password anything
"""


def test_a_login_of_the_netrc_is_written_into_the_indexs_own_address_and_a_step_sees_no_netrc(
    tmp_path: Path,
) -> None:
    (tmp_path / ".netrc").write_text(NETRC)
    environ = {
        "HOME": str(tmp_path),
        "UV_INDEX": "https://index.example.org:8443/simple https://eve@index.example.org/x https://o.example.org",
        "UV_EXTRA_INDEX_URL": "http://ada@INDEX.example.org/more https://ada:own@index.example.org/y",
    }
    ada = "ada:hunter2%2F%40"
    assert uv_toml(environ) == {
        "index": [
            {"url": f"https://{ada}@index.example.org:8443/simple"},
            {"url": "https://eve@index.example.org/x"},
            {"url": "https://o.example.org"},
        ],
        "pip": {
            "extra-index-url": [f"http://{ada}@INDEX.example.org/more", "https://ada:own@index.example.org/y"]
        },
    }
    assert uv_toml(environ, "uv_toml_open") == {"index": [{"url": "https://o.example.org"}]}
    assert not any("machine" in text or "unrelated" in text for text in given(environ).values())
    assert build_settings.read({"HOME": str(tmp_path)}).secrets == ()


def git_logins(home: Path, *requirements: Requirement) -> str:
    """What the step that clones is given for these requirements."""
    made = wheels.plan([item.text for item in requirements])
    return "".join(item.value or "" for item in logins.of_clones(requirements, made, {"HOME": str(home)}))


def test_a_clone_has_the_login_of_its_scheme_host_and_port_where_the_owner_named_the_repository(
    tmp_path: Path,
) -> None:
    (tmp_path / ".netrc").write_text(NETRC)
    place = "sources.yml:1"
    owners = (
        Requirement("six", place),
        Requirement("git+https://open.example.org/acme/erp@v1", place),
        Requirement("erp @ git+https://git.example.org:8443/acme/erp@main", place),
        Requirement("git+ssh://git@git.example.org/acme/erp", place),
    )
    foreign = Requirement("git+https://git.example.org/acme/secret", "custom_sources/x", within=tmp_path)
    assert git_logins(tmp_path, *owners, foreign) == "1 https://bot:s3cr3t@git.example.org:8443\n"
    assert git_logins(tmp_path, foreign, *owners[:2]) == ""


def test_the_step_that_runs_foreign_code_gets_no_index_that_asks_for_credentials(tmp_path: Path) -> None:
    (tmp_path / ".netrc").write_text(NETRC)
    environ = {
        "HOME": str(tmp_path),
        "UV_DEFAULT_INDEX": "https://mirror.example.org/simple",
        "UV_INDEX": "https://ada:hunter2@a.example.org acme=https://b.example.org https://index.example.org/x",
        "UV_INDEX_ACME_USERNAME": "ada",
        "UV_INDEX_ACME_PASSWORD": "s3cr3t",
    }
    mirror = {"url": "https://mirror.example.org/simple", "default": True}
    assert uv_toml(environ, "uv_toml_open") == {"index": [mirror]}
    assert "hunter2" in given(environ)["uv_toml"]


def test_indexes_that_ask_for_credentials_can_be_asked_alone(tmp_path: Path) -> None:
    environ = {
        "HOME": str(tmp_path),
        "UV_INDEX": "https://ada:hunter2@a.example.org https://open.example.org",
        "UV_INDEX_URL": "https://ada:hunter2@b.example.org",
        "UV_FIND_LINKS": "https://ada:hunter2@c.example.org/files",
    }
    assert uv_toml(environ, "uv_toml_closed") == {
        "index": [
            {"url": "https://ada:hunter2@a.example.org"},
            {"url": "https://ada:hunter2@b.example.org", "default": True},
        ]
    }
    assert given(environ)["settings"] == "DLTPOD_CLOSED=1\n"
    links = {"HOME": str(tmp_path), "PIP_FIND_LINKS": "https://ada:hunter2@c.example.org/files"}
    found = {"find-links": ["https://ada:hunter2@c.example.org/files"], "no-index": True}
    assert uv_toml(links, "uv_toml_closed") == found
    assert "settings" not in given({"HOME": str(tmp_path), "UV_INDEX": "https://open.example.org"})


def test_a_build_that_starts_at_the_moment_of_a_stop_ends_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stops: list[threading.Thread] = []

    class Started(subprocess.Popen[str]):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            stops.append(threading.Thread(target=processes.cancel_all))
            stops[0].start()
            stops[0].join(0.5)  # it waits until the builder is among those that run

    monkeypatch.setattr(subprocess, "Popen", Started)
    cli = tmp_path / "docker"
    cli.write_text("#!/bin/sh\nexec sleep 20\n")
    cli.chmod(0o755)
    build = buildkit.Build("source", tmp_path, "dltpod/none")
    with pytest.raises(buildkit.StepFailed):
        buildkit.run(buildkit.Cli(str(cli), {"PATH": "/usr/bin:/bin"}), build, lambda line: None)
    stops[0].join()
