"""The same promises on Postgres and on plain files; DuckDB files that can't be opened."""

from __future__ import annotations

import fcntl
import json
import os
import struct
import subprocess
import sys
import threading
import time
import typing
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from dlt.destinations.impl.duckdb.configuration import DuckDbConnectionPool as Pool

from runner.contract import Destination, ExitCode, FailureKind
from runner.explain.classify import JobFailed, StepError, classify
from runner.load import destination
from tests.pipeline.sandbox import DuckSandbox, FileSandbox, PostgresSandbox, Sandbox
from tests.waiting import wait_for


@pytest.mark.parametrize(
    ("function", "kill", "lost"),
    [
        ("append", "job_committed", False),
        ("append", "before_complete", True),
        ("merge", "job_committed", False),
        ("merge_without_key", "merge_committed", False),
    ],
)
def test_each_row_is_in_postgres_once_after_a_kill(
    warehouse: PostgresSandbox, function: str, kill: str, lost: bool
) -> None:
    warehouse.run(function, upto=10)
    warehouse.killed(function, kill, upto=20)
    if lost:
        warehouse.lose_state()
    warehouse.run(function, upto=30)
    warehouse.whole(30)


def test_a_full_refresh_starts_over_in_postgres_after_the_state_is_lost(warehouse: PostgresSandbox) -> None:
    warehouse.run("append", upto=10)
    warehouse.lose_state()
    result = warehouse.run("append", upto=20, full_refresh=True)
    warehouse.whole(20)
    assert result.versions["psycopg2-binary"]
    assert result.location == "postgres"


def test_a_limited_run_keeps_to_its_own_schema_in_postgres(warehouse: PostgresSandbox) -> None:
    warehouse.run("pages", upto=10)
    warehouse.run("pages", upto=20, limit=2)
    warehouse.run("pages", upto=20, limit=3)
    assert warehouse.ids(dataset="raw_shop_limited") == [18, 19, 20]
    warehouse.run("pages", upto=20)
    warehouse.whole(20)


def test_names_that_are_too_long_for_postgres_are_shortened_as_dlt_by_itself_shortens_them(
    warehouse: PostgresSandbox,
) -> None:
    found = []
    for fast in (False, True):
        for upto in (10, 20):
            warehouse.run("long_names", upto=upto, fast=fast)
        found.append(
            warehouse.ask(
                "SELECT table_name, column_name FROM information_schema.columns "
                "WHERE table_schema = 'raw_shop' ORDER BY 1, 2"
            )
        )
        (table,) = {table for table, column in found[-1] if column == "id"}
        assert warehouse.ids(table) == list(range(1, 21))
        warehouse.clear()
        warehouse.lose_state()
    assert found[0] == found[1]
    assert max(len(name) for names in found[0] for name in names) > 55


def test_a_named_destination_takes_its_type_from_the_job(warehouse: PostgresSandbox) -> None:
    warehouse.environment = {"DESTINATION__CRM__CREDENTIALS": warehouse.url}
    warehouse.destination = Destination("postgres", name="crm")
    warehouse.run("append", upto=10)
    warehouse.whole(10)


def test_a_destination_that_refuses_on_localhost_ends_the_run_and_loses_no_leftover(
    warehouse: PostgresSandbox,
) -> None:
    warehouse.run("append", upto=10)
    warehouse.killed("append", "job_committed", upto=20)
    there = warehouse.environment
    warehouse.environment = {
        "DESTINATION__POSTGRES__CREDENTIALS": "postgresql://loader:any@127.0.0.1:1/postgres"
    }
    with pytest.raises(StepError) as caught:
        warehouse.run("append", upto=20)
    failure = classify(caught.value)
    assert failure.kind is FailureKind.DESTINATION_UNREACHABLE
    assert not failure.transient
    warehouse.environment = there
    result = warehouse.run("append", upto=30)
    assert len(result.resumed_load_ids) == 1
    warehouse.whole(30)


@pytest.mark.parametrize(("kill", "lost"), [("before_load", False), ("before_complete", True)])
def test_each_row_is_in_one_file_after_a_kill(bucket: FileSandbox, kill: str, lost: bool) -> None:
    bucket.begun("append", upto=10)
    bucket.killed("append", kill, upto=20)
    if lost:
        bucket.lose_state()
    bucket.run("append", upto=30)
    bucket.whole(30)


