"""What of this host a job may see, and whose its folders are."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from launcher.errors import ConfigurationError
from launcher.host.user import JobUser
from launcher.runs.host import gather, prepare
from tests.unit.engine.builders import plan, source

ME = JobUser(os.geteuid() or 65532, os.getegid() or 65532, os.geteuid() != 0)


def test_of_the_hosts_environment_only_proxies_and_certificates_reach_a_job(tmp_path: Path) -> None:
    bundle = tmp_path / "ca.pem"
    bundle.write_text("certificates")
    environ = {
        "https_proxy": "http://proxy:1",
        "NO_PROXY": "localhost",
        "REQUESTS_CA_BUNDLE": str(bundle),
        "AWS_SECRET_ACCESS_KEY": "s3cr3t",
        "PATH": "/bin",
    }
    found = gather(tmp_path / ".dltpod", tmp_path / "custom_sources", environ, ME, "here-1")
    assert found.proxies == {
        "HTTPS_PROXY": "http://proxy:1",
        "https_proxy": "http://proxy:1",
        "NO_PROXY": "localhost",
        "no_proxy": "localhost",
    }
    assert found.ca_bundle == bundle.resolve()
    assert found.custom_sources is None
    assert "s3cr3t" not in repr(found)


def test_a_certificate_file_that_is_not_there_is_named_with_its_variable(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"SSL_CERT_FILE names /no/such\.pem"):
        gather(tmp_path, tmp_path, {"SSL_CERT_FILE": "/no/such.pem"}, ME, "")


def test_the_passwd_file_knows_the_jobs_user_and_may_be_read_by_it(tmp_path: Path) -> None:
    host = gather(tmp_path / ".dltpod", tmp_path, {}, ME, "")
    assert not (tmp_path / ".dltpod").exists()
    prepare(plan(tmp_path, user=ME, host=host), tmp_path / "data")
    assert host.passwd is not None
    assert f"dltpod:x:{ME.uid}:{ME.gid}:" in host.passwd.read_text()
    assert host.passwd.stat().st_mode & 0o444 == 0o444


def test_the_folders_that_a_job_writes_to_are_made_and_are_its_users(tmp_path: Path) -> None:
    made = plan(tmp_path, user=ME)
    prepare(made, tmp_path / "data")
    assert made.state_dir.stat().st_mode & 0o777 == 0o700
    for folder in (made.state_dir, tmp_path / "data"):
        assert folder.stat().st_uid == ME.uid
    assert (tmp_path / ".dltpod").stat().st_uid == os.geteuid()


def test_a_state_folder_that_a_source_closed_is_opened_again(tmp_path: Path) -> None:
    made = plan(tmp_path, user=ME)
    prepare(made, tmp_path / "data")
    made.state_dir.chmod(0o000)
    prepare(made, tmp_path / "data")
    assert made.state_dir.stat().st_mode & 0o777 == 0o700


def test_a_mount_that_is_not_there_is_refused_and_not_made(tmp_path: Path) -> None:
    made = plan(tmp_path, source(mounts=("missing:/in",)), user=ME)
    with pytest.raises(ConfigurationError, match="missing does not exist"):
        prepare(made, tmp_path / "data")
    assert not (tmp_path / "missing").exists()


def test_a_link_to_an_engines_socket_is_refused_as_the_socket_itself(tmp_path: Path) -> None:
    (tmp_path / "innocent").symlink_to("/var/run")
    made = plan(tmp_path, source(mounts=("innocent:/in",)), user=ME)
    with pytest.raises(ConfigurationError, match="exposes too much"):
        prepare(made, tmp_path / "data")


def test_a_folder_that_the_jobs_user_cannot_write_is_refused_with_the_line_that_mends_it(
    tmp_path: Path,
) -> None:
    (tmp_path / "data").mkdir(mode=0o755)
    other = JobUser(os.geteuid() + 4321, os.getegid() + 4321, owns_files=True)
    made = plan(tmp_path, user=other)
    made.state_dir.mkdir(parents=True)
    with pytest.raises(ConfigurationError) as caught:
        prepare(made, tmp_path / "data")
    assert f"chown -R {other.uid}:{other.gid}" in caught.value.hint


def test_a_mount_whose_link_leads_elsewhere_than_when_it_was_read_is_refused_at_the_start(
    tmp_path: Path,
) -> None:
    (tmp_path / "custom_sources").mkdir()
    (tmp_path / "docs").symlink_to("custom_sources")
    made = plan(tmp_path, source(mounts=("docs:/workspace/docs:rw",)), user=ME)
    with pytest.raises(ConfigurationError, match="would let the source write custom_sources"):
        prepare(made, tmp_path / "data")
