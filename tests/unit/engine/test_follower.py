"""The log is read to its end over as many connections as it takes, each line once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from launcher.engines.docker_logs import STDERR, STDOUT, Follower


class Stream:
    """Answers the logs call from a script of connections; a cut one breaks."""

    base_url = "http+docker://localhost"
    api_version = "1.41"

    def __init__(self, connections: list[tuple[list[tuple[int, bytes]], bool]]) -> None:
        self.connections = connections
        self.asked: list[dict[str, Any]] = []

    def get(self, url: str, params: dict[str, Any], stream: bool, timeout: None) -> Stream:
        self.asked.append(params)
        return self

    def raise_for_status(self) -> None:
        pass

    def close(self) -> None:
        pass

    def iter_content(self, chunk_size: None) -> Iterator[bytes]:
        entries, broken = self.connections.pop(0)
        for stream, text in entries:
            yield bytes([stream, 0, 0, 0]) + len(text).to_bytes(4, "big") + text
        if broken:
            raise ConnectionError


def stamp(second: int) -> bytes:
    return b"2026-01-01T00:00:%02d.000000001Z " % second


def follow(connections: list[tuple[list[tuple[int, bytes]], bool]]) -> tuple[list[tuple[int, bytes]], Stream]:
    lines: list[tuple[int, bytes]] = []
    stream = Stream(connections)
    follower = Follower(stream, "c", lambda number, line: lines.append((number, line)))  # type: ignore[arg-type]
    for _, broken in list(connections):
        if broken:
            with pytest.raises(ConnectionError):
                follower.read()
        else:
            follower.read()
    follower.finish()
    return lines, stream


def test_lines_lose_their_timestamps_and_keep_their_streams() -> None:
    lines, _ = follow([([(STDOUT, stamp(1) + b"a\n"), (STDERR, stamp(2) + b"b\n")], False)])
    assert lines == [(STDOUT, b"a"), (STDERR, b"b")]


def test_a_long_line_that_the_engine_cut_in_pieces_is_one_again() -> None:
    entries = [(STDERR, stamp(1) + b"a" * 10), (STDERR, stamp(1) + b"b\n"), (STDERR, stamp(2) + b"c")]
    assert follow([(entries, False)])[0] == [(STDERR, b"a" * 10 + b"b"), (STDERR, b"c")]


def test_after_a_broken_connection_no_line_comes_twice_and_none_is_missing() -> None:
    first = [(STDERR, stamp(1) + b"a\n"), (STDERR, stamp(2) + b"b\n")]
    again = [(STDERR, stamp(2) + b"b\n"), (STDERR, stamp(3) + b"c\n")]
    lines, stream = follow([(first, True), (again, False)])
    assert [line for _, line in lines] == [b"a", b"b", b"c"]
    assert stream.asked[1]["since"] == "1767225602.000000001"
