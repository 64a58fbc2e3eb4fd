"""Rows that are read ahead and normalized by shape come out as they do with dlt alone.

``python -m tests.pipeline.same FIRST COUNT`` compares as many random sources as one likes.
"""

from __future__ import annotations

import base64
import datetime
import logging
import typing
from collections.abc import Callable, Iterator
from pathlib import Path

import dlt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.load.fast import ids, lines, switch, tables
from tests.pipeline.same import differences
from tests.pipeline.sandbox import DuckSandbox

SEEDS = range(2000, 2012)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_random_source_comes_out_as_with_dlt_alone(seed: int) -> None:
    assert differences(seed) == []


def run(
    folder: Path, rows: Callable[..., typing.Any], *, normalized_fast: bool = True, **hints: typing.Any
) -> typing.Any:
    """A pipeline that has extracted and normalized what ``rows`` yields."""
    made = dlt.pipeline(
        "fast",
        destination=dlt.destinations.duckdb(
            str(folder / "rows.duckdb"), preferred_loader_file_format="parquet"
        ),
        pipelines_dir=str(folder / "state"),
    )
    source = dlt.source(lambda: dlt.resource(rows, name="rows", **hints), name="fast")()
    with switch.extracting(True, [source]):
        made.extract(source)
    with switch.normalizing(normalized_fast):
        made.normalize()
    return made


def counted(monkeypatch: pytest.MonkeyPatch, holder: typing.Any, name: str) -> list[int]:
    """Calls of a method of dlt's, from now on."""
    calls = [0]
    before = getattr(holder, name)

    def call(*args: typing.Any, **kwargs: typing.Any) -> typing.Any:
        calls[0] += 1
        return before(*args, **kwargs)

    monkeypatch.setattr(holder, name, call)
    return calls


