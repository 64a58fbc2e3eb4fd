"""Intervals with dlt's own sources: what asks an API or a database asks for the interval alone."""

from __future__ import annotations

import http.server
import json
import sqlite3
import threading
import urllib.parse
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from runner.contract import interval
from runner.explain.classify import StepError, classify
from tests.pipeline.sandbox import DuckSandbox

STEP = interval("2026-01-03", "2026-01-06")
START = datetime(2026, 1, 1, tzinfo=timezone.utc)


@pytest.fixture
def api() -> Iterator[tuple[str, list[dict[str, list[str]]]]]:
    """An API's address, and what it was asked for."""
    asked: list[dict[str, list[str]]] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(urllib.parse.parse_qs(urllib.parse.urlparse(self.path).query))
            rows = [{"id": n + 1, "at": (START + timedelta(days=n)).isoformat()} for n in range(20)]
            body = json.dumps(rows).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()


def test_rest_api_asks_for_the_interval(
    sandbox: DuckSandbox, api: tuple[str, list[dict[str, list[str]]]]
) -> None:
    url, asked = api
    for _ in range(2):
        result = sandbox.run("rest_days", interval=STEP, kwargs={"url": url, "start": START})
    assert sandbox.ids() == [3, 4, 5]
    assert asked == [{"since": ["2026-01-03 00:00:00+00:00"], "until": ["2026-01-06 00:00:00+00:00"]}]
    assert (result.rows, result.cursors) == ({}, {})
    sandbox.run("rest_days", kwargs={"url": url, "start": START})
    assert sandbox.ids() == list(range(1, 21))


def test_rest_api_with_a_cursor_of_text_is_refused(
    sandbox: DuckSandbox, api: tuple[str, list[dict[str, list[str]]]]
) -> None:
    with pytest.raises(StepError) as caught:
        sandbox.run("rest_days", interval=STEP, kwargs={"url": api[0], "start": START.isoformat()})
    assert classify(caught.value).message == (
        "resource 'orders' can't load an interval: its cursor 'at' is a text, "
        "and dlt compares none with a time: make it one in the source (add_map)"
    )


def test_a_database_is_asked_for_the_interval_and_a_table_without_a_cursor_is_left_out(
    sandbox: DuckSandbox, tmp_path: Path
) -> None:
    file = tmp_path / "shop.db"
    with sqlite3.connect(file) as connection:
        connection.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY, at TIMESTAMP)")
        connection.execute("CREATE TABLE shops (id INTEGER PRIMARY KEY)")
        rows = [(n + 1, f"2026-01-{n + 1:02} 00:00:00.000000") for n in range(20)]
        connection.executemany("INSERT INTO orders VALUES (?, ?)", rows)
        connection.execute("INSERT INTO shops VALUES (1)")
    url = {"url": f"sqlite:///{file}"}
    result = sandbox.run("sql_days", interval=STEP, kwargs=url)
    assert sandbox.ids() == [3, 4, 5]
    assert result.rows == {"orders": 3}
    assert result.notes == ("shops: without a cursor, so not part of an interval",)
    sandbox.run("sql_days", kwargs=url)
    assert (sandbox.ids(), sandbox.ids("shops")) == (list(range(1, 21)), [1])
