"""What servers and drivers say, in words that name what to correct."""

from __future__ import annotations

import pytest
import requests

from runner.contract import Destination, FailureKind, JobSpec
from runner.explain import connections
from runner.explain.classify import classify

REFUSED = [
    (
        'connection to server at "db" (10.0.0.2), port 5432 failed: FATAL:  password authentication failed '
        'for user "reader"',
        "the database refused user 'reader'",
    ),
    (
        "(1045, \"Access denied for user 'reader'@'10.0.0.1' (using password: YES)\")",
        "the database refused user 'reader'",
    ),
    (
        "(1044, \"Access denied for user 'reader'@'%' to database 'crm'\")",
        "user 'reader' may not use the database 'crm'",
    ),
    ("Login failed for user 'reader'.", "the database refused user 'reader'"),
    ("ORA-01017: invalid username/password; logon denied", "the login was refused"),
    (
        "Code: 516. DB::Exception: reader: Authentication failed: password is incorrect",
        "the database refused user 'reader'",
    ),
    ('FATAL:  database "crm" does not exist', "the server has no database 'crm'"),
    ("(1049, \"Unknown database 'crm'\")", "the server has no database 'crm'"),
    (
        '(4060, \'Cannot open database "crm" requested by the login. The login failed. Login failed for user '
        "\\'reader\\'.')",
        "the server has no database 'crm'",
    ),
    ("ORA-28000: The account is locked.", "the login was refused"),
    ("250001 (08001): Failed to connect to DB: JWT token is invalid.", "the login was refused"),
    ("('invalid_grant: Invalid JWT Signature.', {'error': 'invalid_grant'})", "the login was refused"),
    (
        "An error occurred (InvalidAccessKeyId) when calling ListObjectsV2",
        "the login was refused",
    ),
    ("FATAL:  Tenant or user not found", "the login was refused"),
]


@pytest.mark.parametrize(("text", "words"), REFUSED)
def test_what_a_server_refuses_for_good_is_told_and_not_tried_again(text: str, words: str) -> None:
    error = type("OperationalError", (Exception,), {})(text)
    failure = classify(error, "extract")
    assert (failure.message, failure.transient) == (words, False)
    failure = classify(error, "load")
    assert (failure.kind, failure.transient) == (FailureKind.DESTINATION_UNREACHABLE, False)
    assert failure.message == f"at the destination: {words}"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            'connection to server at "db.acme" (10.0.0.2), port 55999 failed: Connection refused',
            "nothing listens at db.acme:55999",
        ),
        (
            "HTTPConnectionPool(host='api.acme', port=80): Max retries exceeded with url: /x (Caused by "
            "NewConnectionError('Failed to establish a new connection: [Errno 111] Connection refused'))",
            "nothing listens at api.acme:80",
        ),
        (
            "(2003, \"Can't connect to MySQL server on 'db' ([Errno 111] Connection refused)\")",
            "nothing listens at db",
        ),
        (
            "mongo.acme:27017: [Errno 111] Connection refused (configured timeouts: 20000ms)",
            "nothing listens at mongo.acme:27017",
        ),
        (
            "Cannot connect to host api.acme:443 ssl:default [Connection refused]",
            "nothing listens at api.acme:443",
        ),
        (
            'could not translate host name "db.acme" to address: Name or service not known',
            "no such name: db.acme",
        ),
        (
            "HTTPSConnectionPool(host='api.acme', port=443): Max retries exceeded with url: /x (Caused by "
            "NameResolutionError(\"Failed to resolve 'api.acme' ([Errno -2] Name or service not known)\"))",
            "no such name: api.acme",
        ),
        (
            'could not translate host name "db.acme" to address: Temporary failure in name resolution',
            "no name server answers for db.acme",
        ),
        (
            "HTTPSConnectionPool(host='api.acme', port=443): Max retries exceeded with url: /x (Caused by "
            "ConnectTimeoutError('Connection to api.acme timed out. (connect timeout=5)'))",
            "no answer from api.acme:443",
        ),
        (
            "mongo.acme:27017: timed out (configured timeouts: socketTimeoutMS: 20000.0ms)",
            "no answer from mongo.acme:27017",
        ),
        (
            'connection to server at "db.acme" (10.0.0.2), port 5432 failed: timeout expired',
            "no answer from db.acme:5432",
        ),
    ],
)
def test_an_address_where_nobody_is_is_named(text: str, words: str) -> None:
    found = connections.unreachable_place((requests.ConnectionError(text),))
    assert found is not None and found[0] == words
    # A name or a silent address may be the network's fault; where a port is refused, somebody is there.
    assert ("container.egress" in found[1]) is not words.startswith("nothing listens")


def test_an_answer_that_is_late_is_no_address_where_nobody_is() -> None:
    late = requests.ReadTimeout("HTTPSConnectionPool(host='a', port=443): Read timed out. (read timeout=5)")
    assert connections.unreachable_place((late,)) is None


def test_a_message_without_an_address_stays_what_it_is() -> None:
    assert connections.unreachable_place((ConnectionRefusedError("[Errno 111] Connection refused"),)) is None


@pytest.mark.parametrize(
    ("names", "at_destination", "section"),
    [
        ((), False, "sources.crm"),
        (("sources.crm.credentials.password",), False, "sources.crm.credentials"),
        (("destination.dwh.credentials.password",), True, "destination.dwh.credentials"),
        (("destination.dwh.credentials",), True, "destination.dwh"),
    ],
)
def test_a_hint_names_the_section_that_the_login_stands_in(
    names: tuple[str, ...], at_destination: bool, section: str
) -> None:
    job = JobSpec(
        run_id="1",
        token="t",
        project="p",
        source="crm",
        module="m",
        function="f",
        destination=Destination("postgres", "dwh"),
        pipeline_name="crm",
        dataset_name="raw",
        secret_names=names,
    )
    assert connections.placed("[<section>]", job, at_destination=at_destination) == f"[{section}]"


LOCAL = [
    'connection to server at "localhost" (127.0.0.1), port 5432 failed: Connection refused',
    "(2003, \"Can't connect to MySQL server on '127.0.0.1' ([Errno 111] Connection refused)\")",
    "localhost:27017: [Errno 111] Connection refused (configured timeouts: 20000ms)",
    "Error 111 connecting to localhost:6379. Connection refused.",
    "Multiple exceptions: [Errno 111] Connect call failed ('::1', 5432, 0, 0), "
    "[Errno 111] Connect call failed ('127.0.0.1', 5432)",
    "HTTPConnectionPool(host='localhost', port=80): Max retries exceeded with url: /x (Caused by "
    "NewConnectionError('Failed to establish a new connection: [Errno 111] Connection refused'))",
]


@pytest.mark.parametrize("text", LOCAL)
@pytest.mark.parametrize("name", ["OperationalError", "DestinationConnectionError", "ConnectionError"])
def test_a_connection_that_the_containers_own_localhost_refuses_is_not_tried_again(
    name: str, text: str
) -> None:
    error = type(name, (ConnectionError,), {})(text)
    for step in ("extract", "restore", "load"):
        failure = classify(error, step)
        assert not failure.transient
        assert "host.docker.internal" in failure.hint


def test_in_a_pod_it_is_tried_again_for_another_container_may_come_up_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    assert classify(ConnectionError(LOCAL[0]), "load").transient


def test_a_busy_server_is_tried_again_though_a_cache_on_localhost_refused_before() -> None:
    busy = requests.ConnectionError("Connection reset by peer")
    busy.__context__ = ConnectionRefusedError(LOCAL[3])
    assert classify(busy, "extract").transient
