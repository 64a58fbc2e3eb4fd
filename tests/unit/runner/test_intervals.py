"""Intervals in the job, in the container's variables and in a resource's state."""

from __future__ import annotations

import json
import os
import typing

import pytest

from runner import contract
from runner.contract import Destination, Interval, JobSpec, interval
from runner.load.intervals import covered, overlapping, union
from runner.supervise.job_input import InputError, Paths, read_input

JOB = JobSpec(
    run_id="1",
    token="t",
    project="p",
    source="shop",
    module="m",
    function="f",
    destination=Destination("duckdb"),
    pipeline_name="shop",
    dataset_name="raw_shop",
)
JANUARY = Interval("2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z")


def given(**changes: typing.Any) -> dict[str, typing.Any]:
    return {**json.loads(contract.to_json(JOB)), **changes}


def test_a_jobs_interval_survives_the_way_through_json() -> None:
    job = contract.job_from(given(interval=contract.plain(JANUARY)))
    assert job.interval == JANUARY
    assert contract.job_from(given()).interval is None


@pytest.mark.parametrize(
    "wrong",
    [
        "2026-01-01",
        {"start": "2026-01-01"},
        {"start": "2026-01-01", "end": "soon"},
        {"start": "2026-01-02", "end": "2026-01-01"},
        {"start": 1, "end": 2},
    ],
)
def test_a_job_with_something_else_for_an_interval_is_refused(wrong: typing.Any) -> None:
    with pytest.raises((TypeError, ValueError, AttributeError)):
        contract.job_from(given(interval=wrong))


def taken(tmp: typing.Any, monkeypatch: pytest.MonkeyPatch, *values: str, **changes: typing.Any) -> JobSpec:
    monkeypatch.setenv(contract.JOB_VARIABLE, json.dumps(given(**changes)))
    for name, value in zip(contract.INTERVAL_VARIABLES, values, strict=False):
        monkeypatch.setenv(name, value)
    return read_input(Paths(str(tmp)), os.open(os.devnull, os.O_RDONLY)).job


def test_the_containers_variables_give_a_job_its_interval(
    tmp_path: typing.Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert taken(tmp_path, monkeypatch, "2026-01-01", "2026-02-01").interval == JANUARY


def test_the_jobs_own_interval_and_a_check_take_no_notice_of_them(
    tmp_path: typing.Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = contract.plain(interval("2025-01-01", "2025-02-01"))
    assert (
        contract.plain(taken(tmp_path, monkeypatch, "2026-01-01", "2026-02-01", interval=own).interval) == own
    )
    assert taken(tmp_path, monkeypatch, "2026-01-01", "2026-02-01", action="check").interval is None


@pytest.mark.parametrize("values", [("2026-01-01",), ("2026-01-01", "soon"), ("2026-01-02", "2026-01-01")])
def test_variables_that_give_no_interval_are_no_job(
    tmp_path: typing.Any, monkeypatch: pytest.MonkeyPatch, values: tuple[str, ...]
) -> None:
    with pytest.raises(InputError, match=r"^DLT_INTERVAL_START and .* give no interval") as caught:
        taken(tmp_path, monkeypatch, *values)
    assert caught.value.code == contract.ExitCode.CONFIGURATION


def test_spans_that_touch_become_one_and_are_asked() -> None:
    day = [interval(f"2026-01-{n:02}", f"2026-01-{n + 1:02}") for n in range(1, 8)]
    spans: list[list[str]] = []
    for n in (1, 3, 2, 5):
        spans = union(spans, day[n])
    assert spans == [[day[1].start, day[3].end], [day[5].start, day[5].end]]
    assert covered(spans, interval(day[1].start, day[2].end))
    assert not covered(spans, interval(day[3].start, day[5].end))
    assert overlapping(spans, day[4]) is None
    assert overlapping(spans, interval(day[4].start, day[5].end)) == spans[1]
