"""Whatever is killed and whenever: the next sync has every row, and has it once."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Callable

import pytest

from launcher.runs.history import RunRecord
from runner.contract import FailureKind
from tests.containers.cli.calls import dltpod
from tests.containers.engine.faulty import EVENTS
from tests.containers.folder import NO_NETWORK, AtPhase, Folder
from tests.waiting import wait_for

TOTAL = 4000
ALL_ONCE = [(TOTAL, TOTAL, TOTAL * 2, 0)]
COUNTS = """
    SELECT (SELECT count(*) FROM raw_events.events), (SELECT count(DISTINCT id) FROM raw_events.events),
           (SELECT count(*) FROM raw_events.events__parts),
           (SELECT count(*) FROM raw_events.events__parts p
             WHERE NOT EXISTS (SELECT 1 FROM raw_events.events e WHERE e._dlt_id = p._dlt_parent_id))
"""
KILL_EVERYTHING = ["/opt/venv/bin/python", "-c", "import os; os.kill(-1, 9)"]


@pytest.fixture(scope="module")
def quarter(make_shared_folder: Callable[[], Folder]) -> Folder:
    return quarter_in(make_shared_folder())


def quarter_in(project: Folder) -> Folder:
    """A source that has loaded a quarter of its rows."""
    project.defaults = NO_NETWORK
    project.code("faulty", EVENTS)
    project.source("events", "faulty", "events", {"total": TOTAL // 4})
    project.must("events")
    return project


@pytest.fixture
def events(project: Folder, quarter: Folder) -> Folder:
    """A source of TOTAL rows, a quarter of which are loaded already."""
    project.take_over(quarter)
    project.defaults = NO_NETWORK
    project.source("events", "faulty", "events", {"total": TOTAL, "pause": 0.02})
    return project


def next_sync(events: Folder) -> RunRecord:
    """It has every row, and has it once."""
    events.defaults = NO_NETWORK
    events.source("events", "faulty", "events", {"total": TOTAL})
    record = events.must("events")
    assert events.rows(COUNTS) == ALL_ONCE
    return record


@pytest.mark.parametrize(
    ("phase", "after"),
    [
        *[("start", 0.0), ("extract", 0.4), ("normalize", 0.0)],
        *[("load", 0.0), ("load", 0.15)],  # at exact points: tests/pipeline/test_killed.py
    ],
)
def test_after_kill_9_of_the_runner_the_next_sync_has_every_row_once(
    events: Folder, phase: str, after: float
) -> None:
    if phase == "start":  # while another container closes addresses of the network
        events.defaults = {}
        events.source("events", "faulty", "events", {"total": TOTAL})
    record = events.run(
        "events", AtPhase(phase, lambda: events.container("events").exec_run(KILL_EVERYTHING), after)
    )
    assert record.status == "ok" or record.failure_kind is FailureKind.KILLED, record
    next_sync(events)


@pytest.mark.parametrize(("phase", "after"), [("extract", 0.2), ("load", 0.1)])
def test_after_the_container_was_killed_from_outside_the_next_sync_has_every_row_once(
    events: Folder, phase: str, after: float
) -> None:
    record = events.run("events", AtPhase(phase, lambda: events.container("events").kill(), after))
    assert record.status == "ok" or record.failure_kind is FailureKind.KILLED, record
    next_sync(events)


@pytest.mark.parametrize("deed", ["removed", "restarted"])
def test_a_container_that_someone_removes_or_restarts_is_told_so_and_the_next_sync_has_every_row_once(
    events: Folder, deed: str
) -> None:
    def do() -> None:
        container = events.container("events")
        container.remove(force=True) if deed == "removed" else container.restart(timeout=0)

    events.source("events", "faulty", "events", {"total": TOTAL, "pause": 60})
    record = events.run("events", AtPhase("extract", do, 0.2))
    assert record.failure_kind is FailureKind.KILLED
    assert record.message == f"killed from outside: someone {deed} the container"
    next_sync(events)


@pytest.mark.parametrize("phase", ["extract", "load"])
def test_kill_9_of_the_launcher_leaves_no_container_and_the_next_sync_has_every_row_once(
    events: Folder, phase: str
) -> None:
    events.defaults = {}
    # an extract lasts until the kill
    pause = 60 if phase == "extract" else 0.02
    events.source("events", "faulty", "events", {"total": TOTAL, "pause": pause})
    launcher = events.start("sync", "events", "--json")
    assert launcher.stdout is not None
    for line in launcher.stdout:
        if f'"{phase}"' in line:
            break
    os.killpg(launcher.pid, signal.SIGKILL)
    launcher.wait()

    def gone() -> bool:
        return all(container.status != "running" for container in events.containers())

    wait_for(gone, text="a container of a killed launcher still runs")
    (shown,) = json.loads(dltpod(events, "runs", "-n", "1", "--json").out)
    assert (shown["status"], shown["ended"] >= shown["started"]) == ("interrupted", True)
    record = next_sync(events)
    before = events.history.runs("events")[1]
    assert before.run_id != record.run_id
    assert before.status == "interrupted"
    assert events.containers() == []


@pytest.mark.parametrize(
    ("phase", "number"),
    [
        *[("extract", signal.SIGTERM), ("extract", signal.SIGINT)],
        *[("normalize", signal.SIGINT), ("load", signal.SIGTERM)],
    ],
)
def test_a_signal_stops_the_run_gently_and_the_next_sync_has_every_row_once(
    events: Folder, phase: str, number: signal.Signals
) -> None:
    launcher = events.start("sync", "events", "--json")
    assert launcher.stdout is not None
    for line in launcher.stdout:
        if f'"{phase}"' in line:
            break
    launcher.send_signal(number)
    launcher.stdout.read()
    assert launcher.wait(60) == 128 + number
    (record,) = events.history.runs("events", limit=1)
    # What comes after the extract is short: on a busy machine it may be over before the signal comes.
    over = phase != "extract" and record.status == "ok"
    assert over or record.failure_kind is FailureKind.CANCELLED, record
    assert events.containers() == []
    next_sync(events)


def test_a_state_folder_that_is_deleted_between_runs_doubles_nothing(events: Folder) -> None:
    shutil.rmtree(events.root / ".dltpod" / "state" / "events")
    next_sync(events)


def test_a_state_folder_that_is_deleted_after_a_kill_in_load_doubles_nothing(events: Folder) -> None:
    events.run("events", AtPhase("load", lambda: events.container("events").kill(), 0.15))
    shutil.rmtree(events.root / ".dltpod" / "state" / "events")
    next_sync(events)


def test_a_torn_state_folder_is_restored_and_doubles_nothing(events: Folder) -> None:
    state = events.root / ".dltpod" / "state" / "events"
    for file in state.rglob("*"):
        if file.is_file() and file.suffix in (".json", ""):
            file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    next_sync(events)
