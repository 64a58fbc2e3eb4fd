"""A destination that is held by others, or away, costs no row."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable

import pytest

from runner.contract import FailureKind
from tests.containers.engine.conftest import EngineProxy
from tests.containers.engine.faulty import EVENTS
from tests.containers.engine.test_killed_runs import COUNTS
from tests.containers.folder import NO_NETWORK, AtPhase, Folder
from tests.waiting import wait_for

HOLD = """
import sys, time, duckdb
connection = duckdb.connect(sys.argv[1])
print("held", flush=True)
time.sleep(float(sys.argv[2]))
"""


def hold(project: Folder, seconds: float) -> subprocess.Popen[str]:
    """A process of this host that has the warehouse open."""
    file = project.root / "data" / "warehouse.duckdb"
    made = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(file), str(seconds)], stdout=subprocess.PIPE, text=True
    )
    assert made.stdout is not None
    assert made.stdout.readline() == "held\n"
    return made


@pytest.fixture(scope="module")
def half(make_shared_folder: Callable[[], Folder]) -> Folder:
    """A source that has loaded half of its rows."""
    project = make_shared_folder()
    project.defaults = NO_NETWORK
    project.code("faulty", EVENTS)
    project.source("events", "faulty", "events", {"total": 500})
    project.must("events")
    return project


def test_a_duckdb_file_that_a_foreign_process_holds_for_a_while_costs_no_row(
    offline: Folder, half: Folder
) -> None:
    project = offline
    project.take_over(half)
    project.source("events", "faulty", "events", {"total": 1000}, container={"retries": 4})
    holder = hold(project, 6)
    record = project.must("events")
    holder.wait()
    assert record.status == "ok"
    assert project.rows(COUNTS) == [(1000, 1000, 2000, 0)]


def test_a_duckdb_file_that_stays_held_is_a_failure_in_passing_that_says_who_holds_it(
    offline: Folder, half: Folder
) -> None:
    project = offline
    project.take_over(half)
    project.source("events", "faulty", "events", {"total": 1000}, container={"retries": 0})
    holder = hold(project, 600)
    try:
        record = project.run("events", timeout=300)
    finally:
        holder.kill()
        holder.wait()
    assert record.status == "failed"
    assert record.failure_kind is not FailureKind.INTERNAL
    assert "warehouse.duckdb" in record.message or "lock" in record.message.lower(), record
    project.must("events")
    assert project.rows(COUNTS) == [(1000, 1000, 2000, 0)]


def test_an_engine_out_of_reach_for_a_moment_is_named_and_costs_no_row(
    project: Folder, engine_proxy: EngineProxy
) -> None:
    """The connection to the engine breaks in mid-run; the engine itself goes on."""
    project.code("faulty", EVENTS)
    project.source("events", "faulty", "events", {"total": 1000, "pause": 0.5}, container={"retries": 1})

    def cut() -> None:
        time.sleep(1)
        engine_proxy.cut()

    record = project.run("events", AtPhase("extract", threading.Thread(target=cut).start))
    assert record.status == "ok", record.message
    assert record.attempts == 2
    assert project.rows(COUNTS) == [(1000, 1000, 2000, 0)]
    wait_for(lambda: project.containers() == [])
