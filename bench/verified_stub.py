"""The services that verified sources ask, as far as one process can play them.

Every HTTP client that a source brings is answered here, from ``bench.verified_answers``. What is no HTTP
client is replaced by something of its interface: mongomock for MongoDB, librdkafka's own mock cluster for
Kafka. ``bench.verified_sources`` runs it.
"""

from __future__ import annotations

import functools
import json
import os
import socket
import sys
import types
import typing
import urllib.parse

from bench import verified_answers as answers
from bench.verified_cases import DLTS_OWN

CASE_VARIABLE = "BENCH_CASE"
"""The case that a run is of: the source's module, a dot, its function."""
MONGO_ROWS = [{"_id": number, "name": f"n{number}", "updated_at": f"2024-01-0{number}"} for number in (1, 2)]


def answer(method: str, url: str, body: typing.Any, module: str) -> bytes:
    """The JSON that a source is sent."""
    text = body.decode("utf-8", "replace") if isinstance(body, bytes) else str(body or "")
    return json.dumps(answers.answer(module, method, urllib.parse.unquote(url), text)).encode()


def install(case: str) -> None:
    """Puts the stub in place of what the source of ``case`` connects with."""
    module = case.partition(".")[0]
    _requests(module)
    special = globals().get(f"_{module}")
    if special is not None:
        special()


def _requests(module: str) -> None:
    import requests

    def send(self: typing.Any, request: typing.Any, **options: typing.Any) -> requests.Response:
        response = requests.Response()
        response.status_code = 200
        response.headers.update({"Content-Type": "application/json", "x-ratelimit-remaining": "9"})
        response.encoding = "utf-8"
        response.url = str(request.url)
        response.request = request
        response._content = answer(request.method, str(request.url), request.body, module)
        return response

    requests.adapters.HTTPAdapter.send = send  # type: ignore[assignment, method-assign]


def _google_sheets() -> None:
    import httplib2

    def request(
        self: typing.Any,
        uri: str,
        method: str = "GET",
        body: typing.Any = None,
        *_: typing.Any,
        **__: typing.Any,
    ) -> typing.Any:
        headers = httplib2.Response({"status": "200", "content-type": "application/json"})
        return headers, answer(method, uri, body, "google_sheets")

    httplib2.Http.request = request


def _google_ads() -> None:
    from google.ads.googleads.client import GoogleAdsClient

    def search_stream(self: GoogleAdsClient) -> typing.Any:
        row = self.get_type("GoogleAdsRow")
        row.customer.id, row.campaign.id = 1, 2
        row.change_event.change_date_time = "2024-01-01 00:00:00"
        return lambda **_: [types.SimpleNamespace(results=[row])]

    GoogleAdsClient.get_service = lambda self, *_, **__: types.SimpleNamespace(
        search_stream=search_stream(self)
    )


def _google_analytics() -> None:
    from google.analytics import data_v1beta as api

    kinds = api.types
    metadata = kinds.Metadata(
        dimensions=[kinds.DimensionMetadata(api_name="date")],
        metrics=[kinds.MetricMetadata(api_name="users")],
    )
    report = kinds.RunReportResponse(
        dimension_headers=[kinds.DimensionHeader(name="date")],
        metric_headers=[kinds.MetricHeader(name="users", type_=kinds.MetricType.TYPE_INTEGER)],
        rows=[
            kinds.Row(
                dimension_values=[kinds.DimensionValue(value="20240102")],
                metric_values=[kinds.MetricValue(value="3")],
            )
        ],
        row_count=1,
    )
    api.BetaAnalyticsDataClient.get_metadata = lambda *_, **__: metadata
    api.BetaAnalyticsDataClient.run_report = lambda *_, **__: report


def _kinesis() -> None:
    import botocore.awsrequest
    import botocore.httpsession

    def send(self: typing.Any, request: typing.Any) -> typing.Any:
        response = botocore.awsrequest.AWSResponse(
            request.url, 200, {"content-type": "application/x-amz-json-1.1"}, None
        )
        target = request.headers["X-Amz-Target"]
        target = target.decode() if isinstance(target, bytes) else target
        response._content = answer("POST", f"{request.url}{target}", request.body, "kinesis")
        return response

    botocore.httpsession.URLLib3Session.send = send


