"""What a run that fails tells of it: the resource, the cause, and what to do next."""

from __future__ import annotations

import threading
import typing
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from runner.contract import ExitCode, FailureKind
from tests.pipeline.runner.box import Box


class Refusing(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(int(self.path.strip("/")))
        self.end_headers()

    def log_message(self, format: str, *args: typing.Any) -> None:
        return


@pytest.fixture
def address() -> Iterator[str]:
    httpd = HTTPServer(("127.0.0.1", 0), Refusing)
    threading.Thread(target=httpd.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{httpd.server_port}"
    httpd.shutdown()


@pytest.fixture
def api(box: Box, address: str) -> Box:
    box.write(
        "shop.py",
        f"""
        import dlt, requests

        @dlt.resource
        def orders(path: str):
            requests.get({address!r} + path).raise_for_status()
            yield [{{"id": 1}}]

        @dlt.resource
        def refused():
            requests.get("http://localhost:9/")
            yield [{{"id": 1}}]
        """,
    )
    return box


@pytest.mark.parametrize(
    ("status", "code", "hint"),
    [(401, 1, "[sources.shop] in .dlt/secrets.toml"), (429, 75, "later"), (503, 75, ""), (404, 1, "log")],
)
def test_a_failing_api_is_told_by_resource_status_and_what_next(
    api: Box, status: int, code: int, hint: str
) -> None:
    outcome = api.run(kwargs={"path": f"/{status}"})
    assert (outcome.code, outcome.failure.kind) == (code, FailureKind.EXTRACT)
    assert "resource 'orders' failed: HTTPError" in outcome.failure.message
    assert str(status) in outcome.failure.message
    assert outcome.stored.seconds.keys() == {"start", "restore", "extract"}
    assert hint in outcome.failure.hint
    assert "Traceback" not in outcome.log
    traces = [event["text"] for event in outcome.events if event["event"] == "traceback"]
    assert len(traces) == 1
    assert "HTTPError" in traces[0]


def test_a_refused_connection_to_localhost_gets_the_hosts_name_and_is_not_tried_again(api: Box) -> None:
    outcome = api.run(function="refused")
    assert (outcome.code, outcome.failure.transient) == (ExitCode.FAILED, False)
    assert "host.docker.internal" in outcome.failure.hint


def test_dlts_http_client_asks_a_localhost_that_refuses_once(box: Box) -> None:
    box.write(
        "shop.py",
        """
        import logging
        import dlt
        from dlt.sources.helpers import requests

        logging.basicConfig(level="DEBUG")

        @dlt.resource
        def orders():
            requests.get("http://localhost:9/")
            yield [{"id": 1}]
        """,
    )
    outcome = box.run()
    assert (outcome.code, outcome.failure.transient) == (ExitCode.FAILED, False)
    assert "host.docker.internal" in outcome.failure.hint
    assert outcome.log.count("Starting new HTTP connection") == 1, outcome.log


def test_dlts_http_client_asks_again_after_any_other_failure(box: Box, address: str) -> None:
    box.write(
        "shop.py",
        f"""
        import logging
        import dlt
        from dlt.sources.helpers import requests

        logging.basicConfig(level="DEBUG")

        @dlt.resource
        def orders():
            requests.Client(request_max_attempts=3, request_backoff_factor=0).get({address!r} + "/503")
            yield [{{"id": 1}}]
        """,
    )
    outcome = box.run()
    assert (outcome.code, outcome.failure.transient) == (ExitCode.TRANSIENT, True)
    assert outcome.log.count("GET /503") == 3, outcome.log


def test_a_broken_schema_contract_names_table_and_column(box: Box) -> None:
    box.write("shop.py", "def orders():\n    yield [{'id': 1}]\n")
    assert box.run().code == 0
    box.write("shop.py", "def orders():\n    yield [{'id': 1, 'extra': 2}]\n")
    outcome = box.run(schema_contract={"columns": "freeze"})
    assert (outcome.code, outcome.failure.kind) == (ExitCode.FAILED, FailureKind.SCHEMA_CONTRACT), outcome.log
    assert "'orders.extra'" in outcome.failure.message
    assert "columns: evolve" in outcome.failure.hint


def test_an_error_in_a_plain_function_and_in_a_source_function_is_the_sources(box: Box) -> None:
    box.write(
        "shop.py",
        """
        import dlt

        def orders():
            raise KeyError("id")

        @dlt.source
        def source():
            raise KeyError("id")

        def rows():
            yield {"id": 1}
            raise KeyError("id")
        """,
    )
    for function in ("orders", "source", "rows"):
        outcome = box.run(function=function)
        assert (outcome.code, outcome.failure.kind) == (ExitCode.FAILED, FailureKind.EXTRACT), outcome.log
        assert "failed: KeyError: 'id'" in outcome.failure.message


def test_what_may_pass_is_tried_again_by_the_runner_where_the_job_says_so(box: Box) -> None:
    box.write(
        "shop.py",
        """
        import pathlib
        def orders():
            tried = pathlib.Path(__file__).with_name("tried")
            if not tried.exists():
                tried.touch()
                raise ConnectionError("the other side hung up")
            yield [{"id": 1}]
        """,
    )
    outcome = box.run(retries=2, events=False)
    assert (outcome.code, outcome.stored.rows) == (0, {"orders": 1})
    assert "dltpod: trying again in" in outcome.log and "(attempt 2 of 3)" in outcome.log


def test_what_does_not_pass_is_not_tried_again(box: Box) -> None:
    box.write("shop.py", "def orders():\n    raise ValueError('there is no such account')\n")
    outcome = box.run(retries=2, events=False)
    assert outcome.code == ExitCode.FAILED
    assert "trying again" not in outcome.log


SIGNALLED_WHILE_THE_RESULT_IS_STORED = """
import os, signal, sys
from runner import __main__
from runner.supervise import results

def store(*given, stored=results.store):
    stored(*given)
    os.kill(os.getpid(), signal.SIGTERM)

results.store = store
sys.exit(__main__.main())
"""


def test_a_signal_after_the_end_of_an_attempt_leads_to_no_other(box: Box) -> None:
    box.write("shop.py", "def orders():\n    raise ConnectionError('the other side hung up')\n")
    box.program = ("-c", SIGNALLED_WHILE_THE_RESULT_IS_STORED)
    outcome = box.ended(box.start_interpreter(box.job(retries=1, events=False)))
    assert outcome.code == ExitCode.STOPPED
    assert "trying again" not in outcome.log


def test_a_signal_between_two_attempts_ends_the_run(box: Box) -> None:
    box.write("shop.py", "def orders():\n    raise ConnectionError('the other side hung up')\n")
    process = box.start_interpreter(box.job(retries=3, events=False))
    assert process.stderr is not None
    for line in process.stderr:
        if b"trying again" in line:
            break
    process.terminate()
    assert process.wait(timeout=60) == ExitCode.STOPPED
