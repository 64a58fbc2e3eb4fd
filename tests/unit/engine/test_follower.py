"""The log is read to its end over as many connections as it takes, each line once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from launcher.engines.docker.logs import MISSING, STDERR, STDOUT, Follower
from launcher.engines.docker.spec import LOG_FILE_BYTES

Entry = tuple[int, bytes]


class Engine:
    """Answers the logs call: a following one by a script, any other by what its files hold then."""

    base_url = "http+docker://localhost"
    api_version = "1.41"

    def __init__(self, follows: list[Entry], *, broken: bool = False) -> None:
        self.follows, self.broken = follows, broken
        self.holds = list(follows)
        self.asked: list[dict[str, Any]] = []

    def get(self, url: str, params: dict[str, Any], stream: bool, timeout: None) -> Engine:
        self.asked.append(params)
        return self

    def raise_for_status(self) -> None:
        pass

    def close(self) -> None:
        pass

    def iter_content(self, chunk_size: None) -> Iterator[bytes]:
        asked = self.asked[-1]
        tail = asked.get("tail", "all")
        holds = self.holds if tail == "all" else self.holds[-tail:]
        entries = self.follows if asked["follow"] else holds
        for number, text in entries:
            yield bytes([number, 0, 0, 0]) + len(text).to_bytes(4, "big") + text
        if asked["follow"] and self.broken:
            raise ConnectionError


class Heard(list[Entry]):
    def __init__(self, engine: Engine) -> None:
        self.follower = Follower(engine, "c", lambda number, line: self.append((number, line)))  # type: ignore[arg-type]

    @property
    def lines(self) -> list[bytes]:
        return [line for _, line in self]


def stamp(number: int) -> bytes:
    return b"2026-01-01T00:00:00.%09dZ " % number


def entries(first: int, end: int) -> list[Entry]:
    return [(STDERR, stamp(number) + b"%d\n" % number) for number in range(first, end)]


def numbers(first: int, end: int) -> list[bytes]:
    return [b"%d" % number for number in range(first, end)]


def test_lines_lose_their_timestamps_and_keep_their_streams() -> None:
    heard = Heard(Engine([(STDOUT, stamp(1) + b"a\n"), (STDERR, stamp(2) + b"b\n")]))
    heard.follower.read()
    assert heard == [(STDOUT, b"a"), (STDERR, b"b")]


def test_a_long_line_that_the_engine_cut_in_pieces_is_one_again() -> None:
    pieces = [(STDERR, stamp(1) + b"a" * 10), (STDERR, stamp(1) + b"b\n"), (STDERR, stamp(2) + b"c")]
    heard = Heard(Engine(pieces))
    heard.follower.read()
    heard.follower.finish()
    assert heard == [(STDERR, b"a" * 10 + b"b"), (STDERR, b"c")]


@pytest.mark.parametrize("more", [0, 1, 900, 1001, 40_000])
def test_after_a_broken_connection_no_line_comes_twice_and_none_is_missing(more: int) -> None:
    engine = Engine(entries(0, 5000), broken=True)
    heard = Heard(engine)
    with pytest.raises(ConnectionError):
        heard.follower.read()
    engine.holds += entries(5000, 5000 + more)
    heard.follower.read()
    heard.follower.read()
    assert heard.lines == numbers(0, 5000 + more)


def test_a_connection_that_breaks_within_a_long_line_loses_and_doubles_none_of_its_pieces() -> None:
    engine = Engine([(STDERR, stamp(1) + b"same")] * 2, broken=True)
    heard = Heard(engine)
    with pytest.raises(ConnectionError):
        heard.follower.read()
    engine.holds += [(STDERR, stamp(1) + b"same"), (STDERR, stamp(1) + b" end\n")]
    heard.follower.read()
    assert heard.lines == [b"samesamesame end"]


def test_lines_that_the_two_streams_brought_out_of_order_are_all_there() -> None:
    engine = Engine([(STDOUT, stamp(5) + b"a\n"), (STDERR, stamp(9) + b"b\n")], broken=True)
    heard = Heard(engine)
    with pytest.raises(ConnectionError):
        heard.follower.read()
    engine.holds += [(STDOUT, stamp(7) + b"c\n"), (STDOUT, stamp(9) + b"d\n")]
    heard.follower.read()
    assert heard.lines == [b"a", b"b", b"c", b"d"]


def test_lines_after_a_clock_that_was_set_back_are_all_there() -> None:
    engine = Engine(entries(500, 510))
    heard = Heard(engine)
    heard.follower.read()
    engine.holds += entries(0, 5)
    heard.follower.read()
    assert heard.lines == numbers(500, 510) + numbers(0, 5)


def test_a_log_is_not_followed_to_where_the_engine_begins_a_new_file() -> None:
    """There the engine brings lines twice, or none for a while."""
    text = b"x" * 999_000
    first = [(STDOUT, stamp(number) + text + b"\n") for number in range(100)]
    engine = Engine(first + first)
    engine.holds = first
    heard = Heard(engine)
    heard.follower.read()
    assert heard.lines == [text] * 100
    assert [asked["follow"] for asked in engine.asked] == [1, 0]
    assert 100 * len(text) > LOG_FILE_BYTES


def test_where_the_engine_dropped_lines_before_they_were_read_the_log_says_so_once() -> None:
    engine = Engine(entries(0, 100))
    heard = Heard(engine)
    heard.follower.read()
    engine.holds = entries(2000, 7000)
    assert heard.follower.read(), "so many may be followed by more"
    assert not heard.follower.read()
    assert heard.lines == [*numbers(0, 100), MISSING, *numbers(2000, 7000)]
