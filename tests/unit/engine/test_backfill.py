"""Backfills: each step is a run of its own, done steps are left out, and a failure ends them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from launcher.engines.protocol import Ended
from launcher.errors import Exit
from launcher.plan.options import SyncOptions
from launcher.plan.steps import steps
from launcher.plan.values import JobPlan
from launcher.runs.history import OK, PLANNED, History, RunRecord
from launcher.runs.listeners import Listener
from launcher.runs.sync import Outcome, sync
from runner.contract import Interval
from tests.unit.engine.builders import FakeEngine, failed, ok, project, source

NOW = datetime(2026, 6, 1, tzinfo=timezone.utc)


class Heard(Listener):
    """What was said, and the jobs that were planned."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.jobs: list[tuple[str, Interval | None, bool]] = []

    def say(self, source: str, text: str) -> None:
        self.said.append(text)

    def planned(self, source: str, plan: JobPlan) -> None:
        self.jobs.append((source, plan.job.interval, plan.job.again))


def backfill(
    root: Path, heard: Heard, script: Mapping[str, Sequence[Ended]], end: str = "2026-01-04", **options: Any
) -> Outcome:
    made = project(root, *(source(name) for name in script))
    options.setdefault("steps", steps("2026-01-01", end, "1d", NOW))
    return sync(made, made.sources, SyncOptions(**options), heard, environ={}, engine=FakeEngine(script))


def day(number: int) -> Interval:
    return Interval(f"2026-01-{number:02}T00:00:00Z", f"2026-01-{number + 1:02}T00:00:00Z")


def kept(root: Path) -> list[RunRecord]:
    return list(reversed(History(root / ".dltpod").runs(limit=None)))


def test_each_step_is_a_run_in_history_and_they_come_to_one_record(tmp_path: Path) -> None:
    heard = Heard()
    outcome = backfill(tmp_path, heard, {"shop": [ok(orders=1), ok(orders=2), ok(orders=4)]})
    assert heard.jobs == [("shop", day(1), False), ("shop", day(2), False), ("shop", day(3), False)]
    assert sorted(run.interval.start for run in kept(tmp_path) if run.interval) == [
        day(n).start for n in (1, 2, 3)
    ]
    (record,) = outcome.records
    assert (outcome.exit_code, record.status, record.rows) == (Exit.OK, OK, {"orders": 7})
    assert record.interval == Interval(day(1).start, day(3).end)
    assert f"step 2 of 3: {day(2)}" in heard.said


def test_a_failed_step_ends_it_and_the_same_command_goes_on_there(tmp_path: Path) -> None:
    outcome = backfill(tmp_path, Heard(), {"shop": [ok(orders=1), failed()]})
    (record,) = outcome.records
    assert (outcome.exit_code, record.status) == (Exit.FAILED, "failed")
    assert record.message == f"{day(2)}: the source failed"
    assert record.hint == "mend it\n1 of 3 steps are loaded; the same command goes on with this one"
    heard = Heard()
    outcome = backfill(tmp_path, heard, {"shop": [ok(orders=2), ok(orders=4)]})
    assert [job[1] for job in heard.jobs] == [day(2), day(3)]
    assert heard.said[0] == "1 of 3 steps were loaded before; again (--again) loads them anew"
    assert outcome.records[0].rows == {"orders": 6}


def test_steps_that_are_done_are_not_run_again_unless_asked(tmp_path: Path) -> None:
    backfill(tmp_path, Heard(), {"shop": [ok(), ok(), ok()]})
    heard = Heard()
    (record,) = backfill(tmp_path, heard, {"shop": []}).records
    assert (record.status, record.notes) == (
        OK,
        ("3 of 3 steps were loaded before; again (--again) loads them anew",),
    )
    assert (heard.jobs, len(kept(tmp_path))) == ([], 3)
    backfill(tmp_path, heard, {"shop": [ok(), ok(), ok()]}, again=True)
    assert [job[2] for job in heard.jobs] == [True, True, True]


def test_a_step_is_done_whatever_arguments_it_was_loaded_with(tmp_path: Path) -> None:
    backfill(tmp_path, Heard(), {"shop": [ok(), ok(), ok()]}, set={"region": "eu"})
    heard = Heard()
    backfill(tmp_path, heard, {"shop": []}, set={"region": "us"})
    assert heard.jobs == []


def test_what_is_done_counts_whatever_the_steps_were(tmp_path: Path) -> None:
    backfill(tmp_path, Heard(), {"shop": [ok(), ok(), ok()]})
    heard = Heard()
    backfill(tmp_path, heard, {"shop": [ok()]}, steps=steps("2026-01-02", "2026-01-06", None, NOW))
    assert [job[1] for job in heard.jobs] == [Interval(day(4).start, day(5).end)]


def test_other_resources_are_not_done_and_a_full_refresh_forgets(tmp_path: Path) -> None:
    backfill(tmp_path, Heard(), {"shop": [ok(), ok(), ok()]})
    heard = Heard()
    backfill(tmp_path, heard, {"shop": [ok(), ok(), ok()]}, resources=("orders",))
    assert len(heard.jobs) == 3
    made = project(tmp_path, source("shop"))
    whole = SyncOptions(full_refresh=True)
    sync(made, made.sources, whole, environ={}, engine=FakeEngine({"shop": [ok()]}))
    backfill(tmp_path, heard, {"shop": [ok(), ok(), ok()]})
    assert len(heard.jobs) == 6


def test_what_was_loaded_elsewhere_is_not_done_here() -> None:
    from launcher.runs.backfill import at

    made = [
        RunRecord(str(n), "shop", OK, "2026-01-01T00:00:00Z", location=location, dataset=dataset)
        for n, (location, dataset) in enumerate(
            [("warehouse", "RAW_SHOP"), ("lake", "raw_shop"), ("warehouse", "raw_shop_2")]
        )
    ]
    assert [run.run_id for run in at(made, "warehouse", "raw_shop")] == ["0"]


def test_several_sources_each_go_on_where_they_were(tmp_path: Path) -> None:
    backfill(tmp_path, Heard(), {"a": [ok(), ok(), ok()]})
    heard = Heard()
    script = {"a": [ok()], "b": [ok(), ok(), ok(), failed()]}
    outcome = backfill(tmp_path, heard, script, end="2026-01-05", jobs=2)
    assert [(r.source, r.status) for r in outcome.records] == [("a", "ok"), ("b", "failed")]
    assert [job[1] for job in heard.jobs if job[0] == "a"] == [day(4)]


def test_a_dry_run_shows_the_first_step_and_keeps_nothing(tmp_path: Path) -> None:
    heard = Heard()
    outcome = backfill(tmp_path, heard, {"shop": []}, dry_run=True)
    assert outcome.records[0].status == PLANNED
    assert (heard.jobs, kept(tmp_path)) == ([("shop", day(1), False)], [])


def test_a_backfill_that_failed_is_no_reason_to_sync_with_failed(tmp_path: Path) -> None:
    from launcher.runs.history import failing

    backfill(tmp_path, Heard(), {"shop": [failed()]})
    assert failing(History(tmp_path / ".dltpod"), ["shop"]) == {}
    run = replace(kept(tmp_path)[0], run_id="x", interval=None)
    History(tmp_path / ".dltpod").write(run)
    assert set(failing(History(tmp_path / ".dltpod"), ["shop"])) == {"shop"}
