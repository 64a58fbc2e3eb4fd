"""Asked to stop, or refused by the destination: what was done stays, what wasn't is done next time."""

from __future__ import annotations

import pytest

from runner.contract import FailureKind
from tests.pipeline.sandbox import DuckSandbox, PostgresSandbox


@pytest.mark.parametrize("point", ["extracting", "extract_committed"])
def test_a_run_stopped_while_extracting_discards_what_it_had_read(sandbox: DuckSandbox, point: str) -> None:
    sandbox.begun("append", upto=10)
    failure = sandbox.failing("append", f"interrupt:{point}", upto=20)
    assert failure.kind is FailureKind.CANCELLED
    assert "during extract" in failure.message
    result = sandbox.run("append", upto=30)
    assert result.resumed_load_ids == ()
    sandbox.whole(30)


@pytest.mark.parametrize(("point", "step"), [("before_normalize", "normalize"), ("before_load", "load")])
def test_a_run_stopped_later_is_finished_by_the_next(sandbox: DuckSandbox, point: str, step: str) -> None:
    sandbox.begun("append", upto=10)
    failure = sandbox.failing("append", f"interrupt:{point}", upto=20)
    assert failure.kind is FailureKind.CANCELLED
    assert f"during {step}" in failure.message
    result = sandbox.run("append", upto=30)
    assert len(result.resumed_load_ids) == 1
    sandbox.whole(30)


@pytest.mark.parametrize("point", ["job_committed", "before_complete"])
def test_a_run_stopped_while_its_last_jobs_run_lets_them_end(sandbox: DuckSandbox, point: str) -> None:
    sandbox.begun("append", upto=10)
    sandbox.end("append", f"interrupt:{point}", upto=20)
    sandbox.run("append", upto=30)
    sandbox.whole(30)


def test_a_job_whose_answer_got_lost_is_not_loaded_twice(warehouse: PostgresSandbox) -> None:
    warehouse.run("append", upto=10)
    result = warehouse.child("append", "lost_answer", upto=20)
    warehouse.whole(20)
    assert result.rows["orders"] == 10


def test_a_merge_whose_answer_got_lost_keeps_one_of_each(warehouse: PostgresSandbox) -> None:
    warehouse.run("merge", upto=10)
    warehouse.child("merge", "lost_answer", upto=20)
    warehouse.whole(20)


@pytest.mark.parametrize("table", ["orders", "orders__lines"])
def test_rows_that_the_destination_refused_come_with_the_next_sync(sandbox: DuckSandbox, table: str) -> None:
    sandbox.begun("append", upto=10)
    failure = sandbox.failing("append", "refused_job", table=table, upto=20)
    assert failure.kind is FailureKind.LOAD
    assert not failure.transient
    sandbox.run("append", upto=30)
    sandbox.whole(30)


def test_a_load_that_is_refused_twice_is_given_up_and_extracted_anew(sandbox: DuckSandbox) -> None:
    sandbox.begun("append", upto=10)
    for _ in range(3):
        assert (
            sandbox.failing("append", "refused_job", table="orders__lines", upto=20).kind is FailureKind.LOAD
        )
    result = sandbox.run("append", upto=30)
    sandbox.whole(30)
    assert result.rows["orders"] == 20