def _mongodb() -> None:
    import mongomock
    import pymongo

    def client(*arguments: typing.Any, **options: typing.Any) -> typing.Any:
        made = mongomock.MongoClient(*arguments, **options)
        made["shop"]["users"].insert_many([dict(row) for row in MONGO_ROWS])
        return made

    pymongo.MongoClient = client


def _kafka() -> None:
    import confluent_kafka

    broker = confluent_kafka.Producer({"bootstrap.servers": "none", "test.mock.num.brokers": 1})
    for number in range(3):
        broker.produce("orders", json.dumps({"id": number}).encode(), partition=0)
    broker.flush(10)
    (address,) = {f"{each.host}:{each.port}" for each in broker.list_topics().brokers.values()}

    class Consumer(confluent_kafka.Consumer):
        def __init__(self, settings: dict[str, typing.Any]) -> None:
            self.broker = broker
            super().__init__({**settings, "bootstrap.servers": address})

    confluent_kafka.Consumer = Consumer


class _Imap:
    """An IMAP server's client with one message in its box."""

    error = RuntimeError

    def __init__(self, host: str) -> None:
        self.host = host

    def __enter__(self) -> _Imap:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def login(self, *_: str) -> None:
        pass

    def select(self, *_: object, **__: object) -> typing.Any:
        return "OK", [b"1"]

    def uid(self, command: str, *_: object) -> typing.Any:
        if command == "search":
            return "OK", [b"1"]
        message = b"From: a@example.com\r\nDate: Mon, 01 Jan 2024 00:00:00 +0000\r\nSubject: one\r\n\r\ntext"
        return "OK", [(b"1 (UID 1 RFC822 {90}", message), b' INTERNALDATE "01-Jan-2024 00:00:00 +0000")']


def _inbox() -> None:
    import imaplib

    imaplib.IMAP4_SSL = _Imap


def plain(given: typing.Any, paths: typing.Any) -> int:
    """The same source by dlt alone, as a script would run it; stores a result like the runner's."""
    from runner import contract

    try:
        result = contract.Result("ok", 0, rows=_run_plainly(given, paths))
    except Exception as exc:  # noqa: BLE001 - whatever it is, it is told
        while exc.__cause__ is not None:
            exc = exc.__cause__  # type: ignore[assignment]
        failure = contract.Failure(contract.FailureKind.EXTRACT, f"{type(exc).__name__}: {exc}")
        result = contract.Result("failed", 1, failure=failure)
    (paths.state / "result.json").write_text(contract.to_json(result))
    return result.exit_code


def _run_plainly(given: typing.Any, paths: typing.Any) -> dict[str, int]:
    import importlib

    import dlt

    from runner.supervise import job_input

    job = given.job
    job_input.write_secrets(paths.secrets, given.files)
    os.environ.update(job_input.environment_for(job, paths, os.environ))
    sys.path[:0] = [str(paths.verified_sources)]
    own = job.module in DLTS_OWN
    module = importlib.import_module(f"dlt.sources.{job.module}" if own else job.module)
    pipeline = dlt.pipeline(
        job.pipeline_name,
        pipelines_dir=str(paths.state),
        destination=dlt.destinations.duckdb(job.destination.file),
        dataset_name=job.dataset_name,
    )
    source = getattr(module, job.function)(**job.kwargs)
    for name, kwargs in job.resource_kwargs.items():
        source.resources[name].bind(**kwargs)
    pipeline.run(source.with_resources(*job.resources) if job.resources else source)
    return dict(pipeline.last_trace.last_normalize_info.row_counts)


def serve(channel: socket.socket) -> None:
    """Runs the jobs that come over ``channel``, each in a fork with the stub of its case in place."""
    import runner.__main__ as program
    from runner.supervise import first_process
    from tests.pipeline.runner import forkserver

    work: typing.Any = program.main

    @functools.wraps(work)
    def main() -> int:
        case = os.environ[CASE_VARIABLE]
        install(case.removeprefix("plain "))
        code = first_process.run(plain) if case.startswith("plain ") else work()
        sys.stdout.flush()
        return int(code)

    program.main = main
    forkserver.serve(channel)


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
