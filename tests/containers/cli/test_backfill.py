"""Backfills by the command line, each step in a container: cut off, gone on with, and handed on by others."""

from __future__ import annotations

import os
import signal
import time

import pytest

from runner.contract import Interval
from tests.containers.cli.calls import dltpod
from tests.containers.folder import Folder

pytestmark = pytest.mark.usefixtures("offline")
EVENTS = '''
    import time
    from datetime import datetime, timedelta, timezone

    import dlt

    FIRST = datetime(2024, 1, 1, tzinfo=timezone.utc)


    @dlt.resource(write_disposition="append")
    def events(slow=0, at: dlt.sources.incremental[datetime] = dlt.sources.incremental("at")):
        """One for each day of January 2024, appended."""
        for number in range(31):
            at_ = FIRST + timedelta(days=number)
            yield {"id": number + 1, "at": at_}
        if slow and at.start_value.day == slow:
            time.sleep(600)
'''


def ids(project: Folder) -> list[int]:
    return [row[0] for row in project.rows("select id from raw_events.events order by id")]


def ran(project: Folder) -> list[tuple[str, str]]:
    """The statuses and the first days of the steps in history, oldest first."""
    runs = reversed(project.history.runs(limit=None))
    return [(run.status, run.interval.start[:10] if run.interval else "") for run in runs]


def test_a_backfill_whose_launcher_is_killed_goes_on_where_it_was(project: Folder) -> None:
    project.code("events", EVENTS)
    project.source("events", "events", "events", {"slow": 4})
    days = ("--from", "2024-01-02", "--to", "2024-01-06", "--every", "1d")
    process = project.start("sync", "events", *days)
    until = time.monotonic() + 300
    while [status for status, _ in ran(project)] != ["ok", "ok", "running"]:
        assert time.monotonic() < until and process.poll() is None, ran(project)
        time.sleep(0.2)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate(timeout=60)
    project.source("events", "events", "events")

    said = dltpod(project, "sync", "events", *days)
    assert said.code == 0, said.err
    assert "2 of 4 steps were loaded before; again (--again) loads them anew" in said.err
    assert ": 2 rows\n" in said.out
    assert "interval 2024-01-02T00:00:00Z to 2024-01-06T00:00:00Z" in said.out
    assert ids(project) == [2, 3, 4, 5]
    again = dltpod(project, "sync", "events", *days)
    assert again.code == 0
    assert "4 of 4 steps were loaded before" in again.out
    assert len(ran(project)) == 5
    # another folder of state, and no history: the destination says what is done
    (project.root / ".dltpod" / "history.sqlite").unlink()
    lost = dltpod(project, "sync", "events", *days[:-2])
    assert lost.code == 0, lost.err
    assert "was loaded before, and is not loaded again" in lost.out
    assert ids(project) == [2, 3, 4, 5]


def test_dlts_variables_are_the_dates_for_the_launcher_and_for_a_container(project: Folder) -> None:
    project.code("events", EVENTS)
    project.source("events", "events", "events")
    dates = {"DLT_INTERVAL_START": "2024-01-02", "DLT_INTERVAL_END": "2024-01-03T00:00Z"}
    said = dltpod(project, "sync", "events", **dates)
    assert said.code == 0, said.err
    assert ids(project) == [2]
    assert project.history.runs()[0].interval == Interval("2024-01-02T00:00:00Z", "2024-01-03T00:00:00Z")

    wrong = dltpod(project, "sync", "events", "--limit", "1", **dates)
    assert (wrong.code, wrong.err.splitlines()[0]) == (
        2,
        "error: a limit (--limit) goes with no interval (--from and --to, or DLT_INTERVAL_START and"
        " DLT_INTERVAL_END)",
    )
    # as an operator of a container sets them
    of_container = {"DLT_INTERVAL_START": "2024-01-10", "DLT_INTERVAL_END": "2024-01-12"}
    project.source("events", "events", "events", container={"env": of_container})
    assert dltpod(project, "sync", "events").code == 0
    assert ids(project) == [2, 10, 11]
    project.source("events", "events", "events", container={"env": {"DLT_INTERVAL_START": "2024-01-10"}})
    half = dltpod(project, "sync", "events")
    assert half.code == 1
    assert "DLT_INTERVAL_START and DLT_INTERVAL_END give no interval" in half.err


def test_a_dlt_without_intervals_and_a_source_without_a_cursor_are_refused(project: Folder) -> None:
    project.code("events", EVENTS)
    project.code("plain", "def rows():\n    yield {'id': 1}\n")
    project.source("old", "events", "events", container={"dlt": "==1.24.0"})
    project.source("plain", "plain", "rows")
    said = dltpod(project, "sync", "old", "plain", "--from", "2024-01-01", "--to", "2024-01-02")
    assert said.code == 1
    assert "dlt 1.24.0 can't load an interval: dlt 1.26 is the first that can" in said.err
    assert "no resource of rows goes by a cursor, so none can load an interval" in said.err
