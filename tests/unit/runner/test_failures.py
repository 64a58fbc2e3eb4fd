"""Every exception is one of the closed list, with its cause, a hint, and whether to try again."""

from __future__ import annotations

import errno
import socket
import ssl
import typing
import urllib.error

import pytest
import requests

from runner.contract import ExitCode, Failure, FailureKind
from runner.explain.classify import JobFailed, StepError, classify, exit_code_of


def response(status: int) -> requests.HTTPError:
    answer = requests.Response()
    answer.status_code = status
    answer.url = "https://api.example.com/orders"
    return requests.HTTPError(f"{status} Client Error for url: {answer.url}", response=answer)


class Coded(Exception):
    def __init__(self, **attributes: typing.Any) -> None:
        super().__init__("the API said no")
        self.__dict__.update(attributes)


TRANSIENT: list[BaseException] = [
    requests.ConnectionError("x"),
    requests.Timeout("x"),
    response(429),
    response(503),
    ConnectionResetError("x"),
    TimeoutError("x"),
    socket.gaierror(-3, "Temporary failure in name resolution"),
    urllib.error.HTTPError("http://x", 502, "Bad Gateway", {}, None),  # type: ignore[arg-type]
    urllib.error.URLError("timed out"),
    OSError(errno.ENETUNREACH, "x"),
    Coded(status=503),
    Coded(response={"ResponseMetadata": {"HTTPStatusCode": 500}}),
    type("ServiceUnavailable", (Exception,), {})("x"),
]
LASTING: list[BaseException] = [
    ValueError("x"),
    response(404),
    response(401),
    ssl.SSLCertVerificationError("x"),
    Coded(code=400),
    PermissionError("x"),
    KeyError("id"),
]


@pytest.mark.parametrize("exc", TRANSIENT, ids=repr)
def test_network_trouble_and_busy_servers_are_worth_another_try(exc: BaseException) -> None:
    for wrapped in (exc, StepError("extract", exc), caused(RuntimeError("page 3 failed"), exc)):
        failure = classify(wrapped, "extract")
        assert (failure.kind, failure.transient) == (FailureKind.EXTRACT, True)
        assert exit_code_of(failure) == ExitCode.TRANSIENT


@pytest.mark.parametrize("exc", LASTING, ids=repr)
def test_what_would_fail_again_is_not(exc: BaseException) -> None:
    failure = classify(exc, "extract")
    assert (failure.kind, failure.transient) == (FailureKind.EXTRACT, False)
    assert exit_code_of(failure) == ExitCode.FAILED


def caused(outer: BaseException, cause: BaseException) -> BaseException:
    outer.__cause__ = cause
    return outer


@pytest.mark.parametrize(
    ("exc", "step", "kind", "code"),
    [
        (KeyboardInterrupt(), "load", FailureKind.CANCELLED, ExitCode.STOPPED),
        (MemoryError(), "extract", FailureKind.OUT_OF_MEMORY, ExitCode.FAILED),
        (OSError(errno.ENOSPC, "No space left"), "normalize", FailureKind.DISK_FULL, ExitCode.FAILED),
        (ValueError("x"), "normalize", FailureKind.NORMALIZE, ExitCode.FAILED),
        (ValueError("x"), "load", FailureKind.LOAD, ExitCode.FAILED),
        (ConnectionRefusedError("x"), "restore", FailureKind.DESTINATION_UNREACHABLE, ExitCode.TRANSIENT),
        (ValueError("x"), None, FailureKind.INTERNAL, ExitCode.INTERNAL),
        (JobFailed(Failure(FailureKind.STATE, "m", "h"), 3), "load", FailureKind.STATE, ExitCode.FAILED),
    ],
)
def test_the_kind_follows_from_the_exception_and_the_step(
    exc: BaseException, step: str | None, kind: FailureKind, code: ExitCode
) -> None:
    failure = classify(exc, step)
    assert (failure.kind, exit_code_of(failure)) == (kind, code)
    assert failure.message and "\n" not in failure.message
    assert failure.hint


def test_a_signal_during_a_step_is_a_stop_whatever_it_was_wrapped_in() -> None:
    from dlt.common.exceptions import SignalReceivedException

    assert (
        classify(caused(RuntimeError("x"), SignalReceivedException(15)), "extract").kind
        is FailureKind.CANCELLED
    )


def test_dlts_own_errors_at_the_destination_are_told_apart() -> None:
    from dlt.destinations.exceptions import DatabaseTerminalException, DestinationConnectionError

    text = 'connection to server at "db" (10.0.0.2), port 5432 failed: Connection refused'
    refused = DestinationConnectionError("postgres", "raw_shop", text, Exception(text))
    failure = classify(refused, "load")
    assert (failure.kind, failure.transient) == (FailureKind.DESTINATION_UNREACHABLE, True)
    wrong = DatabaseTerminalException(Exception("column does not exist"))
    assert (classify(wrong, "load").kind, classify(wrong, "load").transient) == (FailureKind.LOAD, False)


def test_a_long_message_is_one_line_of_bounded_length() -> None:
    failure = classify(ValueError("line\n" * 1000), "extract")
    assert len(failure.message) < 600
    assert "\n" not in failure.message


@pytest.mark.parametrize(
    ("missing", "name", "place"),
    [
        (
            (errno.ENOENT, "No such file", "files/prices.csv"),
            "files/prices.csv",
            "/workspace/files/prices.csv",
        ),
        ((errno.ENOENT, "No such file", "./prices.csv"), "prices.csv", "/workspace/prices.csv"),
        ((errno.ENOENT, "No such file", "../prices.csv"), "../prices.csv", "/prices.csv"),
        ((errno.ENOENT, "Failed to open local file 'a.csv'. Detail: none"), "a.csv", "/workspace/a.csv"),
        (("a.parquet",), "a.parquet", "/workspace/a.parquet"),
    ],
)
def test_a_file_that_is_opened_from_the_working_folder_is_told_where_it_would_have_to_lie(
    missing: tuple[object, ...], name: str, place: str
) -> None:
    failure = classify(StepError("extract", FileNotFoundError(*missing)))
    line = f'mount it: container: {{mounts: ["{name}:{place}"]}}'
    assert failure.hint == f"it is looked for at {place}; {line}"


@pytest.mark.parametrize("missing", [(errno.ENOENT, "No such file", "/data/x.csv"), ("no row",), ()])
def test_a_missing_file_elsewhere_is_no_matter_of_mounts(missing: tuple[object, ...]) -> None:
    assert "mount" not in classify(StepError("extract", FileNotFoundError(*missing))).hint


def test_a_client_whose_own_retries_are_used_up_is_worth_another_try() -> None:
    assert classify(StepError("extract", requests.exceptions.RetryError("too many 429 responses"))).transient
