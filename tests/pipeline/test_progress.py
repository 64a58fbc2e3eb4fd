"""What a run tells while it goes on, and what it comes to."""

from __future__ import annotations

import functools
import time
import typing
from collections.abc import Iterator
from pathlib import Path

import dlt
import pytest

from runner.explain.classify import StepError
from runner.load import pipeline
from runner.load.progress import Steps, collector
from tests.pipeline.sandbox import DuckSandbox


def test_phases_are_told_in_order(sandbox: DuckSandbox) -> None:
    sandbox.run("append")
    phases = [fields["phase"] for kind, fields in sandbox.events if kind == "phase"]
    assert phases == ["start", "restore", "extract", "normalize", "load"]


def test_rows_are_told_at_most_twice_a_second_and_the_last_count_is_whole(sandbox: DuckSandbox) -> None:
    @dlt.resource(name="ticks")  # type: ignore[untyped-decorator]
    def ticks() -> Iterator[dict[str, int]]:
        for number in range(24):
            time.sleep(0.05)
            yield {"id": number}

    told: list[dict[str, typing.Any]] = []

    def emit(kind: str, fields: dict[str, typing.Any]) -> None:
        if kind == "progress":
            told.append(fields)

    began = time.monotonic()
    pipeline.run(sandbox.job("append"), ticks, Steps(emit), state=sandbox.state)
    halves = (time.monotonic() - began) / 0.5
    assert 2 <= len(told) <= halves + 1
    assert told[-1]["rows"] == {"ticks": 24}


def test_the_rows_that_are_told_are_those_that_will_be_loaded(
    sandbox: DuckSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runner.load.progress.Steps.period", 0.0)
    result = sandbox.run("append", upto=4)
    told = [fields["rows"] for kind, fields in sandbox.events if kind == "progress"]
    assert told[-1] == result.rows
    assert all(rows.get("orders", 0) <= 4 for rows in told)


def test_a_step_whose_whole_is_known_tells_how_far_it_is(
    sandbox: DuckSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runner.load.progress.Steps.period", 0.0)
    sandbox.run("append", upto=4)
    phase, told = "", {}
    for kind, fields in sandbox.events:
        phase = fields.get("phase", phase)
        if kind == "progress" and "total" in fields:
            told[phase] = (fields["done"], fields["total"])
    assert told["normalize"] == (4, 4)
    done, total = told["load"]
    assert 0 < done <= total
    assert "extract" not in told


def test_rows_stay_told_where_dlt_counts_none_by_table_while_it_normalizes() -> None:
    told = []
    counter = collector(Steps(lambda _, fields: told.append(fields)))
    with counter("Extract orders"):
        counter.update("orders", 4)
    with counter("Normalize orders"):
        counter.update("Items", 4)  # as dlt 1.18 does
    with counter("Load orders"):
        counter.update("Jobs", 1, 1)
    assert told == [{"rows": {"orders": 4}}]


def test_what_a_run_added_to_the_schema_is_told_but_not_on_the_first(sandbox: DuckSandbox) -> None:
    def one() -> Iterator[dict[str, typing.Any]]:
        yield {"id": 1}

    def two() -> Iterator[dict[str, typing.Any]]:
        yield {"id": 2, "region": "x", "tags": [1]}

    results = []
    for rows in (one, two, two):
        make = functools.partial(dlt.resource, rows, name="accounts")
        results.append(pipeline.run(sandbox.job("append"), make, Steps(), state=sandbox.state))
    assert [(r.new_tables, r.new_columns) for r in results] == [
        ((), ()),
        (("accounts__tags",), ("accounts.region",)),
        ((), ()),
    ]


def test_the_seconds_of_a_step_within_another_count_once() -> None:
    steps = Steps(lambda _kind, _fields: None)
    began = time.monotonic()
    with steps.step("load"):
        time.sleep(0.05)
        with steps.step("wait"):
            time.sleep(0.2)
        time.sleep(0.05)
    steps.stop()
    in_all = time.monotonic() - began
    assert steps.seconds["load"] >= 0.1
    assert steps.seconds["wait"] >= 0.2
    assert steps.seconds["load"] + steps.seconds["wait"] <= in_all + 0.001


def test_a_failure_says_the_step_it_happened_in(sandbox: DuckSandbox) -> None:
    with pytest.raises(StepError) as caught:
        sandbox.run("fails_while_extracting")
    assert caught.value.step == "extract"


def test_a_result_tells_rows_loads_bytes_versions_and_place(sandbox: DuckSandbox) -> None:
    result = sandbox.run("append", upto=4)
    assert result.status == "ok"
    assert result.rows == {"orders": 4, "orders__lines": 8}
    assert len(result.load_ids) == 1
    assert result.bytes > 0
    assert set(result.versions) == {"python", "dlt", "duckdb"}
    assert result.location == sandbox.destination.file
    assert list(result.seconds) == ["start", "restore", "extract", "normalize", "load"]


def test_a_duckdb_load_goes_through_parquet(sandbox: DuckSandbox) -> None:
    sandbox.killed("append", "before_load")
    jobs = [path.name for path in Path(sandbox.state).rglob("new_jobs/orders.*")]
    assert len(jobs) == 1
    assert jobs[0].endswith(".parquet")
