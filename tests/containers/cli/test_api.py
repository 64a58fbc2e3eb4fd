"""A Python program that calls ``from dltpod import sync, check`` on the real engine."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap

import pytest

from tests.containers.cli.test_backfill import EVENTS
from tests.containers.cli.test_commands import NUMBERS
from tests.containers.folder import REPOSITORY, Folder
from tests.waiting import wait_for

pytestmark = pytest.mark.usefixtures("offline")

PROGRAM = """
    import json, logging, sys, threading
    from dltpod import SyncFailed, check, sync

    told = []

    class Handler(logging.Handler):
        def emit(self, record):
            told.append(record.getMessage())

    logging.getLogger("dltpod").addHandler(Handler())
    logging.getLogger("dltpod").setLevel(logging.INFO)

    def work(found):
        run = sync("numbers")["numbers"]
        found.update(status=run.status, rows=run.rows, first=run.first_run, log=run.log_file.exists())
        found["deep"] = check("numbers", deep=True).ok
        try:
            sync("numbers", "broken")
        except SyncFailed as error:
            good, ill = error.result.runs
            found.update(error=str(error), good=good.status, kind=ill.failure.kind)

    found = {}
    thread = threading.Thread(target=work, args=(found,))
    thread.start()
    thread.join()
    found["told"] = told
    json.dump(found, open("found.json", "w"))
"""


def test_a_program_syncs_and_checks_in_a_thread_and_gets_typed_results(project: Folder) -> None:
    project.code("counting", NUMBERS)
    project.code("broken", "def rows():\n    yield {'a': 1}\n    raise ValueError('no more')\n")
    project.source("numbers", "counting", "numbers")
    project.source("broken", "broken", "rows")
    done = _run(project, PROGRAM)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    found = json.loads((project.root / "found.json").read_text())
    told = found.pop("told")
    assert "broken: resource 'rows' failed: ValueError: no more" in found.pop("error")
    assert found == {
        "status": "ok",
        "rows": {"numbers": 3},
        "first": True,
        "log": True,
        "deep": True,
        "good": "ok",
        "kind": "extract",
    }
    assert "numbers: ok, 3 rows" in told


TWICE = """
    from dltpod import sync

    interval = ("2024-01-02", "2024-01-04")
    sync("events", interval=interval, every="1d")
    print(*sync("events", interval=interval, every="1d")["events"].notes)
"""


def test_a_program_is_told_how_steps_are_loaded_anew(project: Folder) -> None:
    project.code("events", EVENTS)
    project.source("events", "events", "events")
    done = _run(project, TWICE)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "2 of 2 steps were loaded before; again (--again) loads them anew\n"


def _run(project: Folder, program: str) -> subprocess.CompletedProcess[str]:
    """A program that imports dltpod, run in the project's folder."""
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        cwd=project.root,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        check=False,
    )


STOPPED = """
    import signal
    from dltpod import sync

    def handler(number, frame):
        raise SystemExit(7)

    signal.signal(signal.SIGTERM, handler)
    sync("slow")
"""


def test_a_signal_stops_the_runs_and_then_comes_to_the_programs_own_handler(project: Folder) -> None:
    project.code("slow", "import time\n\ndef rows():\n    yield {'a': 1}\n    time.sleep(600)\n")
    project.source("slow", "slow", "rows")
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(STOPPED)],
        cwd=project.root,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
    )
    wait_for(lambda: project.container("slow").status == "running", 300)
    process.send_signal(signal.SIGTERM)
    assert process.wait(120) == 7
    assert [record.status for record in project.history.runs()] == ["stopped"]
    assert project.containers() == []
