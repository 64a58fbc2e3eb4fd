"""``dltpod check --deep``: what a source's own container says of it, before anything is extracted."""

from __future__ import annotations

import json

import pytest

from tests.containers.cli.calls import dltpod
from tests.containers.cli.test_commands import NUMBERS
from tests.containers.folder import Folder

pytestmark = pytest.mark.usefixtures("offline")

SECRETIVE = """
    import dlt

    @dlt.resource
    def secretive(api_key: str = dlt.secrets.value, since: int = 0):
        yield {"n": 1}
"""


def test_one_wrong_source_is_told_with_its_hint_and_makes_exit_code_2(project: Folder) -> None:
    project.code("counting", NUMBERS)
    project.code("secretive", SECRETIVE)
    project.source("numbers", "counting", "numbers", {"upto": 2})
    project.source("wrong", "counting", "nombers")
    project.source("untyped", "secretive", "secretive", {"since": "soon", "api_key": "env:NO_SUCH_KEY"})
    said = dltpod(project, "check", "--deep", "--json")
    assert said.code == 2
    rows = json.loads(said.out)
    wrong = {row["source"]: row for row in rows if row["level"] == "wrong"}
    assert set(wrong) == {"wrong", "untyped"}
    assert "numbers" in wrong["wrong"]["text"] + wrong["wrong"]["hint"]
    assert "NO_SUCH_KEY" in wrong["untyped"]["text"]
    assert {row["what"] for row in rows if row["source"] == "numbers"} >= {"module", "function", "arguments"}
    assert not (project.root / "data" / "warehouse.duckdb").exists()


def test_a_missing_secret_is_found_in_the_container_and_one_that_is_there_is_enough(project: Folder) -> None:
    project.code("secretive", SECRETIVE)
    project.source("secretive", "secretive", "secretive")
    missing = dltpod(project, "check", "secretive", "--deep")
    assert missing.code == 2
    assert "api_key" in missing.out
    project.write(".dlt/secrets.toml", '[sources.secretive]\napi_key = "k-123456789"\n').chmod(0o600)
    found = dltpod(project, "check", "secretive", "--deep")
    assert (found.code, found.out) == (0, "ok     secretive\n")


@pytest.mark.parametrize(
    ("place", "mending"),
    [
        ("counting.py", "chmod a+r custom_sources/counting.py"),
        (".", "chmod -R a+rX custom_sources"),
        ("erp", "chmod -R a+rX custom_sources"),
    ],
)
def test_code_that_the_containers_user_can_not_read_is_told_with_the_chmod_that_mends_it(
    project: Folder, place: str, mending: str
) -> None:
    project.code("counting", NUMBERS)
    project.write("custom_sources/erp/orders.py", NUMBERS)
    project.source("numbers", "erp.orders" if place == "erp" else "counting", "numbers")
    closed = project.root / "custom_sources" / place
    mode = closed.stat().st_mode
    closed.chmod(0)
    try:
        text = dltpod(project, "sync", "numbers").err
    finally:
        closed.chmod(mode)
    assert "can't be read by the container's user" in text
    assert f"{mending}\n" in text
