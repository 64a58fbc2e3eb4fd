"""A full refresh starts this source over, its cursor too, and nothing else."""

from __future__ import annotations

import shutil

import pytest

from runner.contract import FailureKind
from runner.explain.classify import JobFailed, StepError
from tests.pipeline.sandbox import DuckSandbox

GARBAGE = "\x00 not what it was"


def test_a_full_refresh_ends_with_the_rows_of_a_first_run(sandbox: DuckSandbox) -> None:
    sandbox.begun("append", upto=10)
    sandbox.run("append", upto=20)
    result = sandbox.run("append", upto=15, full_refresh=True)
    sandbox.whole(15)
    assert result.rows == {"orders": 15, "orders__lines": 30}
    assert result.cursors == {"orders.id": "15"}
    sandbox.run("append", upto=20)
    sandbox.whole(20)


@pytest.mark.parametrize("function", ["append", "arrow"])
def test_a_full_refresh_doubles_nothing_after_the_state_is_lost(sandbox: DuckSandbox, function: str) -> None:
    sandbox.begun(function, upto=10)
    sandbox.lose_state()
    sandbox.run(function, upto=20, full_refresh=True)
    sandbox.whole(20, lines=function != "arrow")


def test_a_full_refresh_leaves_the_other_pipeline_of_a_shared_dataset_alone(sandbox: DuckSandbox) -> None:
    sandbox.run("other", source="other", pipeline_name="other", upto=7)
    sandbox.run("append", upto=10)
    sandbox.run("append", upto=12, full_refresh=True)
    sandbox.whole(12)
    assert sandbox.ids("invoices") == list(range(1, 8))
    sandbox.run("other", source="other", pipeline_name="other", upto=9)
    assert sandbox.ids("invoices") == list(range(1, 10))


def test_a_full_refresh_of_one_resource_leaves_the_others_and_their_cursors(sandbox: DuckSandbox) -> None:
    sandbox.run("two", upto=10)
    sandbox.run("two", upto=15, full_refresh=True, resources=("returns",))
    assert sandbox.ids("orders") == list(range(1, 11))
    assert sandbox.ids("returns") == list(range(1, 16))
    sandbox.run("two", upto=20)
    assert sandbox.ids("orders") == list(range(1, 21))
    assert sandbox.ids("returns") == list(range(1, 21))


def test_a_full_refresh_that_fails_while_extracting_changes_nothing(sandbox: DuckSandbox) -> None:
    sandbox.begun("append", upto=10)
    with pytest.raises(StepError) as caught:
        sandbox.run("fails_while_extracting", upto=20, full_refresh=True)
    assert caught.value.step == "extract"
    sandbox.whole(10)
    sandbox.run("append", upto=20)
    sandbox.whole(20)


@pytest.mark.parametrize("kill", ["before_load", "job_committed", "before_complete"])
def test_a_full_refresh_that_is_killed_is_finished_by_the_next_sync(sandbox: DuckSandbox, kill: str) -> None:
    sandbox.begun("append", upto=10)
    sandbox.killed("append", kill, upto=20, full_refresh=True)
    sandbox.run("append", upto=30)
    sandbox.whole(30)


def test_a_full_refresh_works_on_a_torn_working_directory(sandbox: DuckSandbox) -> None:
    sandbox.begun("append", upto=10)
    for file in (sandbox.state / "pipelines" / "shop").rglob("*.json"):
        file.write_text(GARBAGE)
    sandbox.run("append", upto=20, full_refresh=True)
    sandbox.whole(20)


def test_a_stored_state_that_cannot_be_read_is_told_and_a_full_refresh_replaces_it(
    sandbox: DuckSandbox,
) -> None:
    sandbox.begun("append", upto=10)
    sandbox.ask("UPDATE raw_shop._dlt_pipeline_state SET state = 'garbage'")
    sandbox.lose_state()
    with pytest.raises(JobFailed) as caught:
        sandbox.run("append", upto=20)
    assert caught.value.failure.kind is FailureKind.STATE
    assert "--full-refresh" in caught.value.failure.hint
    sandbox.whole(10)
    sandbox.run("append", upto=20, full_refresh=True)
    sandbox.whole(20)
    sandbox.run("append", upto=25)
    sandbox.whole(25)
    shutil.rmtree(sandbox.state)
    sandbox.run("append", upto=30)
    sandbox.whole(30)


def test_a_full_refresh_works_where_the_newest_stored_schema_cannot_be_read(sandbox: DuckSandbox) -> None:
    sandbox.begun("append", upto=10)
    sandbox.run("new_column", upto=12)
    sandbox.ask(
        "UPDATE raw_shop._dlt_version SET schema = 'garbage' WHERE inserted_at = "
        "(SELECT max(inserted_at) FROM raw_shop._dlt_version)"
    )
    sandbox.lose_state()
    sandbox.run("append", upto=20, full_refresh=True)
    sandbox.whole(20)


def test_a_full_refresh_that_would_drop_another_pipelines_table_is_refused(sandbox: DuckSandbox) -> None:
    sandbox.run("rival", source="rival", pipeline_name="rival", upto=3)
    sandbox.run("append", upto=5)
    with pytest.raises(JobFailed) as caught:
        sandbox.run("append", upto=5, full_refresh=True)
    assert caught.value.failure.kind is FailureKind.CONFIGURATION
    assert "pipeline rival loads into as well" in caught.value.failure.message
    assert sorted(sandbox.ids()) == sorted([1, 2, 3, 1, 2, 3, 4, 5])


def test_two_pipelines_of_one_schema_in_one_dataset_keep_their_own_tables(sandbox: DuckSandbox) -> None:
    """The same source twice in one dataset, each with a resource of its own."""
    mine = {"resources": ("orders",)}
    theirs = {"source": "b", "pipeline_name": "b", "resources": ("returns",)}
    sandbox.run("two", upto=10, **mine)
    sandbox.run("two", upto=10, **theirs)
    sandbox.lose_state()
    result = sandbox.run("two", upto=12, full_refresh=True, **mine)
    assert sandbox.ids("orders") == list(range(1, 13))
    assert sandbox.ids("returns") == list(range(1, 11))
    assert any("pipeline b keeps schema shop in the same dataset" in note for note in result.notes)
