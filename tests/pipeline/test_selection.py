"""Resources, limit, write disposition, schema contract, names."""

from __future__ import annotations

import pytest

from runner.contract import FailureKind
from runner.explain.classify import JobFailed, StepError, classify
from tests.pipeline.sandbox import DuckSandbox, FileSandbox


def test_only_the_named_resources_run(sandbox: DuckSandbox) -> None:
    result = sandbox.run("two", upto=10, resources=("returns",))
    assert set(result.rows) == {"returns", "returns__lines"}


def test_a_resource_that_is_not_there_is_refused_with_the_near_miss(sandbox: DuckSandbox) -> None:
    with pytest.raises(JobFailed) as caught:
        sandbox.run("two", resources=("return",))
    assert caught.value.failure.kind is FailureKind.CONFIGURATION
    assert caught.value.failure.message == "two has no resource 'return'; did you mean 'returns'?"
    assert caught.value.failure.hint == "it has: orders, returns"


def test_a_limited_run_takes_nothing_from_the_cursor_and_touches_no_table(sandbox: DuckSandbox) -> None:
    sandbox.run("pages", upto=10)
    result = sandbox.run("pages", upto=20, limit=3)
    assert result.dataset == "raw_shop_limited"
    assert result.rows["orders"] == 3
    assert result.cursors == {}
    assert sandbox.ids(dataset="raw_shop_limited") == [18, 19, 20]
    assert sandbox.ids() == list(range(1, 11))
    assert not (sandbox.state / "limited" / "pipelines" / "shop").exists()
    assert sandbox.ask("SELECT table_name FROM information_schema.tables WHERE table_schema = "
                       "'raw_shop_limited' AND table_name = '_dlt_pipeline_state'") == []  # fmt: skip
    sandbox.run("pages", upto=20)
    sandbox.whole(20)


def test_a_limited_run_replaces_the_one_before_it(sandbox: DuckSandbox) -> None:
    sandbox.run("pages", upto=5, limit=2)
    sandbox.run("pages", upto=9, limit=1)
    assert sandbox.ids(dataset="raw_shop_limited") == [9]


def test_a_limited_run_leaves_a_killed_runs_load_to_the_next_sync(sandbox: DuckSandbox) -> None:
    sandbox.begun("append", upto=10)
    sandbox.killed("append", "job_committed", upto=20)
    sandbox.run("append", upto=20, limit=1)
    result = sandbox.run("append", upto=20)
    assert len(result.resumed_load_ids) == 1
    sandbox.whole(20)


def test_a_write_disposition_is_applied(sandbox: DuckSandbox) -> None:
    sandbox.run("append", upto=10, write_disposition="replace")
    sandbox.run("append", upto=12, write_disposition="replace")
    assert sandbox.ids() == list(range(1, 13))


def test_merge_is_refused_for_a_resource_without_a_key(sandbox: DuckSandbox) -> None:
    with pytest.raises(JobFailed) as caught:
        sandbox.run("append", write_disposition="merge")
    assert caught.value.failure.kind is FailureKind.CONFIGURATION
    assert "merge needs a key, and resource 'orders' has none" in caught.value.failure.message


def test_a_write_disposition_spares_resources_that_keep_their_history(sandbox: DuckSandbox) -> None:
    sandbox.run("history", upto=1, write_disposition="merge")
    result = sandbox.run("history", upto=2, write_disposition="merge")
    found = sandbox.ask("SELECT city, _dlt_valid_to IS NULL FROM raw_shop.people ORDER BY city")
    assert found == [("city 1", False), ("city 2", True)]
    assert any("people keeps its history" in note for note in result.notes)


