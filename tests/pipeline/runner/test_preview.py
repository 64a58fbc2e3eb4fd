"""The first rows of a source, loaded nowhere; and its state, as the destination holds it."""

from __future__ import annotations

import json
import subprocess
import sys
import typing

import pytest

from runner import contract
from runner.inspect.idle import JOB_NAME
from tests.pipeline.runner.box import REPOSITORY, Box

CODE = """
import dlt

@dlt.source
def orders(key: str = dlt.secrets.value):
    @dlt.resource(primary_key="id", write_disposition="merge")
    def accounts(at=dlt.sources.incremental("id", initial_value=0)):
        print("the source says", key)
        yield [{"id": n, "region": key, "tags": [{"t": n}]} for n in range(1, 6)]

    @dlt.resource
    def visits():
        yield [{"when": "2026-01-01"}]

    return accounts, visits
"""


def asked(box: Box, what: str, question: dict[str, typing.Any], secrets: str = "") -> dict[str, typing.Any]:
    """What the container's second process answers."""
    (box.root / "tmp" / JOB_NAME).write_text(contract.to_json(box.job()))
    folder = box.root / "run/secrets/dlt"
    folder.mkdir(exist_ok=True)
    (folder / contract.SECRETS_FILE).write_text(secrets)
    done = subprocess.run(
        [sys.executable, "-m", "runner.inspect.execute", what, json.dumps(question)],
        env=box._environment,
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "the source says" not in done.stdout + done.stderr
    answer: dict[str, typing.Any] = json.loads(done.stdout)
    return answer


@pytest.fixture
def shop(box: Box) -> Box:
    box.write("shop.py", CODE)
    return box


SECRETS = '[sources.shop]\nkey = "s3cret-value"\n'


def test_rows_and_columns_are_shown_as_they_would_be_loaded_and_nothing_is(shop: Box) -> None:
    found = asked(shop, "preview", {"resource": None, "rows": 2}, SECRETS)["previews"]
    assert set(found) == {"accounts", "accounts__tags", "visits"}
    assert found["accounts"] == {
        "columns": [["id", "bigint"], ["region", "text"]],
        "rows": [[1, "***"], [2, "***"]],
    }
    assert found["visits"]["rows"][0][0].startswith("2026-01-01")
    assert not shop.database.exists()
    assert list((shop.root / "state").iterdir()) == []


def test_one_resource_is_shown_alone(shop: Box) -> None:
    found = asked(shop, "preview", {"resource": "visits", "rows": 2}, SECRETS)["previews"]
    assert set(found) == {"visits"}


def test_what_is_missing_is_told_as_a_run_would_tell_it(shop: Box) -> None:
    answer = asked(shop, "preview", {"resource": None, "rows": 2})
    assert answer["error"] == "missing secret 'key' for source 'shop'"
    assert "[sources.shop]" in answer["hint"]


def test_the_state_is_read_from_the_destination(shop: Box) -> None:
    assert asked(shop, "state", {}) == {}
    assert shop.run(SECRETS).code == 0
    answer = asked(shop, "state", {})
    assert answer["cursors"] == {"accounts.id": {"value": "5", "kind": "int"}}
    assert (answer["resources"], answer["edit"]) == (["accounts"], "")
    assert list(answer["schemas"]) == ["orders"]
    assert answer["last_load"].startswith("20")


def test_check_connect_tells_what_answered_and_leaves_nothing(shop: Box) -> None:
    outcome = shop.run(SECRETS, action="connect")
    told = {verdict.what: verdict.text for verdict in outcome.stored.verdicts}
    assert outcome.code == 0, outcome.log
    assert told["source"] == "what its code connects to is seen in a run"
    assert (
        told["destination"] == "duckdb: logged in, wrote and removed a row in dataset raw_shop_dltpod_check"
    )
    assert (
        shop.rows("SELECT schema_name FROM information_schema.schemata WHERE schema_name LIKE 'raw_%'") == []
    )


def test_check_connect_of_a_database_lists_its_tables_and_of_a_closed_port_names_it(box: Box) -> None:
    import sqlite3

    with sqlite3.connect(box.root / "crm.db") as connection:
        connection.execute("CREATE TABLE accounts (id int)")
    given: dict[str, typing.Any] = {"module": "sql_database", "function": "sql_database", "action": "connect"}
    outcome = box.run(**given, kwargs={"credentials": f"sqlite:///{box.root}/crm.db"})
    assert {v.what: v.text for v in outcome.stored.verdicts}["source"] == "logged in, 1 table: accounts"
    outcome = box.run(**given, kwargs={"credentials": "postgresql+psycopg2://reader:any@127.0.0.1:9/crm"})
    assert "nothing listens at 127.0.0.1:9" in outcome.failure.message
