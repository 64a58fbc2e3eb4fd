"""What ``dltpod init`` makes works where dlt is, without a container."""

from __future__ import annotations

import http.server
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from launcher import cli, config


class Api(http.server.BaseHTTPRequestHandler):
    """Answers each call with two rows, and keeps what was asked."""

    asked: list[tuple[str, str | None]] = []

    def do_GET(self) -> None:
        self.asked.append((self.path, self.headers["Authorization"]))
        body = json.dumps([{"id": n, "updated_at": f"2024-0{n}-01"} for n in (1, 2)]).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def address() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Api)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


def test_the_test_of_a_new_source_passes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main(["init"]) == 0
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/test_example.py"],
        env={**os.environ, "DLT_DATA_DIR": str(tmp_path / "dlt"), "RUNTIME__DLTHUB_TELEMETRY": "false"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_a_new_rest_api_asks_with_its_token_and_from_its_cursor_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    from dlt.sources.rest_api import rest_api_source

    monkeypatch.chdir(tmp_path)
    assert cli.main(["init", "rest_api"]) == 0
    (source,) = config.load(tmp_path / "sources.yml").sources
    asked = source.dlt_native.function_kwargs["config"]
    asked["client"]["base_url"] = address
    monkeypatch.setenv("CREDENTIALS__TOKEN", "long-token-1")
    api = rest_api_source(asked)
    assert {name: len(list(resource)) for name, resource in api.resources.items()} == {
        "customers": 2,
        "orders": 2,
    }
    bearer = "Bearer long-token-1"
    assert Api.asked == [("/customers", bearer), ("/orders?since=2024-01-01", bearer)]
