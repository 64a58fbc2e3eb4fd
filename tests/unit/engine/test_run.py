"""A run, its retries, its history; several runs as a fleet."""

from __future__ import annotations

import errno
import json
import os
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from launcher import log
from launcher.engines.log import LogFile
from launcher.engines.protocol import Ended, StopRequest
from launcher.errors import AlreadyRunning, EngineError, Exit
from launcher.host.launchers import Launchers
from launcher.plan.options import SyncOptions
from launcher.plan.values import JobPlan
from launcher.runs.history import History, RunRecord
from launcher.runs.listeners import LOG_LINES, Listener, Listeners
from launcher.runs.run import LONGEST_RETRY_SECONDS, retry_delay, run_source
from launcher.runs.signals import Stopper
from launcher.runs.sync import run_all, sync
from runner.contract import Failure, FailureKind
from tests.unit.engine.builders import FakeEngine, failed, ok, plan, project, source

GONE = Ended(None, failure=Failure(FailureKind.ENGINE_GONE, "gone", transient=True))


def no_jitter() -> float:
    return 0.0


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("launcher.runs.run.retry_delay", lambda attempt, random: 0.01)


def run(root: Path, *steps: Any, retries: int = 2, stop: StopRequest | None = None) -> RunRecord:
    entry = source(retries=retries)
    return run_source(
        plan(root, entry), FakeEngine({"jira": steps}), History(root), Listener(), stop or StopRequest()
    )


def test_a_run_that_goes_well_is_kept_with_what_it_loaded(tmp_path: Path) -> None:
    record = run(tmp_path, ok(issues=3))
    assert (record.status, record.rows, record.attempts, record.dlt) == ("ok", {"issues": 3}, 1, "1.31.0")
    assert History(tmp_path).runs() == (record,)


@pytest.mark.usefixtures("quick")
def test_only_transient_failures_are_tried_again(tmp_path: Path) -> None:
    assert run(tmp_path, failed(transient=True), GONE, ok()).attempts == 3
    assert run(tmp_path, failed(), ok()).attempts == 1


@pytest.mark.usefixtures("quick")
def test_retries_end_and_the_last_failure_stands(tmp_path: Path) -> None:
    record = run(tmp_path, *[failed(transient=True)] * 5, retries=1)
    assert (record.status, record.attempts, record.failure_kind) == ("failed", 2, FailureKind.EXTRACT)


@pytest.mark.usefixtures("quick")
def test_an_engine_that_breaks_in_the_call_is_a_failure_and_not_an_exception(tmp_path: Path) -> None:
    record = run(tmp_path, EngineError("no engine", "start it"), retries=0)
    assert (record.failure_kind, record.hint) == (FailureKind.ENGINE_GONE, "start it")


def test_a_request_to_stop_ends_the_waiting_between_two_attempts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("launcher.runs.run.retry_delay", lambda attempt, random: 3600.0)
    stop = StopRequest()
    threading.Timer(0.3, stop.ask).start()
    steps = [failed(transient=True), ok()]
    running = threading.Thread(target=run, args=(tmp_path, *steps), kwargs={"stop": stop}, daemon=True)
    running.start()
    running.join(60)
    assert not running.is_alive()


def test_a_source_that_is_held_leaves_no_trace_in_history(tmp_path: Path) -> None:
    with pytest.raises(AlreadyRunning):
        run(tmp_path, AlreadyRunning("held"))
    assert History(tmp_path).runs() == ()


class Said(Listener):
    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, source: str, text: str) -> None:
        self.said.append(text)