def test_frozen_tables_hold_from_the_second_run_on(sandbox: DuckSandbox) -> None:
    frozen = {"tables": "freeze"}
    first = sandbox.run("two", upto=5, schema_contract=frozen, resources=("orders",))
    assert any("holds from the second run on" in note for note in first.notes)
    with pytest.raises(StepError) as caught:
        sandbox.run("two", upto=10, schema_contract=frozen)
    assert classify(caught.value).kind is FailureKind.SCHEMA_CONTRACT
    sandbox.run("two", upto=10, schema_contract=frozen, resources=("orders",))
    sandbox.whole(10)


def test_a_schema_contract_that_is_taken_away_no_longer_holds(sandbox: DuckSandbox) -> None:
    sandbox.run("append", upto=5, schema_contract="freeze")
    sandbox.run("append", upto=6, schema_contract="freeze")
    sandbox.run("new_column", upto=10)
    assert sandbox.ids() == list(range(1, 11))


def test_a_bare_resource_runs_once(sandbox: DuckSandbox) -> None:
    result = sandbox.run("bare", upto=10)
    assert result.rows == {"orders": 10, "orders__lines": 20}
    sandbox.run("bare", upto=20)
    sandbox.whole(20)
    sandbox.run("bare", upto=15, full_refresh=True)
    sandbox.whole(15)


def test_pipeline_and_dataset_carry_the_names_of_the_job(sandbox: DuckSandbox) -> None:
    result = sandbox.run("append", upto=3, pipeline_name="erp_orders", dataset_name="erp")
    assert result.dataset == "erp"
    assert sandbox.ask("SELECT DISTINCT pipeline_name FROM erp._dlt_pipeline_state") == [("erp_orders",)]


def test_the_dataset_is_told_by_the_name_that_the_destination_gives_it(
    sandbox: DuckSandbox, bucket: FileSandbox
) -> None:
    assert sandbox.run("append", upto=3, dataset_name="RawCamelDS").dataset == "raw_camel_ds"
    assert sandbox.ids(dataset="raw_camel_ds") == [1, 2, 3]
    limited = sandbox.run("append", upto=3, dataset_name="RawCamelDS", limit=1)
    assert limited.dataset == "raw_camel_ds_limited"
    assert "into dataset raw_camel_ds_limited, " in limited.notes[0]
    assert bucket.run("append", upto=3, dataset_name="RawCamelDS").dataset == "raw_camel_ds"
    assert bucket.ids(dataset="raw_camel_ds") == [1, 2, 3]


def test_the_dataset_of_a_run_that_loads_nothing_is_told_all_the_same(sandbox: DuckSandbox) -> None:
    assert sandbox.run("nothing", dataset_name="RawCamelDS").dataset == "raw_camel_ds"


def test_a_dataset_whose_name_is_taken_as_it_stands_is_told_as_it_stands(sandbox: DuckSandbox) -> None:
    sandbox.environment = {"DESTINATION__DUCKDB__ENABLE_DATASET_NAME_NORMALIZATION": "false"}
    assert sandbox.run("append", upto=3, dataset_name="RawCamelDS").dataset == "RawCamelDS"
    assert sandbox.ids(dataset='"RawCamelDS"') == [1, 2, 3]


def test_a_sync_without_anything_new_loads_no_row(sandbox: DuckSandbox) -> None:
    sandbox.begun("append", upto=10)
    result = sandbox.run("append", upto=10)
    assert result.rows == {}
    assert result.status == "ok"
    sandbox.whole(10)


def test_rows_without_a_cursor_that_are_appended_once_more_are_told(sandbox: DuckSandbox) -> None:
    first = sandbox.run("whole", upto=3)
    assert first.notes == ()
    (note,) = sandbox.run("whole", upto=3).notes
    assert note.startswith("orders: without a cursor all rows are appended at each run")
    assert "write_disposition: replace" in note


@pytest.mark.parametrize("function", ["append", "replace", "remembered"])
def test_rows_that_a_cursor_a_state_or_a_replacement_keeps_single_are_not(
    sandbox: DuckSandbox, function: str
) -> None:
    for upto in (3, 5):
        assert sandbox.run(function, upto=upto).notes == ()
