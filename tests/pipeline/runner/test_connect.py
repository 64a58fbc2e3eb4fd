"""``check --connect``: what an API and a bucket answer, and what is told where they don't."""

from __future__ import annotations

import http.server
import threading
import typing
from collections.abc import Iterator

import pytest

from tests.pipeline.runner.box import Box


class _Api(http.server.BaseHTTPRequestHandler):
    def do_HEAD(self) -> None:
        self.send_response(503 if "down" in self.path else 401)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def api() -> Iterator[str]:
    """The address of an API that wants a login; below ``down/`` it is out of order."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Api) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def connected(box: Box, module: str, function: str, kwargs: dict[str, typing.Any]) -> tuple[bool, str]:
    """Whether the source could be reached, and what is told of it."""
    outcome = box.run(action="connect", module=module, function=function, kwargs=kwargs)
    (verdict,) = (found for found in outcome.stored.verdicts if found.what == "source")
    return verdict.ok, verdict.text


def rest(base_url: str) -> dict[str, typing.Any]:
    return {"config": {"client": {"base_url": base_url}, "resources": ["items"]}}


def test_an_api_that_answers_is_reached_whatever_it_says_without_a_login(box: Box, api: str) -> None:
    told = connected(box, "rest_api", "rest_api_source", rest(api))
    assert told == (True, f"{api} answers, with 401 to a request without a login")


def test_an_api_that_is_out_of_order_or_not_there_is_told(box: Box, api: str) -> None:
    well, text = connected(box, "rest_api", "rest_api_source", rest(f"{api}down/"))
    assert (well, "503" in text) == (False, True)
    well, text = connected(box, "rest_api", "rest_api_source", rest("http://127.0.0.1:9/"))
    assert (well, "nothing listens at 127.0.0.1:9" in text) == (False, True)


def test_a_buckets_files_are_listed_and_a_glob_that_fits_none_is_told(box: Box) -> None:
    box.write("files/a.csv", "id\n1\n")
    bucket = {"bucket_url": f"file://{box.custom}/files"}
    told = connected(box, "filesystem", "filesystem", {**bucket, "file_glob": "*.csv"})
    assert told == (True, "files can be listed, a.csv among them")
    told = connected(box, "filesystem", "filesystem", {**bucket, "file_glob": "*.parquet"})
    assert told == (True, "files can be listed, and none fits file_glob")