def test_who_waits_for_a_held_source_says_so_once_and_runs_from_when_it_was_free(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("launcher.runs.run._HELD_SECONDS", 0.2)
    history, listener = History(tmp_path), Said()
    during: list[object] = []

    def hold(stop: StopRequest) -> Ended:
        raise AlreadyRunning("run 1 holds it")

    def go(stop: StopRequest) -> Ended:
        during.extend(found.status for found in history.runs())
        return ok()

    engine = FakeEngine({"jira": [hold, hold, hold, go]})
    before = time.monotonic()
    record = run_source(plan(tmp_path), engine, history, listener, StopRequest(), wait=True)
    assert listener.said == ["run 1 holds it; waiting for it to end"]
    assert (record.status, record.attempts, during) == ("ok", 1, ["running"])
    assert record.seconds < time.monotonic() - before - 0.6


def test_waits_double_up_to_a_limit_and_spread_over_their_upper_half() -> None:
    assert [retry_delay(n, lambda: 1.0) for n in (1, 2, 3)] == [2.0, 4.0, 8.0]
    assert [retry_delay(n, lambda: 0.0) for n in (1, 2, 3)] == [1.0, 2.0, 4.0]
    assert retry_delay(1000, lambda: 1.0) == LONGEST_RETRY_SECONDS


def sync_all(root: Path, engine: FakeEngine, *names: str, **options: Any) -> tuple[Exit, list[str]]:
    made = project(root, *(source(name) for name in names))
    outcome = sync(made, made.sources, SyncOptions(**options), environ={}, engine=engine)
    return outcome.exit_code, [record.status for record in outcome.records]


def test_at_most_so_many_sources_run_at_once_as_were_asked_for(tmp_path: Path) -> None:
    three = threading.Barrier(3)

    def slow(stop: StopRequest) -> Ended:
        three.wait(60)
        time.sleep(0.05)
        return ok()

    names = [f"s{n}" for n in range(12)]
    engine = FakeEngine({name: [slow] for name in names})
    assert sync_all(tmp_path, engine, *names, jobs=3) == (Exit.OK, ["ok"] * 12)
    assert engine.most_at_once == 3


def test_one_failure_stops_no_other(tmp_path: Path) -> None:
    engine = FakeEngine({"a": [failed()], "b": [ok()], "c": [ok()]})
    assert sync_all(tmp_path, engine, "a", "b", "c") == (Exit.FAILED, ["failed", "ok", "ok"])


def test_with_fail_fast_the_rest_is_stopped_or_never_begins(tmp_path: Path) -> None:
    def until_stopped(stop: StopRequest) -> Ended:
        assert stop.gentle.wait(60)
        return Ended(None, failure=Failure(stop.reason, "stopped"))

    engine = FakeEngine({"a": [failed()], "b": [until_stopped], "c": [ok()]})
    assert sync_all(tmp_path, engine, "a", "b", "c", jobs=2, fail_fast=True)[1] == [
        "failed",
        "stopped",
        "stopped",
    ]
    assert "c" not in engine.started
    kinds = {run.source: run.failure_kind for run in History(tmp_path / ".dltpod").runs()}
    assert (kinds["b"], kinds["c"]) == (FailureKind.CANCELLED, FailureKind.CANCELLED)


def test_a_held_source_has_an_exit_code_of_its_own(tmp_path: Path) -> None:
    assert sync_all(tmp_path, FakeEngine({"a": [AlreadyRunning("held")]}), "a")[0] == Exit.ALREADY_RUNNING


def test_a_source_that_another_launcher_runs_is_no_failure_of_one_that_loaded_others(tmp_path: Path) -> None:
    engine = FakeEngine({"a": [AlreadyRunning("held")], "b": [ok()]})
    assert sync_all(tmp_path, engine, "a", "b")[0] == Exit.OK
    engine = FakeEngine({"a": [AlreadyRunning("held")], "b": [failed()]})
    assert sync_all(tmp_path, engine, "a", "b")[0] == Exit.FAILED
    engine = FakeEngine({"a": [AlreadyRunning("held")], "b": [AlreadyRunning("held")]})
    assert sync_all(tmp_path, engine, "a", "b")[0] == Exit.ALREADY_RUNNING


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.ENOSPC, FailureKind.DISK_FULL),
        (errno.EDQUOT, FailureKind.DISK_FULL),
        (errno.EACCES, FailureKind.CONFIGURATION),
        (errno.EROFS, FailureKind.CONFIGURATION),
        (errno.EIO, FailureKind.CONFIGURATION),
    ],
)
def test_only_a_disk_without_room_is_called_full(tmp_path: Path, number: int, kind: FailureKind) -> None:
    def refuse(stop: StopRequest) -> Ended:
        raise OSError(number, os.strerror(number), "/some/folder")

    outcome = sync_all(tmp_path, FakeEngine({"a": [refuse]}), "a")
    assert outcome == (Exit.FAILED, ["failed"])
    (record,) = History(tmp_path / ".dltpod").runs(statuses=("failed",))
    assert record.failure_kind is kind
    assert "/some/folder" in record.message


