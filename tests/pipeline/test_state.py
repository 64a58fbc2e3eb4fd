"""State that is lost, torn, old or somebody else's."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from runner.contract import FailureKind
from runner.explain.classify import JobFailed, StepError, classify
from tests.pipeline.sandbox import DuckSandbox, FileSandbox

GARBAGE = "\x00 not what it was"


@pytest.mark.parametrize("kill", ["job_committed", "before_complete"])
def test_only_the_pipelines_folder_may_be_lost(sandbox: DuckSandbox, kill: str) -> None:
    sandbox.begun("append", upto=10)
    sandbox.killed("append", kill, upto=20)
    shutil.rmtree(sandbox.state / "pipelines")
    sandbox.run("append", upto=30)
    sandbox.whole(30)


@pytest.mark.parametrize(
    ("kill", "part"), [("before_normalize", "normalize"), ("before_load", "load"), ("job_committed", "load")]
)
def test_a_lost_package_is_extracted_anew(sandbox: DuckSandbox, kill: str, part: str) -> None:
    sandbox.begun("append", upto=10)
    sandbox.killed("append", kill, upto=20)
    shutil.rmtree(sandbox.state / "pipelines" / "shop" / part)
    result = sandbox.run("append", upto=30)
    sandbox.whole(30)
    assert any("ahead of the destination" in note for note in result.notes)


def test_a_run_that_fails_while_extracting_for_the_first_time_leaves_no_trace(sandbox: DuckSandbox) -> None:
    for _ in range(2):
        with pytest.raises(StepError):
            sandbox.run("fails_while_extracting", upto=10)
    result = sandbox.run("append", upto=10)
    assert result.first_run
    assert result.notes == ()
    sandbox.whole(10)


@pytest.mark.parametrize("function", ["dated", "several_schemas", "bare"])
def test_undisturbed_runs_have_nothing_to_note(sandbox: DuckSandbox, function: str) -> None:
    for upto in (10, 10, 30):
        assert sandbox.run(function, upto=upto).notes == ()
    assert sandbox.ids() == list(range(1, 31))


def test_a_copy_of_what_a_first_run_left_is_taken_for_its_own(
    sandbox: DuckSandbox, bucket: FileSandbox
) -> None:
    """Many tests begin with one."""
    for copied in (sandbox, bucket):
        copied.begun("append", upto=10)
        assert copied.run("append", upto=10).notes == ()


def test_a_first_run_says_so_and_the_second_does_not(sandbox: DuckSandbox) -> None:
    assert sandbox.begun("append", upto=10).first_run
    assert not sandbox.run("append", upto=20).first_run
    sandbox.lose_state()
    assert not sandbox.run("append", upto=30).first_run


def test_a_lost_working_directory_is_restored_without_a_doubled_row(sandbox: DuckSandbox) -> None:
    sandbox.begun("append", upto=10)
    sandbox.lose_state()
    result = sandbox.run("append", upto=20)
    sandbox.whole(20)
    assert result.rows["orders"] == 10


@pytest.mark.parametrize("pattern", ["state.json", "schemas/*.json"])
def test_a_torn_working_directory_is_emptied_and_restored_and_the_run_says_so(
    sandbox: DuckSandbox, pattern: str
) -> None:
    sandbox.begun("append", upto=10)
    for file in (sandbox.state / "pipelines" / "shop").glob(pattern):
        file.write_text(GARBAGE)
    result = sandbox.run("append", upto=20)
    sandbox.whole(20)
    assert any("could not be read" in note for note in result.notes)


def test_a_working_directory_that_is_a_file_is_replaced(sandbox: DuckSandbox) -> None:
    sandbox.begun("append", upto=10)
    sandbox.lose_state()
    folder = sandbox.state / "pipelines" / "shop"
    folder.parent.mkdir(parents=True)
    folder.write_text(GARBAGE)
    sandbox.run("append", upto=20)
    sandbox.whole(20)


def test_what_the_runner_remembers_may_be_torn_too(sandbox: DuckSandbox) -> None:
    sandbox.begun("append", upto=10)
    (sandbox.state / "runner" / "shop.json").write_text(GARBAGE)
    sandbox.run("append", upto=15)
    shutil.rmtree(sandbox.state / "runner")
    (sandbox.state / "runner").write_text(GARBAGE)
    sandbox.run("append", upto=20)
    sandbox.whole(20)


@pytest.mark.parametrize("kill", ["before_normalize", "before_load", "job_committed"])
def test_a_torn_leftover_is_extracted_anew(sandbox: DuckSandbox, kill: str) -> None:
    sandbox.begun("append", upto=10)
    sandbox.killed("append", kill, upto=20)
    for file in (sandbox.state / "pipelines" / "shop").rglob("orders.*"):
        file.write_bytes(b"torn")
    sandbox.run("append", upto=30)
    sandbox.whole(30)


def test_a_leftover_that_a_schema_contract_refuses_is_extracted_anew(sandbox: DuckSandbox) -> None:
    frozen = {"columns": "freeze"}
    sandbox.run("append", upto=10, schema_contract=frozen)
    with pytest.raises(StepError) as caught:
        sandbox.run("new_column", upto=20, schema_contract=frozen)
    failure = classify(caught.value)
    assert failure.kind is FailureKind.SCHEMA_CONTRACT
    sandbox.whole(10)
    sandbox.run("append", upto=30, schema_contract=frozen)
    sandbox.whole(30)


def test_a_dropped_dataset_is_loaded_again_from_the_start(sandbox: DuckSandbox) -> None:
    sandbox.begun("append", upto=10)
    sandbox.ask("DROP SCHEMA raw_shop CASCADE")
    sandbox.run("append", upto=20)
    sandbox.whole(20)


def test_dropped_tables_in_a_dataset_that_others_use_are_loaded_again(sandbox: DuckSandbox) -> None:
    sandbox.run("other", source="other", pipeline_name="other", upto=7)
    sandbox.run("append", upto=10)
    for table in ("orders", "orders__lines"):
        sandbox.ask(f"DROP TABLE raw_shop.{table}")
    sandbox.ask("DELETE FROM raw_shop._dlt_pipeline_state WHERE pipeline_name = 'shop'")
    sandbox.ask("DELETE FROM raw_shop._dlt_version WHERE schema_name = 'shop'")
    result = sandbox.run("append", upto=20)
    sandbox.whole(20)
    assert any("no longer holds" in note for note in result.notes)


def test_another_dataset_gets_all_rows_whatever_the_old_one_holds(sandbox: DuckSandbox) -> None:
    sandbox.begun("append", upto=10)
    sandbox.run("append", upto=20, dataset_name="raw_new")
    assert sandbox.ids(dataset="raw_new") == list(range(1, 21))
    sandbox.run("append", upto=30)
    sandbox.whole(30)


def test_a_leftover_that_another_machine_has_overtaken_is_left_out(sandbox: DuckSandbox) -> None:
    sandbox.begun("append", upto=10)
    sandbox.killed("append", "before_load", upto=20)
    sandbox.state.rename(sandbox.root / "here")
    sandbox.run("append", upto=30)
    sandbox.lose_state()
    (sandbox.root / "here").rename(sandbox.state)
    result = sandbox.run("append", upto=40)
    sandbox.whole(40)
    assert any("another machine" in note for note in result.notes)


def test_rows_of_a_pipeline_that_shares_the_table_are_not_removed_as_left_over(sandbox: DuckSandbox) -> None:
    sandbox.run("append", upto=5)
    sandbox.killed(
        "rival",
        "before_complete",
        source="rival",
        pipeline_name="rival",
        upto=3,
        destination=sandbox.destination,
    )
    sandbox.lose_state()
    result = sandbox.run("append", upto=6)
    sandbox.run("rival", source="rival", pipeline_name="rival", upto=3)
    assert sorted(sandbox.ids()) == sorted([1, 2, 3, 1, 2, 3, 4, 5, 6])
    assert any("tables shared with pipeline rival: orders, orders__lines" in note for note in result.notes)


def test_a_second_run_of_the_same_source_is_refused_while_one_goes_on(sandbox: DuckSandbox) -> None:
    from runner.load.locks import state_lock

    with state_lock(sandbox.state), pytest.raises(JobFailed) as caught:
        sandbox.run("append")
    assert caught.value.failure.kind is FailureKind.ALREADY_RUNNING
    assert caught.value.failure.transient


def test_nothing_of_finished_loads_piles_up_in_the_state_directory(sandbox: DuckSandbox) -> None:
    def files() -> list[str]:
        return sorted(str(p.relative_to(sandbox.state)) for p in sandbox.state.rglob("*") if p.is_file())

    sandbox.begun("append", upto=10)
    before = files()
    for upto in (20, 30):
        sandbox.run("append", upto=upto)
    assert files() == before
    assert not list(Path(sandbox.state).rglob("*.pickle"))
