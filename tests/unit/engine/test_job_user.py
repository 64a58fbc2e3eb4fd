"""Who the container runs as."""

from __future__ import annotations

from pathlib import Path

import pytest

from launcher.errors import ConfigurationError
from launcher.host.user import JobUser, decide
from launcher.plan.egress import DNS_UID
from tests.unit.engine.builders import plan, source


def test_an_ordinary_user_is_the_containers_user() -> None:
    found = decide(uid=1000, gid=100, owner=(5, 5), environ={}, rootless=False)
    assert found == JobUser(1000, 100, True)


def test_when_root_calls_the_projects_owner_is_taken() -> None:
    environ = {"SUDO_UID": "1001", "SUDO_GID": "1001"}
    assert decide(uid=0, gid=0, owner=(1000, 100), environ=environ, rootless=False) == JobUser(
        1000, 100, False
    )


def test_when_root_calls_in_roots_folder_who_called_sudo_is_taken() -> None:
    environ = {"SUDO_UID": "1001", "SUDO_GID": "1002"}
    assert decide(uid=0, gid=0, owner=(0, 0), environ=environ, rootless=False) == JobUser(1001, 1002, False)


def test_when_nobody_but_root_is_known_an_unprivileged_uid_is_taken() -> None:
    for environ in ({}, {"SUDO_UID": "0"}, {"SUDO_UID": "x"}, {"SUDO_UID": "-5"}):
        assert decide(uid=0, gid=0, owner=(0, 0), environ=environ, rootless=False).uid == 65532


def test_the_group_of_root_is_never_lent() -> None:
    assert decide(uid=1000, gid=0, owner=(0, 0), environ={}, rootless=False).gid == 1000
    assert decide(uid=0, gid=0, owner=(1000, 0), environ={}, rootless=False).gid == 1000


def test_under_rootless_docker_uid_0_is_the_caller() -> None:
    assert decide(uid=1000, gid=1000, owner=(0, 0), environ={}, rootless=True) == JobUser(0, 0, True)


@pytest.mark.parametrize("egress", [(), ("api.example.com:443",)])
def test_no_job_has_the_uid_that_may_ask_name_servers_in_an_egress_gateway(
    tmp_path: Path, egress: tuple[str, ...]
) -> None:
    for found in (
        decide(uid=DNS_UID, gid=100, owner=(5, 5), environ={}, rootless=False),
        decide(uid=0, gid=0, owner=(DNS_UID, 100), environ={}, rootless=False),
        decide(uid=0, gid=0, owner=(0, 0), environ={"SUDO_UID": str(DNS_UID)}, rootless=False),
    ):
        with pytest.raises(ConfigurationError, match=f"uid {DNS_UID}") as caught:
            plan(tmp_path, source(egress=egress), user=found)
        assert "another user" in caught.value.hint
