"""A DuckDB file that another source of the same folder has tampered with."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from runner.contract import Destination, ExitCode
from runner.explain.classify import JobFailed
from runner.inspect import execute
from runner.load.destination import check_file
from runner.load.progress import Steps
from runner.load.session import Session
from runner.supervise.job_input import Paths
from tests.pipeline.runner.box import Box

SECRET = "what-another-source-may-not-see"


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A DuckDB file with two tables."""
    box = Box(tmp_path_factory.mktemp("loaded"))
    box.write(
        "shop.py",
        "import dlt\n@dlt.source\ndef orders():\n    for name in ('orders', 'parts'):\n"
        "        yield dlt.resource([{'id': 1}], name=name)\n",
    )
    assert box.run().code == 0
    return box.database


@pytest.fixture
def loaded(box: Box, file: Path) -> Box:
    """The file in a folder of this test's."""
    shutil.copy(file, box.database)
    return box


def show(box: Box, **asked: str) -> dict[str, object]:
    question = {"table": None, "sql": None, **asked}
    return execute.show(box.job(), Paths(str(box.root)), limit=10, **question)


def replaced_by_a_view(box: Box, sql: str) -> None:
    (box.root / "run/secrets/key").write_text(SECRET)
    with duckdb.connect(str(box.database)) as connection:
        connection.execute("drop table raw_shop.orders")
        connection.execute(f"create view raw_shop.orders as {sql.format(root=box.root)}")


@pytest.mark.parametrize(
    "sql",
    [
        "select content as id from read_text('{root}/run/secrets/*')",
        "select * from read_csv('{root}/run/secrets/key')",
        "select * from glob('{root}/run/secrets/*')",
    ],
)
def test_a_view_that_reads_files_shows_none_and_hides_no_table(loaded: Box, sql: str) -> None:
    replaced_by_a_view(loaded, sql)
    answer = show(loaded)
    assert answer["tables"] == {"orders": None, "parts": 1}
    assert SECRET not in str(answer)
    assert show(loaded, table="parts")["columns"] == ["id", "_dlt_load_id", "_dlt_id"]
    with pytest.raises(Exception, match="disabled") as error:
        show(loaded, table="orders")
    assert SECRET not in execute.error_line(error.value)
    assert execute.error_line(error.value).startswith("it is a view that reads more than its database")


@pytest.mark.parametrize("table", ["_dlt_version", "_dlt_pipeline_state", "_dlt_loads"])
def test_a_view_in_place_of_dlts_own_table_reads_no_file_either(loaded: Box, table: str) -> None:
    (loaded.root / "run/secrets/key").write_text(SECRET)
    with duckdb.connect(str(loaded.database)) as connection:
        columns = [row[0] for row in connection.execute(f"describe raw_shop.{table}").fetchall()]
        connection.execute(f"drop table raw_shop.{table}")
        chosen = ", ".join(f"content as {name}" for name in columns)
        connection.execute(
            f"create view raw_shop.{table} as select {chosen} from read_text('{loaded.root}/run/secrets/*')"
        )
    try:
        said = str(show(loaded))
    except Exception as error:  # noqa: BLE001 - whatever it is that dlt makes of it
        said = execute.error_line(error)
    assert SECRET not in said


@pytest.mark.parametrize(
    "sql",
    [
        "SET enable_external_access = true",
        "SET lock_configuration = false",
        "ATTACH '{root}/data/other.duckdb'",
        "COPY (SELECT 1) TO '{root}/data/out.csv'",
        "CREATE TABLE raw_shop.more AS SELECT 1",
        "SELECT * FROM read_text('{root}/run/secrets/*')",
    ],
)
def test_a_query_of_show_reads_its_database_and_nothing_else(loaded: Box, sql: str) -> None:
    before = loaded.database.read_bytes()
    with pytest.raises(Exception, match=r"disabled|locked|read-only"):
        show(loaded, sql=sql.format(root=loaded.root))
    assert loaded.database.read_bytes() == before


def test_show_writes_nothing_beside_the_file(loaded: Box) -> None:
    assert show(loaded)["tables"] == {"orders": 1, "parts": 1}
    assert list(loaded.database.parent.iterdir()) == [loaded.database]


def test_show_of_a_file_that_is_not_there_says_that_nothing_is_loaded(box: Box) -> None:
    assert show(box) == {"columns": [], "rows": [], "tables": {}}
    assert list(box.database.parent.iterdir()) == []


def link(place: Path) -> None:
    place.with_name("kept").touch()
    place.symlink_to("kept")


PLACES: list[Callable[[Path], None]] = [os.mkfifo, link, Path.mkdir]


@pytest.mark.parametrize("put", PLACES)
@pytest.mark.parametrize("name", ["warehouse.duckdb", "warehouse.duckdb.wal", "warehouse.duckdb.lock"])
def test_what_is_no_regular_file_is_not_opened(loaded: Box, put: Callable[[Path], None], name: str) -> None:
    place = loaded.database.with_name(name)
    place.unlink(missing_ok=True)
    put(place)
    steps = Steps(lambda event, fields: None)
    steps.stop()
    session = Session(loaded.job(), steps, None, lambda: None)  # type: ignore[arg-type]
    with (
        pytest.raises(JobFailed, match=f"{name} is .*not a regular file") as error,
        session.at_destination("load"),
    ):
        pass
    assert error.value.exit_code == ExitCode.FAILED and not error.value.failure.transient
    with pytest.raises(JobFailed, match="not a regular file"):
        show(loaded)


def test_a_fifo_in_place_of_a_datasets_sqlite_file_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "rows__raw_shop.db")
    with pytest.raises(JobFailed, match=r"rows__raw_shop\.db is a FIFO"):
        check_file(Destination("sqlalchemy", "", f"{tmp_path}/rows.db", f"{tmp_path}/.rows.db.lock"))


def test_a_source_that_swaps_the_file_while_it_runs_is_told_and_does_not_hang(box: Box) -> None:
    box.write(
        "shop.py",
        f"""
        import os
        def orders():
            yield {{"a": 1}}
            os.rename("{box.database}", "{box.database}.kept")
            os.mkfifo("{box.database}")
        """,
    )
    box.write("first.py", "def rows():\n    yield {'id': 1}\n")
    assert box.run(module="first", function="rows", source="first", pipeline_name="first").code == 0
    done = box.run()
    assert done.failure.message.endswith(
        "warehouse.duckdb is a FIFO, not a regular file, so it is not opened"
    )


def test_a_link_in_place_of_the_states_lock_leads_nowhere(box: Box) -> None:
    box.write("shop.py", "def orders():\n    yield {'id': 1}\n")
    other = box.root / "other"
    other.write_text("as it was")
    (box.root / "state/.lock").symlink_to(other)
    assert "not a regular file" in box.run().failure.message
    assert other.read_text() == "as it was"
