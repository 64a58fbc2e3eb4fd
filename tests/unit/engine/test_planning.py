"""What a source's container is, as a value."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from launcher.engines.docker.spec import create_arguments
from launcher.errors import ConfigurationError
from launcher.host.user import JobUser
from launcher.plan import hardening
from launcher.plan.options import SyncOptions
from launcher.plan.values import ContainerSpec, Host, Mount
from launcher.secrets.gather import part_of
from launcher.secrets.slices import Slice
from runner.contract import Destination, JobSpec
from tests.unit.engine.builders import plan, project, source

ROOT = Path("/srv/acme")
SECRET = "s3cr3t-passw0rd"


def test_the_whole_container_of_a_plain_source_is_this() -> None:
    made = plan(
        ROOT,
        source(env={"TZ": "UTC"}, cpus=1.5, memory="1g"),
        host=Host(
            ca_bundle=Path("/etc/ssl/ca.crt"),
            proxies={"HTTPS_PROXY": "http://proxy:3128"},
            passwd=Path("/srv/acme/.dltpod/passwd/1000-1000"),
            custom_sources=Path("/srv/acme/custom_sources"),
            launcher="here-1",
        ),
    )

    def bind(host: str, target: str, read_only: bool) -> dict[str, object]:
        return {
            "Type": "bind",
            "Source": host,
            "Target": target,
            "ReadOnly": read_only,
            "BindOptions": {"Propagation": "rprivate"},
        }

    flags = "rw,nosuid,nodev,noexec"
    assert create_arguments(made.container) == {
        "Image": "dltpod/source:1",
        "Cmd": ["/opt/venv/bin/python", "-S", "-m", "dltpod_runner"],
        "Entrypoint": [],
        "User": "1000:1000",
        "WorkingDir": "/opt/dltpod",
        "Env": [
            "TZ=UTC",
            "HTTPS_PROXY=http://proxy:3128",
            "SSL_CERT_FILE=/etc/dltpod/ca.crt",
            "REQUESTS_CA_BUNDLE=/etc/dltpod/ca.crt",
            "CURL_CA_BUNDLE=/etc/dltpod/ca.crt",
        ],
        "Labels": {
            "dltpod.managed": "1",
            "dltpod.project": "acme",
            "dltpod.source": "jira",
            "dltpod.run": "20260101-000000-abcdef",
            "dltpod.launcher": "here-1",
        },
        "Tty": False,
        "OpenStdin": True,
        "StdinOnce": True,
        "AttachStdin": True,
        "AttachStdout": False,
        "AttachStderr": False,
        "StopTimeout": 20,
        "HostConfig": {
            "Mounts": [
                bind("/srv/acme/.dltpod/state/jira", "/state", False),
                bind("/srv/acme/data", "/data", False),
                bind("/srv/acme/custom_sources", "/opt/custom_sources", True),
                bind("/srv/acme/.dltpod/passwd/1000-1000", "/etc/passwd", True),
                bind("/etc/ssl/ca.crt", "/etc/dltpod/ca.crt", True),
            ],
            "Tmpfs": {
                "/tmp": f"{flags},size=536870912,mode=1777,uid=1000,gid=1000",
                "/run/secrets/dlt": f"{flags},size=8388608,mode=0700,uid=1000,gid=1000",
            },
            "NetworkMode": "bridge",
            "ExtraHosts": ["host.docker.internal:host-gateway"],
            "ReadonlyRootfs": True,
            "CapDrop": ["ALL"],
            "SecurityOpt": ["no-new-privileges"],
            "Privileged": False,
            "Init": False,
            "IpcMode": "private",
            "CgroupnsMode": "private",
            "Memory": 1 << 30,
            "MemorySwap": 1 << 30,
            "PidsLimit": 512,
            "Ulimits": [{"Name": "core", "Soft": 0, "Hard": 0}],
            "ShmSize": 64 << 20,
            "LogConfig": {"Type": "json-file", "Config": {"max-size": "64m", "max-file": "4"}},
            "RestartPolicy": {"Name": "no"},
            "AutoRemove": False,
            "NanoCpus": 1_500_000_000,
        },
    }


def test_nothing_of_the_slice_stands_in_what_the_engine_keeps() -> None:
    made = plan(ROOT, slice=Slice({"secrets.toml": f'password = "{SECRET}"'}))
    assert SECRET not in json.dumps(create_arguments(made.container))
    assert SECRET not in repr(made)


def test_a_proxys_password_travels_in_the_slice() -> None:
    proxy = f"http://user:{SECRET}@proxy:3128"
    made = plan(
        ROOT,
        host=Host(proxies={"HTTPS_PROXY": proxy, "NO_PROXY": "localhost"}),
        slice=Slice({"values.json": '{"TOKEN": "t"}'}),
    )
    assert SECRET not in json.dumps(create_arguments(made.container))
    assert made.container.environment == {"NO_PROXY": "localhost"}
    assert made.job.env == {"NO_PROXY": "localhost", "HTTPS_PROXY": "env:DLTPOD_HTTPS_PROXY"}
    assert json.loads(made.slice.files["values.json"]) == {"TOKEN": "t", "DLTPOD_HTTPS_PROXY": proxy}


def test_a_source_without_a_file_destination_never_sees_the_data_folder() -> None:
    made = plan(ROOT, destination=Destination("postgres"))
    assert "/data" not in [mount.target for mount in made.container.mounts]


def test_a_deep_check_takes_neither_the_lock_nor_the_state_of_the_source() -> None:
    made = plan(ROOT, options=SyncOptions(action="check"))
    assert made.container.name == "dltpod-acme-jira-check"
    assert made.state_dir == ROOT / ".dltpod/check/jira"
    assert made.retries == 0


def test_the_option_of_a_timeout_wins_over_the_sources_own() -> None:
    assert plan(ROOT, source()).timeout == 86_400
    assert plan(ROOT, source(timeout="30m")).timeout == 1800
    assert plan(ROOT, source(timeout="30m"), options=SyncOptions(timeout=5.0)).timeout == 5


def test_mounts_are_read_only_and_below_the_root_unless_said_otherwise() -> None:
    made = plan(ROOT, source(mounts=(".git:/workspace/.git:ro", "/mnt/in:/in", "out:/out:rw")))
    assert made.container.mounts[-3:] == (
        Mount(ROOT / ".git", "/workspace/.git"),
        Mount(Path("/mnt/in"), "/in"),
        Mount(ROOT / "out", "/out", read_only=False),
    )


def spec(**changes: object) -> ContainerSpec:
    base = ContainerSpec(name="n", image="i", command=("c",), user=JobUser(1000, 1000, True))
    return dataclasses.replace(base, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "weak",
    [
        spec(user=JobUser(0, 0, True)),
        spec(network="host"),
        spec(network="container:other"),
        spec(memory=0),
        spec(pids=0),
        spec(mounts=(Mount(Path("/var/run/docker.sock"), "/x"),)),
        spec(mounts=(Mount(Path("/run/podman/podman.sock"), "/x"),)),
        spec(mounts=(Mount(Path("/home/me/.colima/docker.sock"), "/x"),)),
        spec(mounts=(Mount(Path("/var/run"), "/x"),)),
        spec(mounts=(Mount(Path("/"), "/x"),)),
    ],
)
def test_a_container_that_cannot_be_walled_in_is_refused(weak: ContainerSpec) -> None:
    with pytest.raises(ConfigurationError) as caught:
        hardening.check(weak)
    assert caught.value.hint


def test_under_rootless_docker_uid_0_is_the_caller_and_may_run() -> None:
    hardening.check(spec(user=JobUser(0, 0, True)), rootless=True)


def test_a_reference_in_the_containers_environment_is_left_to_the_runner() -> None:
    made = plan(ROOT, source(env={"TOKEN": "env:TOKEN", "TZ": "UTC"}))
    assert made.container.environment == {"TZ": "UTC"}
    assert made.job.env == {"TOKEN": "env:TOKEN", "TZ": "UTC"}


def test_a_new_source_changes_no_other_sources_job(tmp_path: Path) -> None:
    def job(*names: str) -> JobSpec:
        acme = project(tmp_path, *map(source, names))
        slice = part_of(acme, acme.sources[0], {}, {}).slice
        made = plan(tmp_path, source("jira_eu"), slice=slice)
        return made.job

    before = job("jira_eu")
    assert job("jira_eu", "shop") == before
    assert before.native_sections == ("jira",)
    # but for one that is named as dlt calls the module: the section of that name is now its own
    assert job("jira_eu", "jira").native_sections == ()


def test_what_the_source_says_of_proxies_and_certificates_wins_over_the_host() -> None:
    own = {"SSL_CERT_FILE": "/workspace/ca.pem", "https_proxy": "", "HTTP_PROXY": "env:PROXY"}
    host = Host(
        proxies={"HTTPS_PROXY": "http://proxy:3128", "http_proxy": "http://u:p@proxy:3128"},
        ca_bundle=Path("/etc/ssl/ca.crt"),
    )
    made = plan(ROOT, source(env=own), host=host)
    expected = {"SSL_CERT_FILE": "/workspace/ca.pem", "https_proxy": ""}
    expected |= dict.fromkeys(("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"), "/etc/dltpod/ca.crt")
    assert made.container.environment == expected
    assert made.job.env == {**expected, "HTTP_PROXY": "env:PROXY"}