def test_a_history_that_is_damaged_while_a_run_goes_on_ends_that_run_and_hides_no_other(
    tmp_path: Path,
) -> None:
    history = History(tmp_path / ".dltpod")

    def damages(stop: StopRequest) -> Ended:
        history.file.with_name("history.sqlite-wal").unlink(missing_ok=True)
        history.file.write_bytes(b"no database")
        return ok()

    outcome = sync_all(tmp_path, FakeEngine({"a": [ok()], "b": [damages], "c": [ok()]}), "a", "b", "c")
    assert outcome == (Exit.FAILED, ["ok", "failed", "failed"])


def test_a_run_whose_launcher_was_killed_is_told_to_listeners_once(tmp_path: Path) -> None:
    class Learning(Listener):
        def __init__(self) -> None:
            self.learnt: list[str] = []

        def ended_earlier(self, record: RunRecord) -> None:
            self.learnt.append(f"{record.run_id} {record.status}")

    made = project(tmp_path, source("a"))
    dead = Launchers(made.private)
    with dead:
        pass
    History(made.private).write(
        RunRecord(run_id="1", source="a", status="running", started="2026-01-01T00:00:00Z", launcher=dead.id)
    )
    heard = Learning()
    for _ in range(2):
        engine = FakeEngine({"a": [ok()]})
        sync(made, made.sources, SyncOptions(), heard, environ={}, engine=engine)
    assert heard.learnt == ["1 interrupted"]


class Remembering(Listener):
    def __init__(self) -> None:
        self.planned_runs: list[str] = []
        self.records: list[RunRecord] = []

    def planned(self, source: str, plan: JobPlan) -> None:
        self.planned_runs.append(plan.job.run_id)

    def ended(self, record: RunRecord) -> None:
        self.records.append(record)


@pytest.mark.usefixtures("quick")
def test_what_never_began_is_not_told_as_planned_and_has_no_containers_exit_code(tmp_path: Path) -> None:
    wrong = source("wrong", mounts=("missing:/in",))
    made = project(tmp_path, source("held"), wrong, source("twice"))
    engine = FakeEngine({"held": [AlreadyRunning("held")], "twice": [failed(transient=True), ok()]})
    heard = Remembering()
    outcome = sync(made, made.sources, SyncOptions(), heard, environ={}, engine=engine)
    held, refused, twice = outcome.records
    assert (held.failure_kind, held.exit_code) == (FailureKind.ALREADY_RUNNING, None)
    assert (refused.failure_kind, refused.exit_code) == (FailureKind.CONFIGURATION, None)
    assert heard.planned_runs == [twice.run_id] * 2


def test_a_source_that_is_wrong_stops_itself_alone(tmp_path: Path) -> None:
    wrong = source("wrong", mounts=("missing:/in",))
    made = project(tmp_path, wrong, source("a"))
    engine = FakeEngine({"a": [ok()]})
    outcome = sync(made, made.sources, SyncOptions(), environ={}, engine=engine)
    assert [record.status for record in outcome.records] == ["failed", "ok"]
    assert outcome.exit_code == Exit.FAILED
    alone = sync(made, (wrong,), SyncOptions(), environ={}, engine=engine)
    assert alone.exit_code == Exit.USAGE
    assert "missing does not exist" in alone.records[0].message
    assert not (tmp_path / "missing").exists()


def test_all_that_a_run_has_made_belongs_to_the_projects_owner_while_it_runs(tmp_path: Path) -> None:
    owner = 4321 if os.geteuid() == 0 else os.geteuid()
    os.chown(tmp_path, owner, -1)
    foreign: list[str] = []

    def look(stop: StopRequest) -> Ended:
        LogFile(tmp_path / ".dltpod/logs/jira/now.log").close()
        made = list((tmp_path / ".dltpod").rglob("*"))
        assert len(made) > 5
        foreign.extend(str(entry) for entry in made if entry.stat().st_uid != owner)
        return ok()

    assert sync_all(tmp_path, FakeEngine({"jira": [look]}), "jira")[0] == Exit.OK
    assert foreign == []


