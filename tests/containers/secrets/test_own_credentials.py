"""Sources on one module, in real containers, each with its own credentials."""

from __future__ import annotations

import pytest

from tests.containers.folder import Folder

pytestmark = pytest.mark.usefixtures("offline")
API = """
import os
import dlt


@dlt.source
def api(token: str = dlt.secrets.value, region: str = "none", given: str = ""):
    @dlt.resource
    def rows(extra: str = dlt.secrets.value):
        yield {
            "token": token, "region": region, "extra": extra, "given": given,
            "hard_coded": dlt.secrets["sources.api.token"], "variable": os.environ.get("API_TOKEN", ""),
        }

    return rows
"""


def test_each_of_two_sources_on_one_module_uses_its_own(project: Folder) -> None:
    project.code("api", API)
    project.source(
        "acme", "api", "api", {"given": "env:GIVEN"}, container={"env": {"API_TOKEN": "env:ACME_API"}}
    )
    project.source("bolt", "api", "api")
    project.write(
        ".dlt/secrets.toml",
        """\
        [sources.acme]
        token = "token of acme"
        [sources.bolt]
        token = "overridden"
        [sources.bolt.rows]
        extra = "extra of bolt"
        [sources.api]
        token = "token of the module"
        extra = "extra of the module"
        """,
    )
    project.write(".dlt/config.toml", '[sources.bolt]\nregion = "eu"\n')
    project.write(
        ".env", "GIVEN='given to acme'\nACME_API=variable-of-acme\nSOURCES__BOLT__TOKEN='token of bolt'\n"
    )
    outcome = project.sync()
    assert [record.status for record in outcome.records] == ["ok", "ok"], [r.message for r in outcome.records]
    columns = "token, region, extra, given, hard_coded, variable"
    found = {name: project.rows(f"select {columns} from raw_{name}.rows") for name in ("acme", "bolt")}
    assert found == {
        "acme": [
            (
                "token of acme",
                "none",
                "extra of the module",
                "given to acme",
                "token of acme",
                "variable-of-acme",
            )
        ],
        "bolt": [("token of bolt", "eu", "extra of bolt", "", "token of bolt", "")],
    }


def test_a_source_that_lacks_a_variable_stops_and_the_other_runs(project: Folder) -> None:
    project.code("api", API)
    project.source("acme", "api", "api", {"given": "env:NOT_SET"})
    project.source("bolt", "api", "api")
    project.write(".dlt/secrets.toml", '[sources.api]\ntoken = "token"\nextra = "extra"\n')
    outcome = project.sync()
    status = {record.source: (record.status, record.message) for record in outcome.records}
    assert status["bolt"][0] == "ok"
    assert status["acme"][0] == "failed"
    assert "NOT_SET is not set" in status["acme"][1]
