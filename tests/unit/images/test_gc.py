"""What ``dltpod gc`` takes of the engine's build cache, by a stand-in for an engine."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import docker
import pytest

from launcher.images import gc

BUSY = {"message": "a disk usage operation is already running"}
LONG_AGO, NOW = "2026-01-01T00:00:00Z", 1_800_000_000.0
DAYS = "unused for 379 days"


def row(name: str, description: str = "mount /dev/dltpod/cache from exec", **more: Any) -> dict[str, Any]:
    return {
        "ID": name,
        "Description": description,
        "Type": "exec.cachemount",
        "Size": 7,
        "CreatedAt": LONG_AGO,
        **more,
    }


class Engine(BaseHTTPRequestHandler):
    """Answers what it was given, and counts."""

    answer: tuple[int, dict[str, Any]]
    asked = 0

    def do_GET(self) -> None:
        type(self).asked += 1
        code, body = self.answer
        told = json.dumps(body).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(told)))
        self.end_headers()
        self.wfile.write(told)

    def log_message(self, format: str, *arguments: object) -> None:
        pass


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Iterator[docker.DockerClient]:
    monkeypatch.setattr(Engine, "asked", 0)
    with ThreadingHTTPServer(("127.0.0.1", 0), Engine) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        client = docker.DockerClient(base_url=f"tcp://127.0.0.1:{server.server_port}", version="1.41")
        yield client
        client.close()
        server.shutdown()


def test_the_build_cache_is_left_alone_where_the_engine_is_busy_with_its_disk(
    engine: docker.DockerClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Engine, "answer", (500, BUSY), raising=False)
    item = gc.Item("folder", "any", 1, "unused")
    found = gc.with_build_cache(gc.Plan((item,), ("a note",)), engine)
    assert found.items == (item,)
    assert found.notes == (
        "a note",
        f"the build cache was left alone: the Docker engine refuses: {BUSY['message']}",
    )
    assert Engine.asked == 1


def test_of_the_build_cache_goes_what_is_dltpods_and_neither_young_nor_in_use(
    engine: docker.DockerClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    young = "2027-01-14T00:00:00Z"
    rows = [
        row("wheels"),
        row("steps", Type="regular", Shared=True),
        row("young", LastUsedAt=young),
        row("used", InUse=True),
        row("foreign", "mount /root/.cache from exec"),
    ]
    monkeypatch.setattr(Engine, "answer", (200, {"BuildCache": rows}), raising=False)
    found = gc.with_build_cache(gc.Plan(), engine, now=NOW)
    assert found == gc.Plan(
        (
            gc.Item("build cache", "wheels and packages", 7, DAYS, "wheels"),
            gc.Item("build cache", "layer", 0, DAYS, "steps"),
        )
    )