def test_files_of_a_pipeline_that_shares_the_table_are_not_removed_as_left_over(bucket: FileSandbox) -> None:
    bucket.run("append", upto=5)
    bucket.killed("rival", "before_complete", source="rival", pipeline_name="rival", upto=3)
    bucket.lose_state()
    result = bucket.run("append", upto=6)
    bucket.run("rival", source="rival", pipeline_name="rival", upto=3)
    assert bucket.ids() == sorted([1, 2, 3, 1, 2, 3, 4, 5, 6])
    assert any("tables shared with" in note for note in result.notes)


def test_files_are_written_in_the_configured_format(bucket: FileSandbox) -> None:
    bucket.begun("append", upto=10)
    assert bucket.destination.file is not None
    names = subprocess.run(
        ["ls", f"{bucket.destination.file}/raw_shop/orders"], capture_output=True, text=True, check=True
    ).stdout
    assert bucket.environment["NORMALIZE__LOADER_FILE_FORMAT"] in names


def test_a_full_refresh_of_files_ends_with_the_rows_of_a_first_run(bucket: FileSandbox) -> None:
    bucket.begun("append", upto=10)
    bucket.lose_state()
    bucket.run("append", upto=20, full_refresh=True)
    bucket.whole(20)


def test_files_whose_names_do_not_tell_their_load_are_told_of(bucket: FileSandbox) -> None:
    bucket.environment["DESTINATION__FILESYSTEM__LAYOUT"] = "{table_name}/{file_id}.{ext}"
    bucket.run("append", upto=10)
    bucket.lose_state()
    result = bucket.run("append", upto=20)
    assert any("can't be told from others" in note for note in result.notes)


@contextmanager
def once_it_waits(sandbox: DuckSandbox, act: Callable[[], object]) -> Iterator[None]:
    """Does something as soon as the run within has told that it waits."""
    waits = ("phase", {"phase": "wait"})

    def work() -> None:
        try:
            wait_for(lambda: waits in sandbox.events)
        finally:
            act()

    thread = threading.Thread(target=work)
    thread.start()
    yield
    thread.join()


