"""A source runs once at a time, whoever starts it; different sources run side by side."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from launcher.errors import Exit
from launcher.runs.history import RunRecord
from launcher.runs.listeners import Listener
from launcher.runs.signals import Stopper
from runner.contract import FailureKind
from tests.containers.cli.calls import dltpod, started
from tests.containers.engine.faulty import EVENTS, TROUBLE
from tests.containers.folder import AtPhase, Folder
from tests.unit.cli.test_reading import everything
from tests.waiting import wait_for

pytestmark = pytest.mark.usefixtures("offline")

HELD = """
    import pathlib
    import time

    import dlt

    @dlt.resource(name="events", primary_key="id", write_disposition="append")
    def events(total: int, at=dlt.sources.incremental("id", initial_value=0)):
        while not pathlib.Path("/state/go-on").exists():
            time.sleep(0.05)
        yield [{"id": n} for n in range(at.last_value + 1, total + 1)]
"""
AT_ONCE = 6


def test_of_six_launchers_at_once_exactly_one_runs_and_the_others_name_its_run_time_and_again(
    project: Folder,
) -> None:
    project.defaults = {}
    project.code("held", HELD)
    go_on = project.root / ".dltpod/state/events/go-on"
    for round in (1, 2):
        project.source("events", "held", "events", {"total": round * 100})
        launchers = [started(project, "sync", "events", "--json") for _ in range(AT_ONCE)]

        def refused(launchers: list[subprocess.Popen[str]] = launchers) -> bool:
            return sum(launcher.poll() is not None for launcher in launchers) == AT_ONCE - 1

        wait_for(refused, text="all launchers but one are refused")
        go_on.touch()
        texts = [launcher.communicate(timeout=120) for launcher in launchers]
        go_on.unlink()
        codes = sorted(launcher.returncode for launcher in launchers)
        assert codes == [Exit.OK, *[Exit.ALREADY_RUNNING] * (AT_ONCE - 1)], texts
        runs = project.history.runs("events", limit=None)
        assert len(runs) == round
        for told, made in zip(texts, launchers, strict=True):
            if made.returncode == Exit.ALREADY_RUNNING:
                assert runs[0].run_id in "".join(told)
                events = {event["event"]: event for event in map(json.loads, told[0].splitlines())}
                assert "planned" not in events
                assert events["ended"]["run"]["exit_code"] is None
                assert events["summary"]["exit_code"] == Exit.ALREADY_RUNNING
    assert project.rows("SELECT count(*), count(DISTINCT id) FROM raw_events.events") == [(200, 200)]


def test_with_wait_the_second_run_begins_when_the_first_has_ended(project: Folder) -> None:
    project.code("faulty", EVENTS)
    project.source("events", "faulty", "events", {"total": 300, "pause": 0.5})
    records: list[RunRecord] = []

    def second() -> None:
        records.append(project.run("events", wait=True))

    thread = threading.Thread(target=second)
    first = project.run("events", AtPhase("extract", thread.start))
    thread.join()
    assert [first.status, records[0].status] == ["ok", "ok"]
    assert project.rows("SELECT count(*), count(DISTINCT id) FROM raw_events.events") == [(300, 300)]


def test_the_copy_of_a_project_elsewhere_is_held_off_by_the_engine_too(
    make_folder: Callable[[], Folder],
) -> None:
    one, two = make_folder(), make_folder()
    two.name = one.name
    for folder in (one, two):
        folder.code("faulty", TROUBLE)
        folder.source("slow", "faulty", "sleeps")
    seen: list[RunRecord] = []
    stopper = Stopper()

    def sync_the_copy() -> None:
        try:
            seen.append(two.run("slow"))
        finally:
            stopper.ask()

    one.sync("slow", listener=AtPhase("extract", sync_the_copy), stopper=stopper)
    assert seen[0].failure_kind is FailureKind.ALREADY_RUNNING
    assert two.history.runs() == ()


def test_the_sync_of_another_source_leaves_a_running_one_alone(project: Folder) -> None:
    project.code("faulty", TROUBLE)
    project.source("plain", "faulty", "plain")
    project.source("slow", "faulty", "sleeps")
    stopper = Stopper()
    seen: list[str] = []

    def sync_another() -> None:
        try:
            project.must("plain")
            seen.append(project.container("slow").status)
        finally:
            stopper.ask()

    project.sync("slow", listener=AtPhase("extract", sync_another), stopper=stopper)
    assert seen == ["running"]


def test_what_a_killed_launcher_left_is_cleared_at_the_next_start_and_said(project: Folder) -> None:
    project.defaults = {}
    project.code("faulty", TROUBLE)
    project.source("slow", "faulty", "sleeps")
    project.source("plain", "faulty", "plain")
    launcher = project.start("sync", "slow", "--json")
    wait_for(lambda: project.container("slow").status == "running")
    os.killpg(launcher.pid, signal.SIGKILL)
    launcher.communicate()
    wait_for(lambda: project.container("slow").status != "running")
    settled = {"exited", "created"}
    wait_for(lambda: {container.status for container in project.containers()} <= settled)
    containers = {container.id for container in project.containers()}
    (left,) = json.loads(dltpod(project, "ps", "--json").out)
    assert (left["source"], left["role"], left["left"]) == ("slow", "run", True)
    before = everything(project.root)
    for reading in (["ps"], ["runs"], ["sync", "slow", "--dry-run"], ["doctor"], ["list"], ["check"]):
        dltpod(project, *reading)
        assert everything(project.root) == before, reading
        assert {container.id for container in project.containers()} == containers, reading
    project.must("plain")
    assert project.containers() == []
    assert project.history.runs("slow")[0].status == "interrupted"


@pytest.mark.parametrize("state", ["running", "paused"])
def test_stop_from_another_terminal_ends_the_run_gently(project: Folder, state: str) -> None:
    project.code("faulty", TROUBLE)
    project.source("slow", "faulty", "sleeps")
    launcher = started(project, "sync", "slow", "--json")
    assert launcher.stdout is not None
    next(line for line in launcher.stdout if '"extract"' in line)
    if state == "paused":
        project.container("slow").pause()
    shown = dltpod(project, "ps", "--json").out
    assert [(row["source"], row["state"]) for row in json.loads(shown)] == [("slow", state)]
    assert dltpod(project, "stop", "slow").code == 0
    launcher.communicate(timeout=120)
    assert launcher.returncode == Exit.FAILED
    assert project.history.runs("slow")[0].failure_kind is FailureKind.CANCELLED


class Together(Listener):
    """Lets sources of ``HELD`` go on when so many of them extract: all of these load at the same time."""

    def __init__(self, project: Folder, count: int) -> None:
        self._state, self._count = project.root / ".dltpod/state", count
        self._held: set[str] = set()
        self.times = 0

    def event(self, source: str, data: Mapping[str, Any]) -> None:
        if data.get("event") != "phase" or data.get("phase") != "extract":
            return
        self._held.add(source)
        if len(self._held) == self._count:
            for name in self._held:
                (self._state / name / "go-on").touch()
            self._held.clear()
            self.times += 1


def test_sixteen_sources_eight_of_which_load_at_once_share_one_duckdb_file_without_a_lock_error(
    project: Folder,
) -> None:
    project.code("held", HELD)
    for number in range(16):
        project.source(f"s{number}", "held", "events", {"total": 100 + number}, container={"memory": "512m"})
    together = Together(project, 8)
    outcome = project.sync(jobs=8, listener=together)
    assert {record.status for record in outcome.records} == {"ok"}, [
        (record.source, record.message) for record in outcome.records if record.status != "ok"
    ]
    assert together.times == 2
    assert all(record.attempts == 1 for record in outcome.records)
    counts = [project.rows(f"SELECT count(*) FROM raw_s{n}.events")[0][0] for n in range(16)]
    assert counts == [100 + n for n in range(16)]
    assert project.containers() == []


def test_one_failure_stops_no_other_and_fail_fast_stops_all(project: Folder) -> None:
    project.code("faulty", TROUBLE)
    project.source("fails", "faulty", "fails")
    project.source("slow", "faulty", "sleeps", {"seconds": 2})
    project.source("late", "faulty", "plain")
    outcome = project.sync(jobs=2)
    assert [record.status for record in outcome.records] == ["failed", "ok", "ok"]
    assert outcome.exit_code == Exit.FAILED
    project.source("slow", "faulty", "sleeps")
    outcome = project.sync(jobs=2, fail_fast=True)
    kinds = [record.failure_kind for record in outcome.records]
    assert kinds[:2] == [FailureKind.EXTRACT, FailureKind.CANCELLED]
    assert project.containers() == []


def test_a_container_of_somebody_else_under_our_name_is_left_alone_and_named(project: Folder) -> None:
    project.code("faulty", TROUBLE)
    project.source("plain", "faulty", "plain")
    image = project.image("plain").reference
    name = f"dltpod-{project.name}-plain"
    foreign = project.client.containers.create(image, ["true"], name=name)
    try:
        record = project.run("plain")
        assert record.failure_kind is FailureKind.CONFIGURATION
        assert name in record.message
        assert record.attempts == 0
        foreign.reload()
    finally:
        foreign.remove(force=True)
