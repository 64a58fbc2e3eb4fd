"""Runs in a cluster whose dltpod was killed, as ``runs`` tells of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import cast

from launcher.commands.runs import _row
from launcher.engines.protocol import Engine, Running
from launcher.runs.history import INTERRUPTED, RUNNING
from launcher.runs.interrupted import still_running
from runner.contract import FailureKind
from tests.unit.cli.records import WELL

LEFT = replace(
    WELL,
    run_id="left",
    status=INTERRUPTED,
    engine="kubernetes",
    failure_kind=FailureKind.KILLED,
    message="interrupted: dltpod itself was killed while this ran",
)


class Cluster:
    name = "kubernetes"

    def __init__(self, *run_ids: str) -> None:
        self.run_ids = run_ids

    def running(self, project: str) -> Sequence[Running]:
        return [
            Running(project=project, source="shop", run_id=run_id, container="c", started="", state="running")
            for run_id in self.run_ids
        ]


def test_a_run_that_goes_on_in_the_cluster_without_its_dltpod_is_running() -> None:
    gone = replace(LEFT, run_id="gone")
    found = still_running(cast(Engine, Cluster("left", WELL.run_id)), "acme", [LEFT, gone, WELL])
    assert [record.status for record in found] == [RUNNING, INTERRUPTED, "ok"]
    assert found[0].failure_kind is None
    assert "goes on in the cluster" in found[0].message
    assert _row(found[0])[2] == "running"


def test_a_run_whose_dltpod_was_killed_is_not_itself_called_killed() -> None:
    assert _row(LEFT)[2] == "interrupted"
