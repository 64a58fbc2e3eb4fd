"""A client that only fails to connect is told from one that works, or waits for a moment."""

from __future__ import annotations

import pytest

from runner.supervise.connecting import LOCAL_PATIENCE, PATIENCE, Watch

KAFKA = (
    b"%3|1764228000.1|FAIL|rdkafka#consumer-1| [thrd:localhost:9092/bootstrap]: localhost:9092/bootstrap: "
    b"Connect to ipv4#127.0.0.1:9092 failed: Connection refused (after 0ms in state CONNECT)\n"
)
DOWN = b"%3|1764228000.1|ERROR|rdkafka#consumer-1| [thrd:localhost:9092/bootstrap]: 1/1 brokers are down\n"
NO_NAME = (
    b"%3|1764228000.1|FAIL|rdkafka#consumer-1| [thrd:kafka.example:9092/bootstrap]: "
    b"kafka.example:9092/bootstrap: Failed to resolve 'kafka.example:9092': Name or service not known\n"
)


def fed(watch: Watch, lines: list[bytes], seconds: float) -> bool:
    """Feeds the lines, evenly spread over the seconds, in pieces that end anywhere."""
    found = False
    for number, line in enumerate(lines):
        now = seconds * number / (len(lines) - 1)
        found = watch.feed(line[:20], now)
        found = watch.feed(line[20:], now) or found
    return found


def test_nothing_but_failed_connections_for_long_enough_is_found_out() -> None:
    watch = Watch(str)
    assert not fed(watch, [KAFKA, DOWN] * 500, LOCAL_PATIENCE / 2)
    assert watch.feed(KAFKA, PATIENCE + 1)
    failure = watch.failure(PATIENCE + 1)
    assert failure is not None
    assert failure.message == (
        "the source did nothing but fail to connect, for 61 s: localhost:9092/bootstrap: Connect to "
        "ipv4#127.0.0.1:9092 failed: Connection refused (after 0ms in state CONNECT)"
    )
    assert "host.docker.internal" in failure.hint
    assert not failure.transient


def test_localhost_is_given_up_within_seconds_and_another_host_is_not() -> None:
    assert fed(Watch(str), [KAFKA, DOWN] * 10, LOCAL_PATIENCE + 1)
    assert not fed(Watch(str), [KAFKA, NO_NAME] * 10, LOCAL_PATIENCE + 1)


def test_another_host_may_come_back() -> None:
    watch = Watch(str)
    assert fed(watch, [NO_NAME] * 10, PATIENCE + 1)
    failure = watch.failure(PATIENCE + 1)
    assert failure is not None and failure.transient
    assert "container.egress" in failure.hint


@pytest.mark.parametrize("other", [b"page 1 of 20\n", b"INFO done\n"])
def test_a_source_that_says_anything_else_does_something_else(other: bytes) -> None:
    watch = Watch(str)
    assert not fed(watch, [KAFKA] * 10 + [other] + [KAFKA] * 3, PATIENCE + 10)
    assert watch.failure(PATIENCE) is None


def test_a_source_whose_rows_come_is_no_longer_watched() -> None:
    watch = Watch(str)
    watch.rows_arrived()
    assert not fed(watch, [KAFKA] * 100, PATIENCE * 10)
    assert watch.failure(PATIENCE * 10) is None


def test_a_few_failures_in_a_long_time_are_no_endless_attempt() -> None:
    watch = Watch(str)
    assert not fed(watch, [KAFKA] * 3, PATIENCE * 10)
    assert watch.failure(PATIENCE * 10) is None


def test_what_it_quotes_is_masked_first() -> None:
    watch = Watch(lambda text: text.replace("bootstrap", "***"))
    fed(watch, [KAFKA] * 10, PATIENCE + 1)
    failure = watch.failure(PATIENCE)
    assert failure is not None
    assert "bootstrap" not in failure.message
