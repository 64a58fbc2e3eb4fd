"""Shapes from docs/field-cases.md for which the container matters: frames of other libraries, keys, files."""

from __future__ import annotations

import shutil

import pytest

from tests.containers.folder import REPOSITORY, Folder

pytestmark = pytest.mark.usefixtures("offline")
FIELD = REPOSITORY / "tests" / "pipeline" / "field"
FRAMES = """
import datetime
import dlt, pandas, polars

@dlt.source
def load(run: int):
    @dlt.resource(primary_key="id", write_disposition="merge")
    def of_pandas(at=dlt.sources.incremental("id", initial_value=0)):
        ids = list(range(1, 3 * run))
        words = ["a", None, "c", None, "e"][: len(ids)]
        yield pandas.DataFrame({"id": ids, "at": pandas.Timestamp("2026-01-01"), "word": words})

    @dlt.resource(write_disposition="replace")
    def of_polars():
        days = [datetime.date(2026, 1, 1), None]
        frame = polars.DataFrame({"id": [1, 2], "day": days, "list": [[1], [run]]})
        yield frame
        yield frame.lazy().filter(polars.col("id") > 1)

    return of_pandas, of_polars
"""


def test_frames_of_pandas_and_polars_are_loaded_with_a_cursor(project: Folder) -> None:
    project.code("frames", FRAMES)
    for run in (1, 2):
        project.source(
            "frames", "frames", "load", {"run": run}, container={"requirements": ["pandas", "polars"]}
        )
        project.must("frames")
    rows = project.rows('select id, "at"::date::text, word from raw_frames.of_pandas order by id')
    day = "2026-01-01"
    assert rows == [(1, day, "a"), (2, day, None), (3, day, "c"), (4, day, None), (5, day, "e")]
    shown = project.rows("select id, day::text, list::text from raw_frames.of_polars order by id")
    assert shown == [(1, day, "[1]"), (2, None, "[2]"), (2, None, "[2]")]


def test_keys_of_several_lines_and_files_beside_the_code_arrive_in_the_container(project: Folder) -> None:
    custom = project.root / "custom_sources"
    for case in ("multi_line_key", "service_account"):
        shutil.copy(FIELD / f"{case}.py", custom)
    shutil.copytree(FIELD / "files_beside_the_module", custom / "files_beside_the_module")
    texts = [(FIELD / f"{case}.toml").read_text() for case in ("multi_line_key", "service_account")]
    project.write(".dlt/secrets.toml", "\n".join(texts))
    for name, case in (
        ("key", "multi_line_key"),
        ("account", "service_account"),
        ("files", "files_beside_the_module"),
    ):
        project.source(name, case, "load", {"run": 1})
    outcome = project.sync()
    assert {record.source: record.status for record in outcome.records} == dict.fromkeys(
        ("key", "account", "files"), "ok"
    )
    assert project.rows("select lines, first from raw_key.key") == [(4, "BEGIN TEST KEY")]
    assert project.rows("select project from raw_account.fields") == [("two",)]
    assert project.rows("select count(*), min(query) from raw_files.load") == [
        (2, "SELECT * FROM orders WHERE at > :at")
    ]