@contextmanager
def held_open(sandbox: DuckSandbox) -> Iterator[subprocess.Popen[str]]:
    """Another process has the DuckDB file open."""
    script = (
        f"import duckdb, time; held = duckdb.connect({sandbox.destination.file!r}); "
        "print(1, flush=True); time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield process
        finally:
            process.kill()


def test_a_duckdb_file_that_a_foreign_process_holds_is_transient_and_names_it(
    sandbox: DuckSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox.begun("append", upto=10)
    monkeypatch.setattr(destination, "PATIENCE", 0.3)
    with held_open(sandbox) as holder, pytest.raises(JobFailed) as caught:
        sandbox.run("append", upto=20)
    failure = caught.value.failure
    assert failure.kind is FailureKind.DESTINATION_UNREACHABLE
    assert failure.transient
    assert f"process {holder.pid}" in failure.message
    sandbox.run("append", upto=20)
    sandbox.whole(20)


def test_a_run_waits_for_a_foreign_process_to_close_the_file(sandbox: DuckSandbox) -> None:
    sandbox.begun("append", upto=10)
    with held_open(sandbox) as holder, once_it_waits(sandbox, holder.kill):
        result = sandbox.run("append", upto=20)
    sandbox.whole(20)
    assert result.seconds["wait"] > 0


def make_newer(file: Path) -> None:
    """Gives a DuckDB file the storage version of a DuckDB that is yet to come.

    Its first page is a checksum of what follows, the letters DUCK and the version; the checksum is
    DuckDB's own (src/common/checksum.cpp).
    """
    page = bytearray(file.read_bytes()[:4096])
    struct.pack_into("<Q", page, 12, 9999)
    checksum = 5381
    for (word,) in struct.iter_unpack("<Q", page[8:]):
        checksum ^= word * 0xBF58476D1CE4E5B9 & (1 << 64) - 1
    struct.pack_into("<Q", page, 0, checksum)
    file.write_bytes(bytes(page) + file.read_bytes()[4096:])


def test_a_file_of_a_newer_duckdb_is_refused_with_the_way_out(sandbox: DuckSandbox) -> None:
    sandbox.begun("append", upto=10)
    assert sandbox.destination.file is not None
    make_newer(Path(sandbox.destination.file))
    with pytest.raises(JobFailed) as caught:
        sandbox.run("append", upto=20)
    failure = caught.value.failure
    assert failure.kind is FailureKind.DESTINATION_UNREACHABLE
    assert caught.value.exit_code == ExitCode.CONFIGURATION
    assert not failure.transient
    assert "newer DuckDB" in failure.message
    assert "duckdb>=" in failure.hint


def test_the_destinations_lock_is_waited_for_and_held_for_restore_and_load_only(sandbox: DuckSandbox) -> None:
    sandbox.begun("append", upto=10)
    assert sandbox.destination.lock is not None
    with Path(sandbox.destination.lock).open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)

        def let_go() -> None:
            time.sleep(0.4)
            fcntl.flock(held, fcntl.LOCK_UN)

        with once_it_waits(sandbox, let_go):
            result = sandbox.run("append", upto=20)
    phases = [fields["phase"] for kind, fields in sandbox.events if kind == "phase"]
    assert phases == ["start", "restore", "wait", "extract", "normalize", "load"]
    assert result.seconds["wait"] > 0.3


def test_many_pipelines_load_into_one_duckdb_file_at_once(sandbox: DuckSandbox) -> None:
    with ThreadPoolExecutor(6) as pool:
        names = [f"p{number}" for number in range(6)]
        results = list(
            pool.map(
                lambda n: sandbox.child("append", source=n, pipeline_name=n, dataset_name=f"raw_{n}"), names
            )
        )
    assert [result.rows["orders"] for result in results] == [10] * 6
    for name in names:
        assert sandbox.ids(dataset=f"raw_{name}") == list(range(1, 11))


def test_a_warm_run_keeps_its_duckdb_file_open_within_a_step_and_not_between(
    sandbox: DuckSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox.run("append", upto=10)
    file = str(Path(str(sandbox.destination.file)).resolve())
    opened: list[str] = []

    def holders() -> int:
        links = Path("/proc/self/fd").iterdir()
        return sum(os.path.realpath(link) == file for link in links)

    original = Pool.borrow_conn

    def borrow(self: typing.Any, *given: typing.Any, **named: typing.Any) -> typing.Any:
        if not holders():
            opened.append([fields["phase"] for kind, fields in sandbox.events if kind == "phase"][-1])
        return original(self, *given, **named)

    monkeypatch.setattr(Pool, "borrow_conn", borrow)
    sandbox.run("append", upto=20)
    assert opened == ["restore", "load"]
    assert not holders()


def test_statements_of_a_duckdb_instance_are_run_where_they_can_be(sandbox: DuckSandbox) -> None:
    """An ATTACH fails in an instance that has it already, so no connection is held beside dlt's own."""
    other = sandbox.root / "other.duckdb"
    sandbox.environment = {"DESTINATION__DUCKDB__CREDENTIALS__STATEMENTS": json.dumps([f"ATTACH '{other}'"])}
    sandbox.run("append", upto=10)
    assert sandbox.run("append", upto=20).rows["orders"] == 10


def test_a_destination_that_keeps_no_state_loads_and_says_what_it_cannot_promise(tmp_path: Path) -> None:
    box = Sandbox(tmp_path, Destination("dummy"))
    box.environment = {
        "DESTINATION__DUMMY__COMPLETED_PROB": "1.0",
        "DESTINATION__DUMMY__LOADER_FILE_FORMAT": "jsonl",
    }
    assert box.run("append", upto=10).rows["orders"] == 10
    result = box.run("append", upto=15)
    assert result.rows["orders"] == 5
    assert any("keeps no state" in note for note in result.notes)
    assert box.run("append", upto=20, full_refresh=True).rows["orders"] == 20


def test_a_merge_that_plain_files_can_not_do_is_told(bucket: FileSandbox) -> None:
    notes = bucket.run("merge").notes
    assert any("orders: destination 'filesystem' can't merge" in note for note in notes)
    assert bucket.run("append", dataset_name="other", pipeline_name="other").notes == ()


def test_a_merge_without_a_key_is_told_and_one_with_a_key_is_not(sandbox: DuckSandbox) -> None:
    notes = sandbox.run("merge_without_key").notes
    assert any("orders: merge without a key appends" in note for note in notes)
    assert sandbox.run("merge", pipeline_name="other", dataset_name="other").notes == ()


def test_a_load_that_the_database_refuses_is_told_in_its_own_words(sandbox: DuckSandbox) -> None:
    sandbox.begun("append", upto=10)
    sandbox.ask("ALTER TABLE raw_shop.orders DROP COLUMN said")
    failure = sandbox.failing("append", upto=20)
    assert failure.kind is FailureKind.LOAD
    assert "Traceback" not in failure.message
    assert "said" in failure.message