def test_rows_are_written_by_page_and_those_of_a_known_shape_without_a_look_at_each_value(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dlt.extract.extractors import Extractor
    from dlt.normalize.items_normalizers import JsonLItemsNormalizer

    writes = counted(monkeypatch, Extractor, "write_items")
    looks = counted(monkeypatch, JsonLItemsNormalizer, "_coerce_row")
    run(tmp_path, lambda: ({"id": at, "of": {"a": 1}, "parts": [{"n": 1}, {"n": 2}]} for at in range(3000)))
    assert writes[0] < 50
    assert looks[0] < 50


def test_rows_of_one_kind_are_normalized_by_column_where_some_lack_a_key_and_some_have_children(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from runner.load.fast import shapes

    one_by_one = counted(monkeypatch, shapes._Chunk, "_planned")

    def rows() -> Iterator[dict[str, typing.Any]]:
        for at in range(12_000):
            parts = [{"n": number, "at": "2024-01-01T00:00:00Z"} for number in range(at % 4 or 4)]
            row = {"id": at, "of": {"a": 1, "b": "x"}, "parts": parts, "tags": ["x", "y"]}
            yield row if at % 3 else {**row, "later": 1.5}

    made = run(tmp_path, rows)
    made.load()
    with made.sql_client() as client:
        counts = [
            client.execute_sql(f"select count(*) from {table}")[0][0]
            for table in ("rows", "rows__parts", "rows__tags")
        ]
    assert counts == [12_000, 30_000, 24_000]
    assert one_by_one[0] < 5000


@pytest.mark.parametrize("fast", [True, False])
def test_rows_with_the_same_keys_wait_for_normalize_by_column_and_are_read_whoever_normalizes(
    tmp_path: Path, fast: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dlt.common.data_writers.writers import TypedJsonlListWriter

    def rows() -> Iterator[dict[str, typing.Any]]:
        day = datetime.date(2024, 1, 1)
        yield from ({"id": at, "day": day, "parts": [{"n": at}]} for at in range(6000))
        yield from ({"later": at, "id": at} if at % 2 else {"id": at} for at in range(6000, 12_000))

    written = counted(monkeypatch, TypedJsonlListWriter, "write_data")
    made = run(tmp_path, rows, normalized_fast=fast)
    assert written[0] < 5  # what isn't of the same keys, and dlt's state
    made.load()
    with made.sql_client() as client:
        found = client.execute_sql("select id, day::text, later from rows order by id")
        children = client.execute_sql("select count(*), sum(n) from rows__parts")
    assert found[:6000] == [(at, "2024-01-01", None) for at in range(6000)]
    assert found[6000:] == [(at, None, at if at % 2 else None) for at in range(6000, 12_000)]
    assert children == [(6000, sum(range(6000)))]


def test_dlt_by_itself_refuses_what_was_extracted_by_column(tmp_path: Path) -> None:
    from dlt.common.json import json

    line = lines._line([{"a": 1, "b": "x"}, {"a": 2, "b": None}])
    assert line is not None
    with pytest.raises(ValueError, match="unexpected character"):
        json.loadb(line)
    assert lines.Reader(json, whole=True).loadb(line) == [{"a": 1, "b": "x"}, {"a": 2, "b": None}]


@pytest.mark.parametrize(
    "rows",
    [
        [{"a": 1}],
        [{}, {}],
        [{"a": 1, "b": 2}, {"b": 2, "a": 1}],
        [{"a": 1}, {"b": 1}],
        [{1: "x"}, {1: "y"}],
        [["a"], ["a"]],
    ],
)
def test_what_would_come_out_otherwise_is_not_written_by_column(rows: list[typing.Any]) -> None:
    assert lines._line(rows) is None


@given(moments=st.lists(st.datetimes(timezones=st.timezones()), min_size=1))
def test_texts_that_arrow_reads_as_moments_are_those_that_python_reads(
    moments: list[datetime.datetime],
) -> None:
    texts = [moment.isoformat() for moment in moments]
    read = tables.Timestamps.of(texts, datetime.datetime.fromisoformat)
    if read is None:
        assert any(
            moment.year < 1000 or moment.year > 2999 or len(text) not in (25, 32) or "+" not in text[19:]
            for moment, text in zip(moments, texts, strict=True)
        )
    else:
        assert read.array.to_pylist() == list(read)


@given(text=st.text(), size=st.integers(1, 40), count=st.integers(0, 5))
def test_ids_are_those_that_dlt_makes(text: str, size: int, count: int) -> None:
    from dlt.common.utils import digest128, many_uniq_ids_base64

    made, dlts = ids.random_ids(count, size), many_uniq_ids_base64(count, size)
    assert list(map(len, made)) == list(map(len, dlts))
    assert all(len(base64.b64decode(one + "=" * (-len(one) % 4), validate=True)) == size for one in made)
    assert len(set(made)) == count or size < 8
    if text.isprintable():
        assert ids.digest(text, size) == digest128(text, size)
        assert ids.digests([text, "other"], size)[0] == digest128(text, size)


def test_rows_of_one_cursor_value_are_hashed_once_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dlt.extract.incremental.transform import IncrementalTransform

    hashes = counted(monkeypatch, IncrementalTransform, "compute_unique_value")

    def rows(day: typing.Any = dlt.sources.incremental("day")) -> Iterator[dict[str, typing.Any]]:
        yield from ({"id": at, "day": "2024-01-01"} for at in range(2500))

    made = run(tmp_path, rows)
    state = made.state["sources"]["fast"]["resources"]["rows"]["incremental"]["day"]
    assert hashes[0] == len(state["unique_hashes"]) == 2500


def test_a_generator_sees_its_incremental_after_each_row(tmp_path: Path) -> None:
    seen = []

    def rows(at: typing.Any = dlt.sources.incremental("id", initial_value=90)) -> Iterator[dict[str, int]]:
        for number in range(100, 0, -1):
            yield {"id": number}
            seen.append(number)
            if at.start_out_of_range:
                return

    run(tmp_path, rows)
    assert seen == list(range(100, 88, -1))


def _merged(
    folder: Path, monkeypatch: pytest.MonkeyPatch, rows: list[dict[str, typing.Any]], **hints: typing.Any
) -> tuple[str, list[typing.Any]]:
    """The statements of the merge, and what stands in the table after it, without ids."""
    from dlt.destinations.job_client_impl import SqlLoadJob

    statements = []
    before = SqlLoadJob.run

    def noted(self: typing.Any) -> None:
        statements.append(Path(self._file_path).read_text())
        before(self)

    monkeypatch.setattr(SqlLoadJob, "run", noted)
    hints = {"write_disposition": "merge", "primary_key": "id", **hints}
    made = run(folder, lambda: iter(rows), **hints)
    with switch.loading(True, made):
        made.load()
    with made.sql_client() as client:
        found = client.execute_sql("select id, value from rows order by all")
    (statement,) = statements
    return statement, [tuple(row) for row in found]


@pytest.mark.parametrize("key", ["id", ["id", "value"]])
@pytest.mark.parametrize("children", [False, True])
def test_a_merge_of_keys_that_are_there_once_does_not_number_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str | list[str], children: bool
) -> None:
    more = {"parts": [{"n": 1}, {"n": 1}]} if children else {}
    rows = [{"id": at // len(key) if key != "id" else at, "value": at, **more} for at in range(30)]
    statement, found = _merged(tmp_path, monkeypatch, rows, primary_key=key)
    assert "ROW_NUMBER" not in statement
    assert found == [(row["id"], row["value"]) for row in rows]


@pytest.mark.parametrize("children", [False, True])
def test_a_merge_of_keys_that_are_there_twice_is_left_to_dlt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, children: bool
) -> None:
    more = {"parts": [{"n": 1}]} if children else {}
    rows = [{"id": at % 20, "value": at, **more} for at in range(30)]
    newest = {"value": {"dedup_sort": "desc"}}
    statement, found = _merged(tmp_path, monkeypatch, rows, columns=newest)
    assert "ROW_NUMBER" in statement
    assert found == sorted((at % 20, at) for at in range(10, 30))


def test_rows_that_are_staged_once_more_are_merged_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dlt.destinations.impl.duckdb.duck import DuckDbCopyJob

    before = DuckDbCopyJob.run

    def twice(self: typing.Any) -> None:
        before(self)
        if self.load_table_name == "rows":
            before(self)  # as after a kill, without the runner's repair

    monkeypatch.setattr(DuckDbCopyJob, "run", twice)
    statement, found = _merged(tmp_path, monkeypatch, [{"id": at, "value": 1} for at in range(10)])
    assert "ROW_NUMBER" in statement
    assert found == [(at, 1) for at in range(10)]


def test_a_merge_by_keys_whose_equality_is_in_doubt_is_left_to_dlt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [{"id": at / 2, "value": at} for at in range(10)]
    statement, found = _merged(tmp_path, monkeypatch, rows)
    assert "ROW_NUMBER" in statement
    assert len(found) == 10


def test_the_hint_of_a_merge_is_no_part_of_the_schema(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _merged(tmp_path, monkeypatch, [{"id": 1, "value": 1}])
    kept = dlt.attach("fast", pipelines_dir=str(tmp_path / "state")).default_schema.to_dict()
    assert "deduplicated" not in str(kept)


@pytest.mark.parametrize("version", ["1.17.1", "1.32.0", "2.0.0", "odd"])
def test_dlt_is_left_alone_where_it_is_not_a_proven_version_and_the_log_says_so(
    version: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from dlt.extract import extract

    before = extract.PipeIterator
    monkeypatch.setattr(dlt, "__version__", version)
    caplog.set_level(logging.DEBUG, "dltpod.fast")
    with switch.extracting(True, []):
        assert extract.PipeIterator is before
    (record,) = caplog.records
    assert record.levelno == logging.DEBUG
    assert record.message.startswith("dlt")
    assert not switch.usable(switch._OF_LOAD)


def test_dlt_is_left_alone_where_a_private_name_takes_other_arguments(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from dlt.normalize.items_normalizers import JsonLItemsNormalizer

    def other(self: typing.Any, items: typing.Any) -> None:
        raise AssertionError

    monkeypatch.setattr(JsonLItemsNormalizer, "_normalize_chunk", other)
    caplog.set_level(logging.DEBUG, "dltpod.fast")
    with switch.normalizing(True):
        assert JsonLItemsNormalizer._normalize_chunk is other
    assert "_normalize_chunk takes (self items)" in caplog.text


def test_what_a_destination_can_do_is_looked_up_once_in_a_run(
    sandbox: DuckSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dlt.common.destination import reference

    resolve = reference.resolve_configuration
    looks = []

    def counted_resolve(config: typing.Any, **options: typing.Any) -> typing.Any:
        if not config.is_resolved():
            looks.append(config)
        return resolve(config, **options)

    monkeypatch.setattr(reference, "resolve_configuration", counted_resolve)
    sandbox.run("append", fast=False, upto=10)
    by_dlt = len(looks)
    sandbox.run("append", upto=20)
    assert by_dlt > 12
    assert len(looks) - by_dlt <= 6
    sandbox.whole(20)


def test_whether_values_of_a_type_are_secrets_is_as_dlt_says_for_types_of_all_kinds() -> None:
    from dlt.common.configuration.resolve import is_secret_hint as by_dlt
    from dlt.common.configuration.specs import ConnectionStringCredentials

    hints = [
        *(str, dlt.TSecretStrValue, dlt.TSecretStrValue | None, ConnectionStringCredentials),
        *(typing.Annotated[str, []], typing.Annotated[dlt.TSecretStrValue, []], typing.Literal[1], "int"),
    ]
    wanted = [by_dlt(hint) for hint in hints]
    with switch.running(True):
        from dlt.common.configuration.providers import environ

        assert environ.is_secret_hint is not by_dlt
        for _ in range(2):
            assert [environ.is_secret_hint(hint) for hint in hints] == wanted
    assert {*wanted} == {True, False}


def test_nothing_of_dlt_is_replaced_where_it_is_not_wanted_nor_afterwards(tmp_path: Path) -> None:
    from dlt.common.configuration import resolve
    from dlt.common.configuration.providers import environ
    from dlt.common.data_writers.buffered import BufferedDataWriter
    from dlt.common.data_writers.writers import TypedJsonlListWriter
    from dlt.common.destination.reference import Destination
    from dlt.destinations.job_client_impl import SqlJobClientBase
    from dlt.extract import extract
    from dlt.normalize.items_normalizers import JsonLItemsNormalizer
    from dlt.pipeline.pipeline import Pipeline

    pipeline = dlt.pipeline("fast", destination="duckdb", pipelines_dir=str(tmp_path))
    other = dlt.pipeline("other", destination="filesystem", pipelines_dir=str(tmp_path))

    def now() -> list[typing.Any]:
        writer = BufferedDataWriter
        return [
            extract.PipeIterator,
            JsonLItemsNormalizer._normalize_chunk,
            writer.__init__,
            writer.write_data_item,
            TypedJsonlListWriter.write_data,
            SqlJobClientBase._create_merge_followup_jobs,
            resolve.is_secret_hint,
            environ.is_secret_hint,
            Destination.configuration,
            Pipeline._get_destination_capabilities,
        ]

    before = now()
    with switch.running(False), switch.extracting(False, []), switch.normalizing(False):
        assert now() == before
    with switch.loading(False, pipeline):
        assert now() == before
    with switch.loading(True, other):
        assert now() == before
    steps = switch.extracting(True, []), switch.normalizing(True), switch.loading(True, pipeline)
    with switch.running(True), steps[0], steps[1], steps[2]:
        assert all(one is not other for one, other in zip(now(), before, strict=True))
    assert now() == before
