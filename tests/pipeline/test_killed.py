"""Nothing lost, nothing doubled: a run is killed at an exact point, and the next one sets it right."""

from __future__ import annotations

import pytest

from runner.contract import Result
from tests.pipeline import kills
from tests.pipeline.sandbox import DuckSandbox

POINTS = [point for point in kills.STOPS if point not in ("extracting", "merge_committed")]
KEPT = [
    *(("append", kill) for kill in POINTS),
    *(("merge", kill) for kill in ("job_committed", "merge_committed", "before_complete")),
    ("replace", "job_committed"),
    ("arrow", "job_committed"),
    ("merge_without_key", "merge_committed"),
]
LOST = [
    *(("append", kill) for kill in POINTS[3:]),
    ("merge", "before_complete"),
    ("replace", "before_complete"),
    ("arrow", "before_complete"),
]


def killed_and_synced(sandbox: DuckSandbox, kill: str, function: str = "append") -> Result:
    """Ten orders are loaded, a run is killed that loads ten more, and another sync finds thirty."""
    sandbox.begun(function, upto=10)
    sandbox.killed(function, kill, upto=20)
    return sandbox.synced(function, upto=30)


@pytest.mark.parametrize(("function", "kill"), KEPT)
def test_each_row_is_there_once_after_a_kill_and_another_sync(
    sandbox: DuckSandbox, function: str, kill: str
) -> None:
    killed_and_synced(sandbox, kill, function)
    sandbox.whole(30, lines=function != "arrow")


@pytest.mark.parametrize(("function", "kill"), LOST)
def test_each_row_is_there_once_after_a_kill_and_the_loss_of_the_state_directory(
    sandbox: DuckSandbox, function: str, kill: str
) -> None:
    sandbox.begun(function, upto=10)
    sandbox.killed(function, kill, upto=20)
    sandbox.lose_state()
    sandbox.run(function, upto=30)
    sandbox.whole(30, lines=function != "arrow")


@pytest.mark.parametrize("table", ["orders", "orders__lines", "_dlt_pipeline_state"])
def test_a_kill_after_any_tables_job_doubles_nothing_even_on_the_first_run(
    sandbox: DuckSandbox, table: str
) -> None:
    sandbox.killed("append", "job_committed", table, upto=10)
    sandbox.lose_state()
    sandbox.killed("append", "job_committed", table, upto=20)
    sandbox.run("append", upto=30)
    sandbox.whole(30)


def test_a_run_killed_while_extracting_leaves_nothing_and_the_next_reads_again(sandbox: DuckSandbox) -> None:
    sandbox.begun("append", upto=10)
    sandbox.killed("dies_while_extracting", upto=20)
    result = sandbox.run("append", upto=20)
    sandbox.whole(20)
    assert result.rows == {"orders": 10, "orders__lines": 20}
    assert result.resumed_load_ids == ()


def test_a_source_of_several_schemas_is_extracted_whole_or_not_at_all(sandbox: DuckSandbox) -> None:
    sandbox.run("several_schemas", upto=10)
    sandbox.killed("several_schemas", "between_commits", upto=20)
    sandbox.run("several_schemas", upto=30)
    assert sandbox.ids("orders") == list(range(1, 31))
    assert sandbox.ids("invoices") == list(range(1, 31))


def test_a_killed_load_is_finished_first_and_new_rows_come_in_the_same_sync(sandbox: DuckSandbox) -> None:
    result = killed_and_synced(sandbox, "job_committed")
    assert len(result.resumed_load_ids) == 1
    assert len(result.load_ids) == 1
    assert result.rows == {"orders": 20, "orders__lines": 40}
    assert result.cursors == {"orders.id": "30"}
    assert "finished the load that an earlier run had left: 30 rows" in result.notes
    sandbox.whole(30)


@pytest.mark.parametrize("kill", ["before_normalize", "normalize_committed", "before_load", "job_committed"])
def test_what_was_extracted_before_a_kill_is_not_extracted_again(sandbox: DuckSandbox, kill: str) -> None:
    result = killed_and_synced(sandbox, kill)
    assert len(result.resumed_load_ids) == 1
    assert result.rows == {"orders": 20, "orders__lines": 40}
    assert not any("anew" in note for note in result.notes)
    sandbox.whole(30)


def test_a_load_killed_after_it_was_completed_is_counted_once(sandbox: DuckSandbox) -> None:
    sandbox.killed("append", "after_complete", upto=10)
    sandbox.run("append", upto=20)
    loads = sandbox.ask("SELECT load_id, count(*) FROM raw_shop._dlt_loads GROUP BY load_id")
    assert [count for _, count in loads] == [1, 1]
    sandbox.whole(20)


def test_many_kills_in_a_row_change_nothing(sandbox: DuckSandbox) -> None:
    for upto, kill in enumerate(POINTS, start=1):
        sandbox.dies("append", kill, upto=10 * upto)
    sandbox.run("append", upto=100)
    sandbox.whole(100)
