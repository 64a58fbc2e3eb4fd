"""What is left behind is told from what somebody still looks after."""

from __future__ import annotations

import datetime
from typing import Any

import pytest

from launcher.engines.docker.leftovers import describe, is_leftover
from launcher.host.docker_engine import moment

NOW = datetime.datetime(2026, 1, 1, 12, 0, tzinfo=datetime.timezone.utc)


def container(
    *, running: bool = False, finished: str = "0001-01-01T00:00:00Z", created: str
) -> dict[str, Any]:
    return {
        "Id": "c",
        "Name": "/dltpod-acme-jira",
        "Created": created,
        "Config": {
            "Labels": {
                "dltpod.project": "acme",
                "dltpod.source": "jira",
                "dltpod.run": "run-1",
                "dltpod.launcher": "place-1",
            }
        },
        "State": {
            "Running": running,
            "Status": "running" if running else "exited",
            "StartedAt": created,
            "FinishedAt": finished,
        },
    }


LABELS = {"dltpod.project": "acme\x1b[2J", "dltpod.source": "jira\nfake", "dltpod.run": "\u202erun-1"}


def test_labels_that_another_user_of_the_engine_made_up_can_not_steer_a_terminal() -> None:
    found = describe({**container(created=LONG_AGO), "Config": {"Labels": LABELS}})
    assert (found.project, found.source, found.run_id) == ("acme", "jira fake", "run-1")


LONG_AGO, JUST_NOW = "2026-01-01T10:00:00.123456789Z", "2026-01-01T11:59:50.123456789Z"


@pytest.mark.parametrize("running", [True, False])
@pytest.mark.parametrize("created", [LONG_AGO, JUST_NOW])
def test_of_a_launcher_that_can_be_asked_its_life_alone_counts(running: bool, created: str) -> None:
    found = container(running=running, created=created)
    assert is_leftover(found, lambda identity: False, NOW)
    assert not is_leftover(found, lambda identity: True, NOW)


@pytest.mark.parametrize(
    ("found", "leftover"),
    [
        (container(running=True, created=LONG_AGO), False),
        (container(created=JUST_NOW), False),
        (container(created=LONG_AGO), True),
        (container(created=LONG_AGO, finished=JUST_NOW), False),
        (container(created=LONG_AGO, finished="2026-01-01T11:58:00Z"), True),
    ],
)
def test_of_a_launcher_elsewhere_only_what_has_not_run_for_a_minute_is_a_leftover(
    found: dict[str, Any], leftover: bool
) -> None:
    assert is_leftover(found, lambda identity: None, NOW) is leftover


def test_a_container_is_told_of_by_its_labels() -> None:
    row = describe(container(running=True, created=LONG_AGO))
    assert (row.project, row.source, row.run_id, row.state) == ("acme", "jira", "run-1", "running")
    assert (row.container, row.started) == ("dltpod-acme-jira", "2026-01-01T10:00:00Z")


def test_the_engines_year_one_is_no_point_in_time() -> None:
    assert moment("0001-01-01T00:00:00Z") is None
    assert moment("") is None
