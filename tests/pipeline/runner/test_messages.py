"""What people are told when a source's own code, its database or its packages are at fault."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import pytest

from runner.contract import Destination, ExitCode, FailureKind
from tests.pipeline import postgres
from tests.pipeline.runner.box import Box, Outcome
from tests.ports import held_port


@pytest.fixture(scope="module")
def database() -> Iterator[str]:
    with postgres.server() as url:
        yield url


@pytest.fixture
def closed_port() -> Iterator[int]:
    with held_port() as port:
        yield port


def tables_of(box: Box, credentials: str, **kwargs: object) -> Outcome:
    return box.run(
        module="sql_database",
        function="sql_database",
        kwargs={"credentials": credentials, **kwargs},
        secret_names=("sources.shop.credentials.password",),
    )


def test_an_exception_of_the_sources_code_is_told_with_its_line(box: Box) -> None:
    box.write(
        "shop.py",
        """\
        def orders():
            row = {"a": 1}
            yield {"x": row["missing"]}
        """,
    )
    message = box.run().failure.message
    assert message.endswith(
        """KeyError: 'missing' at custom_sources/shop.py:3, in orders: yield {"x": row["missing"]}"""
    )


@pytest.mark.parametrize(
    ("value", "words"),
    [("None", "its function returned nothing"), ("7", "its function returned 'int'")],
)
def test_a_resource_whose_function_gives_no_rows_is_told_so(box: Box, value: str, words: str) -> None:
    box.write("shop.py", f"import dlt\n\n@dlt.resource\ndef orders():\n    return {value}\n")
    box.write(
        "crm.py",
        f"""\
        import dlt

        @dlt.source
        def crm():
            @dlt.resource
            def orders():
                return {value}
            return orders
        """,
    )
    for outcome in (box.run(), box.run(module="crm", function="crm")):
        assert outcome.failure.message == f"resource 'orders' failed: {words}"
        assert "yield rows" in outcome.failure.hint


def test_a_line_that_gives_a_secret_as_a_literal_is_not_shown(box: Box) -> None:
    box.write("shop.py", "def orders():\n    yield int('x' if (password := 'hunter2') else 1)\n")
    outcome = box.run()
    assert "at custom_sources/shop.py:2, in orders" in outcome.failure.message
    assert "hunter2" not in outcome.failure.message


@pytest.mark.parametrize(
    ("imported", "requirement"),
    [("not_there_at_all", "not-there-at-all"), ("zmq", "pyzmq"), ("google.ads.googleads", "google-ads")],
)
def test_a_package_that_is_missing_within_a_function_is_told_by_what_brings_it(
    box: Box, imported: str, requirement: str
) -> None:
    box.write("shop.py", f"def orders():\n    import {imported}\n    yield {{}}\n")
    outcome = box.run()
    assert (outcome.code, outcome.failure.kind) == (ExitCode.CONFIGURATION, FailureKind.IMPORT_FAILED)
    assert f"the source needs '{imported.partition('.')[0]}'" in outcome.failure.message
    assert "at custom_sources/shop.py:2" in outcome.failure.message
    assert outcome.failure.hint == f'add to the source: container: {{requirements: ["{requirement}"]}}'


def test_a_driver_that_is_missing_is_told_by_the_scheme_that_needs_it(box: Box) -> None:
    failure = tables_of(box, "postgresql+psycopg://reader:any@localhost/crm").failure
    assert failure.message.startswith("'postgresql+psycopg://' needs 'psycopg'")
    assert failure.hint == 'add to the source: container: {requirements: ["psycopg[binary]"]}'


def test_a_table_that_is_not_there_is_told_with_the_one_that_is_meant(box: Box) -> None:
    with sqlite3.connect(box.root / "crm.db") as connection:
        connection.execute("CREATE TABLE accounts (id int)")
    for function, kwargs in (
        ("sql_database", {"table_names": ["acounts"]}),
        ("sql_table", {"table": "acounts"}),
    ):
        credentials = f"sqlite:///{box.root}/crm.db"
        outcome = box.run(
            module="sql_database", function=function, kwargs={"credentials": credentials, **kwargs}
        )
        assert outcome.failure.message == "no table 'acounts'; did you mean 'accounts'?"
        assert outcome.code == ExitCode.FAILED


def test_a_user_whom_the_database_refuses_is_not_tried_again(box: Box, database: str) -> None:
    outcome = tables_of(box, database.replace("loader:", "reader:").replace("sql://", "sql+psycopg2://"))
    assert (outcome.code, outcome.failure.transient) == (ExitCode.FAILED, False)
    assert outcome.failure.message == "the database refused user 'reader'"
    assert outcome.failure.hint == (
        "correct user and password in .dlt/secrets.toml: [sources.shop.credentials]"
    )


def test_a_port_at_which_nothing_listens_is_told_with_its_host(box: Box, closed_port: int) -> None:
    outcome = tables_of(box, f"postgresql+psycopg2://reader:any@127.0.0.1:{closed_port}/crm")
    assert outcome.failure.message == f"the source failed: nothing listens at 127.0.0.1:{closed_port}"
    assert (outcome.code, outcome.failure.transient) == (ExitCode.FAILED, False)


def test_a_destination_on_localhost_that_refuses_ends_the_run_before_rows_are_read(
    real_box: Box, closed_port: int
) -> None:
    real_box.write("shop.py", "def orders():\n    print('rows are read')\n    yield {'id': 1}\n")
    outcome = real_box.run(
        secrets=f"[destination.postgres]\ncredentials = 'postgresql://l:any@localhost:{closed_port}/dwh'\n",
        destination=Destination("postgres"),
        events=False,
        retries=2,
    )
    assert outcome.code == ExitCode.FAILED
    assert outcome.failure.kind is FailureKind.DESTINATION_UNREACHABLE
    assert outcome.failure.message == (
        f"the destination can't be reached: nothing listens at localhost:{closed_port}"
    )
    assert "host.docker.internal" in outcome.failure.hint
    assert "trying again" not in outcome.log
    assert "rows are read" not in outcome.log


def test_a_name_that_nobody_has_is_told(box: Box) -> None:
    failure = tables_of(box, "postgresql+psycopg2://reader:any@db.acme.invalid/crm").failure
    assert "db.acme.invalid" in failure.message
    assert failure.message.startswith(
        ("the source failed: no such name: ", "the source failed: no name server answers for ")
    )
    assert "[sources.shop.credentials]" in failure.hint
