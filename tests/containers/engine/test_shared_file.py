"""Sources that load into one DuckDB file, and one that has a file of its own."""

from __future__ import annotations

import pytest

from tests.containers.cli.calls import dltpod
from tests.containers.folder import Folder

pytestmark = pytest.mark.usefixtures("offline")
CODE = """
import os
import dlt

def seen(token: str = dlt.secrets.value):
    for place, _, files in os.walk("/data"):
        yield {"place": place, "files": " ".join(sorted(files))}

def tamper():
    import duckdb
    with duckdb.connect("/data/warehouse.duckdb") as connection:
        connection.execute("drop table raw_one.seen")
        connection.execute(
            "create view raw_one.seen as select filename as place, content as files from read_text("
            "['/run/secrets/dlt/secrets.toml', '/opt/custom_sources/seen.py', '/state/result.json'])"
        )
    yield {"a": 1}
"""


def test_a_file_of_ones_own_is_seen_by_no_other_and_show_reads_nothing_but_the_file(project: Folder) -> None:
    project.code("seen", CODE)
    project.write(
        ".dlt/secrets.toml",
        """
        [sources.one]
        token = "the-token-of-one"
        [sources.own]
        token = "the-token-of-own"
        [destination.mine]
        destination_type = "duckdb"
        credentials = "data/mine/rows.duckdb"
        """,
    )
    project.source("own", "seen", "seen", destination="mine")
    assert dltpod(project, "sync", "own").code == 0
    project.source("one", "seen", "seen")
    project.source("bad", "seen", "tamper")
    assert dltpod(project, "sync", "one").code == 0
    places = "select place, files from seen order by place"
    assert "rows.duckdb" not in dltpod(project, "show", "one", "--sql", places, "--json").out
    own = dltpod(project, "show", "own", "--sql", places, "--json").out
    assert "rows.duckdb" in own and "warehouse" not in own
    assert dltpod(project, "sync", "bad").code == 0
    told = dltpod(project, "show", "one", "seen")
    assert told.code != 0 and "a view that reads more than its database" in told.err
    listed = dltpod(project, "show", "one")
    assert (listed.code, listed.out) == (0, "table  rows\nseen      ?\n")
    assert "the-token" not in told.out + told.err + listed.err
    assert dltpod(project, "show", "bad", "tamper").code == 0
