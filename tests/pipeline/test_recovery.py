"""Chosen ways to lose or double rows: each folder is held against what the destination says itself.

Each loads a table of every kind that the destination can hold, with child tables, and compares rows, keys,
children, ``_dlt_loads`` and the history of people with those of an undisturbed sync.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from runner.contract import FailureKind
from runner.explain.classify import JobFailed
from runner.load import pipeline
from runner.load.progress import Steps
from tests.pipeline import sources
from tests.pipeline.sandbox import DuckSandbox, FileSandbox, PostgresSandbox
from tests.pipeline.worlds import World


@pytest.fixture(
    params=[
        "duckdb insert-from-staging",
        "postgres truncate-and-insert",
        "postgres staging-optimized",
        "jsonl truncate-and-insert",
        "parquet truncate-and-insert",
    ]
)
def world(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[World]:
    """A project of each destination, with some of the ways to replace a table."""
    name = str(request.param)
    postgres = request.getfixturevalue("postgres_url") if name.startswith("postgres") else None
    made = World(tmp_path, name, postgres)
    yield made
    made.box.clear()


def test_a_full_refresh_that_the_destination_refuses_is_done_whole_by_the_next_sync(world: World) -> None:
    world.begun(10)
    postgres = world.destination == "postgres"
    kwargs, kill = world.kwargs(20, bad=postgres), "none" if postgres else "refused_job"
    failure = world.box.failing("every", kill, table="append", kwargs=kwargs, full_refresh=True)
    assert failure.kind is FailureKind.LOAD
    if not postgres:
        # what was extracted is refused again, and so is what the next sync extracts anew
        world.box.failing("every", kill, table="append", kwargs=kwargs)
    world.sync(20)
    world.whole(20)


@pytest.mark.parametrize(("kill", "older"), [("tables_dropped", False), ("job_completed", True)])
def test_a_full_refresh_that_is_killed_is_done_whole_by_whoever_comes_next(
    world: World, kill: str, older: bool
) -> None:
    world.begun(10)
    world.box.keep_state("older")
    if older:
        world.sync(16)
    world.killed(20, kill, full_refresh=True)
    world.box.lose_state()
    if older:
        world.box.put_back("older")
    world.sync(20)
    world.whole(20)


def test_two_full_refreshes_that_are_cut_off_one_after_the_other_are_both_done(bucket: FileSandbox) -> None:
    bucket.run("two", upto=10)
    bucket.killed("two", "tables_dropped", upto=12, full_refresh=True, resources=("orders",))
    bucket.lose_state()
    bucket.killed("two", "tables_dropped", upto=12, full_refresh=True, resources=("returns",))
    bucket.lose_state()
    bucket.run("two", upto=15)
    assert bucket.ids("orders") == list(range(1, 16))
    assert bucket.ids("returns") == list(range(1, 16))


def test_rows_of_a_load_that_was_cut_off_go_when_the_folder_from_before_it_is_put_back(
    world: World,
) -> None:
    world.begun(10)
    world.box.keep_state("good")
    world.killed(30, "job_completed", "append")
    world.box.put_back("good")
    world.sync(30)
    world.whole(30)


def test_a_load_that_another_machine_has_overtaken_is_left_out(world: World) -> None:
    world.begun(10)
    world.killed(20, "job_completed")
    world.box.keep_state("here")
    world.box.lose_state()
    world.sync(20)
    world.box.put_back("here")
    notes = world.sync(20).notes
    world.whole(20)
    assert any("another machine" in note for note in notes)


@pytest.mark.parametrize("full_refresh", [True, False])
def test_tables_are_known_that_the_schema_stored_last_lacks(world: World, full_refresh: bool) -> None:
    """dlt stores no schema again that it stored before another, so the last may be of some resources only."""
    world.killed(10, "job_completed", "append")
    world.box.lose_state()
    world.sync(10, resources=("replace",))
    world.sync(20)
    if not full_refresh:
        world.killed(30, "job_completed", "append")
        world.box.lose_state()
    world.sync(30, full_refresh=full_refresh)
    world.whole(30)


def test_a_table_that_has_changed_places_with_its_staging_table_keeps_its_rows(
    tmp_path: Path, postgres_url: str
) -> None:
    world = World(tmp_path, "postgres staging-optimized", postgres_url)
    world.begun(10)
    world.killed(20, "merge_committed", "replace")
    # the sync that finishes the load doesn't load the table anew
    world.sync(20, resources=("append",))
    world.whole(20)
    world.box.clear()


def test_a_history_shows_no_end_that_only_a_load_that_was_cut_off_has_set(sandbox: DuckSandbox) -> None:
    world = World(sandbox.root, "duckdb truncate-and-insert")
    world.begun(10)
    world.killed(20, "merge_committed", "scd2")
    world.box.lose_state()
    world.sync(30)
    world.whole(30)


def test_states_that_a_bucket_holds_of_a_load_that_was_cut_off_are_not_taken(bucket: FileSandbox) -> None:
    bucket.begun("append", upto=10)
    bucket.killed("append", "state_stored", upto=20)
    bucket.lose_state()
    bucket.run("append", upto=30)
    bucket.whole(30)


def test_several_schemas_are_loaded_together_or_not_at_all(warehouse: PostgresSandbox) -> None:
    """The cursors of all come with the first, and the folder is gone before the second has ended."""
    warehouse.run("several_schemas", upto=10)
    warehouse.killed("several_schemas", "job_completed", "orders", upto=20)
    warehouse.lose_state()
    warehouse.run("several_schemas", upto=30)
    assert warehouse.ids("orders") == list(range(1, 31))
    assert warehouse.ids("invoices") == list(range(1, 31))


def test_rows_that_were_cut_off_go_though_the_next_run_does_not_know_their_schema(tmp_path: Path) -> None:
    """Nothing has ended so far, so the destination stores no state that would name it."""
    world = World(tmp_path, "duckdb truncate-and-insert", several=True)
    world.killed(10, "job_completed", "append")
    world.box.lose_state()
    world.sync(10, resources=("append", "replace"))
    world.sync(20)
    world.whole(20)


def test_several_schemas_of_which_one_is_refused_are_extracted_anew_together(
    tmp_path: Path, postgres_url: str
) -> None:
    world = World(tmp_path, "postgres truncate-and-insert", postgres_url, several=True)
    world.begun(10)
    kwargs = world.kwargs(20, bad=True)
    assert world.box.failing(world.function, table="append", kwargs=kwargs).kind is FailureKind.LOAD
    world.sync(30)
    world.whole(30)
    world.box.clear()


def test_a_package_is_not_loaded_without_the_one_beside_it_that_is_lost(sandbox: DuckSandbox) -> None:
    """Old dlt gives up a package whose job fails, and the cursors of both are in one of them."""
    world = World(sandbox.root, "duckdb truncate-and-insert", several=True)
    world.begun(10)
    world.killed(20, "before_complete")
    there = sandbox.state / "pipelines" / "shop" / "load" / "normalized"
    (first,) = (folder for folder in there.iterdir() if any((folder / "completed_jobs").iterdir()))
    shutil.rmtree(first)
    world.sync(30)
    world.whole(30)


def test_a_first_run_that_fails_to_normalize_is_taken_for_no_other_machines(
    warehouse: PostgresSandbox,
) -> None:
    warehouse.failing("append", "interrupt:before_normalize", upto=10)
    result = warehouse.run("append", upto=20)
    warehouse.whole(20)
    assert not any("machine" in note for note in result.notes)
    assert len(result.resumed_load_ids) == 1


def test_a_load_that_another_machine_has_begun_meanwhile_is_not_added_to_it(sandbox: DuckSandbox) -> None:
    """Both extract the same rows, one of them for longer."""
    sandbox.begun("append", upto=10)
    sandbox.keep_state("other")
    job = sandbox.job("append", upto=20)

    def overtaken() -> object:
        shutil.copytree(sandbox.root / "other", sandbox.root / "state-other")
        sandbox.child("append", source="other", upto=20)
        return sources.append(upto=20)

    with pytest.raises(JobFailed) as caught:
        pipeline.run(job, overtaken, Steps(), state=sandbox.state)
    assert caught.value.failure.transient
    assert "another machine has started to load" in caught.value.failure.message
    sandbox.run("append", upto=20)
    sandbox.whole(20)


def test_the_record_of_loads_is_one_row_and_shows_nowhere_as_data(sandbox: DuckSandbox) -> None:
    for upto in (10, 20):
        result = sandbox.run("append", upto=upto)
    assert set(result.rows) == {"orders", "orders__lines"}
    assert sandbox.ask("SELECT pipeline_name, count(*) FROM raw_shop._dltpod_loads GROUP BY 1") == [
        ("shop", 1)
    ]
    assert {name for (name,) in sandbox.ask("SELECT DISTINCT schema_name FROM raw_shop._dlt_version")} == {
        "shop"
    }


def test_a_destination_that_refuses_a_place_for_the_record_is_told_of_before_anything_is_extracted(
    warehouse: PostgresSandbox,
) -> None:
    warehouse.run("append", upto=10)
    warehouse.ask("DROP TABLE raw_shop._dltpod_loads")
    warehouse.ask("CREATE ROLE guest LOGIN")
    warehouse.ask("GRANT USAGE ON SCHEMA raw_shop TO guest")
    warehouse.ask("GRANT ALL ON ALL TABLES IN SCHEMA raw_shop TO guest")
    guest = warehouse.url.replace("loader:any@", "guest:any@")
    warehouse.environment = {"DESTINATION__POSTGRES__CREDENTIALS": guest}
    result = warehouse.run("append", upto=20)
    warehouse.whole(20)
    warehouse.ask("DROP OWNED BY guest")
    warehouse.ask("DROP ROLE guest")
    assert any("can't hold a record" in note for note in result.notes)
    told = [fields.get("text", fields.get("phase")) for _, fields in warehouse.events]
    assert next(i for i, text in enumerate(told) if "can't hold" in str(text)) < told.index("extract")