def test_a_dry_run_starts_makes_and_keeps_nothing(tmp_path: Path) -> None:
    engine = FakeEngine({"a": []})
    assert sync_all(tmp_path, engine, "a", dry_run=True) == (Exit.OK, ["planned"])
    assert engine.started == []
    assert History(tmp_path / ".dltpod").runs() == ()
    assert list(tmp_path.iterdir()) == []


def test_a_bug_in_one_source_is_raised_after_the_others_have_ended() -> None:
    done: list[str] = []

    def work(name: str) -> RunRecord:
        if name == "a":
            raise RuntimeError("a bug")
        done.append(name)
        return RunRecord(run_id=name, source=name, status="ok", started="")

    with pytest.raises(RuntimeError, match="a bug"):
        run_all(["a", "b", "c"], work, jobs=1, fail_fast=False, stopper=Stopper())
    assert done == ["b", "c"]


class Slow(Listener):
    def __init__(self) -> None:
        self.go = threading.Event()
        self.held_up = False
        self.lines: list[str] = []
        self.events: list[Mapping[str, Any]] = []

    def log(self, source: str, line: str) -> None:
        self.held_up |= not self.go.wait(60)
        self.lines.append(line)

    def event(self, source: str, data: Mapping[str, Any]) -> None:
        self.events.append(data)


def test_a_slow_listener_holds_up_nothing_misses_no_event_and_is_told_what_it_missed() -> None:
    slow = Slow()
    with Listeners(slow) as listeners:
        for number in range(LOG_LINES * 3):
            listeners.log("a", str(number))
        for number in range(50):
            listeners.event("a", {"event": "phase", "phase": str(number)})
        for number in range(1000):
            listeners.event("a", {"event": "progress", "rows": {"a": number}})
        slow.go.set()
    assert not slow.held_up
    assert [e["phase"] for e in slow.events if e["event"] == "phase"] == [str(n) for n in range(50)]
    assert slow.events[-1] == {"event": "progress", "rows": {"a": 999}}
    assert any("lines not shown here" in line for line in slow.lines)
    assert len(slow.lines) < LOG_LINES * 2 + 10


def test_the_last_progress_of_a_run_is_told_before_its_end() -> None:
    heard: list[str] = []

    class Noting(Listener):
        def event(self, source: str, data: Mapping[str, Any]) -> None:
            heard.append(f"{source} {data['rows']}")

        def ended(self, record: RunRecord) -> None:
            heard.append(f"{record.source} ended")

    listeners = Listeners(Noting())
    for name in ("a", "b"):
        listeners.event(name, {"event": "progress", "rows": {"t": 1}})
    listeners.ended(RunRecord(run_id="1", source="a", status="ok", started=""))
    with listeners:
        pass
    assert heard == ["a {'t': 1}", "a ended", "b {'t': 1}"]


def test_a_listener_that_breaks_breaks_neither_the_run_nor_another_listener() -> None:
    class Broken(Listener):
        def log(self, source: str, line: str) -> None:
            raise BrokenPipeError

    other = Slow()
    other.go.set()
    with Listeners(Broken(), other) as listeners:
        for _ in range(100):
            listeners.log("a", "line")
    assert len(other.lines) == 100


def test_an_event_that_a_listener_can_not_take_costs_it_no_other_and_is_logged(tmp_path: Path) -> None:
    heard = []

    class Choosy(Listener):
        def event(self, source: str, data: Mapping[str, Any]) -> None:
            heard.append(data["phase"])
            assert data["phase"] != "2"

    file = tmp_path / "logs" / "dltpod.jsonl"
    with log.opened(file), Listeners(Choosy()) as listeners:
        for number in range(5):
            listeners.event("a", {"event": "phase", "phase": str(number)})
    assert heard == ["0", "1", "2", "3", "4"]
    assert file.read_text().count("listener_failed") == 1


def test_a_record_comes_back_from_history_as_it_went_in(tmp_path: Path) -> None:
    record = run(tmp_path, failed())
    assert History(tmp_path).run(record.run_id) == record
    json.dumps(record.__dict__, default=str)
