"""A run's log and the sorting of its lines."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from launcher.engines.docker.logs import STDERR, STDOUT, frames
from launcher.engines.log import CUT_OFF, LogFile, Sorter, drain
from launcher.runs.log_files import prune
from launcher.untrusted.answers import MOST_NOTES

TOKEN = "0123456789abcdef"


class Heard:
    def __init__(self, folder: Path) -> None:
        self.events: list[Mapping[str, Any]] = []
        self.lines: list[str] = []
        self.file = LogFile(folder / "run.log")
        self.sorter = Sorter(TOKEN, self.file, self.events.append, self.lines.append)

    def text(self) -> str:
        self.file.flush()
        return (self.file._file).read_text()


@pytest.fixture
def heard(tmp_path: Path) -> Iterable[Heard]:
    found = Heard(tmp_path)
    yield found
    found.file.close()


def event(**fields: Any) -> bytes:
    return json.dumps({"token": TOKEN, **fields}).encode()


def test_an_event_is_told_without_its_token_and_stays_out_of_the_log(heard: Heard) -> None:
    heard.sorter.line(STDOUT, event(event="phase", phase="load"))
    assert heard.events == [{"event": "phase", "phase": "load"}]
    assert heard.text() == ""


def test_an_event_in_a_pods_log_begins_with_a_mark_for_people(heard: Heard) -> None:
    heard.sorter.line(STDOUT, b"dltpod-event " + event(event="phase", phase="load"))
    heard.sorter.line(STDOUT, b'dltpod-event {"token": "another", "event": "phase", "phase": "extract"}')
    assert heard.events == [{"event": "phase", "phase": "load"}]
    assert heard.text() == 'dltpod-event {"token": "another", "event": "phase", "phase": "extract"}\n'


@pytest.mark.parametrize(
    "line",
    [
        b'{"token": "another", "event": "result", "result": {"status": "ok", "exit_code": 0}}',
        b'{"event": "phase"}',
        TOKEN.encode() + b" no JSON",
        b"",
        b"[1, 2]",
        b"\xff\xfe binary",
    ],
)
def test_a_line_without_the_runs_token_is_a_log_line(heard: Heard, line: bytes) -> None:
    heard.sorter.line(STDOUT, line)
    assert heard.events == []
    assert heard.lines == [line.decode("utf-8", "replace")]


def test_an_event_on_the_sources_own_stream_is_a_log_line(heard: Heard) -> None:
    heard.sorter.line(STDERR, event(event="phase"))
    assert heard.events == []


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (b"\r 10%\r 20%", [" 10%", " 20%"]),
        (b"windows\r", ["windows"]),
        (b"", [""]),
        (b"\r", [""]),
        (b"\x1b[2Jred\xc2\x9b1m\xe2\x80\xae", ["red"]),
    ],
)
def test_a_log_line_is_told_clean_and_kept_as_it_came(heard: Heard, line: bytes, told: list[str]) -> None:
    heard.sorter.line(STDERR, line)
    assert heard.lines == told
    heard.file.flush()
    assert heard.file._file.read_bytes() == line + b"\n"


def test_an_event_that_does_not_fit_is_dropped_and_the_next_is_told(heard: Heard) -> None:
    for rows in ([1], {"a": "b"}, {"a": 1}):
        heard.sorter.line(STDOUT, event(event="progress", rows=rows))
    assert heard.events == [{"event": "progress", "rows": {"a": 1}}]
    assert heard.text() == ""


def test_of_a_flood_of_notes_the_first_are_told(heard: Heard) -> None:
    for number in range(3 * MOST_NOTES):
        heard.sorter.line(STDOUT, event(event="note", text=f"n{number}"))
    heard.sorter.line(STDOUT, event(event="progress", rows={"a": 1}))
    assert len(heard.events) == MOST_NOTES + 2
    assert heard.events[0]["text"] == "n0"
    assert "no further notes" in heard.events[-2]["text"]


def test_a_traceback_goes_to_the_log_file_and_to_no_terminal(heard: Heard) -> None:
    heard.sorter.line(STDOUT, event(event="traceback", text="Traceback …\n  ValueError: no ref"))
    assert (heard.events, heard.lines) == ([], [])
    assert heard.text() == "Traceback …\n  ValueError: no ref\n"


def test_the_result_event_stands_in_for_a_result_file_that_is_lost(heard: Heard) -> None:
    heard.sorter.line(STDOUT, event(event="result", result={"status": "ok", "exit_code": 0}))
    assert heard.sorter.result is not None
    assert heard.sorter.result.status == "ok"


def test_a_log_that_grows_too_long_keeps_its_newest_lines(tmp_path: Path) -> None:
    log = LogFile(tmp_path / "run.log", size=1000, keep=3)
    for number in range(1000):
        log.write(b"%05d" % number)
    log.close()
    kept = sorted(file.name for file in tmp_path.iterdir())
    assert kept == ["run.log", "run.log.1", "run.log.2"]
    lines = [n for name in reversed(kept) for n in (tmp_path / name).read_text().split()]
    assert lines == [f"{n:05d}" for n in range(1000 - len(lines), 1000)]
    assert sum(file.stat().st_size for file in tmp_path.iterdir()) < 3100


def test_a_log_that_is_not_read_to_its_end_says_that_lines_may_be_missing(tmp_path: Path) -> None:
    log, over = LogFile(tmp_path / "run.log"), threading.Event()
    reader = threading.Thread(target=over.wait)
    reader.start()
    log.write(b"the last line that was read")
    drain(reader, lambda: 1, lambda: True, log)
    over.set()
    drain(reader, lambda: 1, lambda: False, log)
    log.close()
    assert (tmp_path / "run.log").read_bytes().splitlines() == [b"the last line that was read", CUT_OFF]


def test_a_second_attempt_appends_to_the_log(tmp_path: Path) -> None:
    for text in (b"first", b"second"):
        log = LogFile(tmp_path / "run.log")
        log.write(text)
        log.close()
    assert (tmp_path / "run.log").read_text() == "first\nsecond\n"


@given(
    st.lists(st.tuples(st.sampled_from([1, 2]), st.binary(max_size=300)), max_size=20),
    st.lists(st.integers(1, 50), min_size=1),
)
def test_frames_come_out_whole_however_the_stream_is_cut(
    sent: list[tuple[int, bytes]], cuts: list[int]
) -> None:
    raw = b"".join(bytes([s, 0, 0, 0]) + len(t).to_bytes(4, "big") + t for s, t in sent)
    chunks, at, turn = [], 0, 0
    while at < len(raw):
        step = cuts[turn % len(cuts)]
        chunks.append(raw[at : at + step])
        at, turn = at + step, turn + 1
    assert list(frames(chunks)) == sent


def test_a_torn_last_frame_is_left_out() -> None:
    assert list(frames([b"\x01\0\0\0\0\0\0\x02ok\x01\0\0\0\0\0\0\x09to"])) == [(1, b"ok")]


def test_the_logs_of_the_newest_runs_are_kept_with_all_their_parts(tmp_path: Path) -> None:
    for number in range(5):
        for suffix in ("", ".1", ".2"):
            (tmp_path / f"2026010{number}-000000-aa.log{suffix}").write_text("x")
    prune(tmp_path, keep=2)
    assert sorted({file.name[:8] for file in tmp_path.iterdir()}) == ["20260103", "20260104"]
    assert len(list(tmp_path.iterdir())) == 6
    prune(tmp_path / "missing")
