"""Thousands of mutations of real results, events and records: never an unexpected exception."""

from __future__ import annotations

import copy
import io
import json
import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import click
import pytest

from launcher.commands.runs import _row
from launcher.console.lines import Lines
from launcher.console.live import Live
from launcher.console.stream import Stream, plain
from launcher.console.summary import summary
from launcher.engines.docker.logs import STDOUT
from launcher.engines.ending import ContainerExit, conclude
from launcher.engines.log import LogFile, Sorter
from launcher.report.page import page
from launcher.runs.history import DAMAGED, History, RunRecord
from launcher.runs.run import begin, finish
from launcher.runs.webhook import event_for, payload
from launcher.untrusted import answers
from runner.contract import Failure, FailureKind, Result, Verdict, to_json
from tests.unit.cli.records import ILL, WELL
from tests.unit.engine.builders import plan, source

TOKEN = "0123456789abcdef"
ESC = "\x1b]0;t\x07\x1b[2J\x9b1m\u202e\r\n\u2028"
RESULTS = [
    Result(
        "ok",
        0,
        rows={"orders": 3, "users": 0},
        seconds={"start": 0.1, "load": 2.5},
        load_ids=("1.5", "1.6"),
        resumed_load_ids=("1.4",),
        bytes=12345,
        notes=("a note", "another"),
        cursors={"orders.at": "2026-01-01"},
        first_run=True,
        dataset="raw",
        location="data/x.duckdb",
        versions={"dlt": "1.31.0", "python": "3.13.1"},
        verdicts=(Verdict("module", True, "found"),),
        run_id="r",
    ),
    Result("failed", 1, failure=Failure(FailureKind.EXTRACT, "it broke", "mend it", True), run_id="r"),
    Result("failed", 78, failure=Failure(FailureKind.SECRETS_MISSING, "no key", "add:\n[a]\nkey = 1")),
]
EVENTS: list[dict[str, Any]] = [
    {"event": "phase", "phase": "extract"},
    {"event": "progress", "rows": {"orders": 3, "users": 9}},
    {"event": "note", "text": "a note"},
    {"event": "traceback", "text": "Traceback\n  line\nError: x"},
    *({"event": "result", "result": json.loads(to_json(result))} for result in RESULTS),
]
POISON: list[Any] = [
    *(None, True, False, -1, 0, 1, 256, 2**63, 10**30, "HUGE", 0.5, -0.0, 1e308),
    *(float("nan"), float("inf"), float("-inf"), "", "ok", "failed", "extract", "1", ESC, "x" * 5000),
    *("\ud800", "\x00", [], {}, [[]], [None], ["a", 1], {"a": 1}, {"a": "b"}, {"a": None}, {ESC: ESC}),
    {"\ud800": 1},
    {f"t{n}": n for n in range(50)},
]


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every container within a value, with each of its keys."""
    found: list[tuple[Any, Any]] = []
    keys: Any = value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        found += [(value, key), *places(value[key])]
    return found


def mutated(chance: random.Random, value: Any) -> Any:
    """A value with one to three places changed, gone, renamed or filled with another."""
    value = copy.deepcopy(value)
    for _ in range(chance.randint(1, 3)):
        there = places(value)
        if not there:
            break
        holder, key = chance.choice(there)
        deed = chance.randrange(6)
        if deed == 0:
            del holder[key]
        elif deed == 1 and isinstance(holder, dict):
            holder[str(chance.choice([ESC, "", "status", "rows", "\ud800", "x" * 2000]))] = holder.pop(key)
        elif deed == 2:
            holder[key] = copy.deepcopy(chance.choice([v[k] for v, k in there]))
        else:
            holder[key] = copy.deepcopy(chance.choice(POISON))
    return value


def written(chance: random.Random, value: Any) -> bytes:
    """Its JSON, now and then with bytes changed, gone or doubled."""
    plain = json.dumps(value, ensure_ascii=chance.random() < 0.5).encode("utf-8", "surrogatepass")
    text = bytearray(plain.replace(b'"HUGE"', b"9" * 5000))
    if chance.random() < 0.25:
        for _ in range(chance.randint(1, 4)):
            at = chance.randrange(len(text) + 1)
            text[at : at + chance.randrange(4)] = chance.choice(
                [b"", b"\xff", b"\x00", b'"', b"{", b"}", b"[[", b",", b"9" * 30, b"\\ud800", b"NaN"]
            )
    return bytes(text)


@pytest.fixture
def chance() -> random.Random:
    return random.Random(20260101)


@pytest.fixture
def no_escape(capsys: pytest.CaptureFixture[str]) -> Iterator[None]:
    """Nothing that was printed can steer a terminal."""
    yield
    captured = capsys.readouterr()
    text = captured.out + captured.err
    assert text
    steering = {*map(chr, range(9)), *map(chr, range(11, 32)), *map(chr, range(127, 160)), *"\u2028\u202e"}
    assert not steering & set(text)


def told(record: RunRecord) -> None:
    """All that is ever said of a record."""
    for text in (*summary([record]), *summary([record, WELL]), *_row(record)):
        click.echo(text)
    stream = Stream()
    stream.ended(record)
    stream.summary([record], 1)
    Lines([record.source]).ended(record)
    json.dumps(plain(record))
    event = event_for(record, WELL)
    if event is not None:
        json.dumps(payload("acme", event, record), ensure_ascii=False).encode()


@pytest.mark.usefixtures("no_escape")
def test_a_mutated_result_is_a_run_that_can_be_told_kept_and_read_back(
    tmp_path: Path, chance: random.Random
) -> None:
    history = History(tmp_path)
    begun = begin(plan(tmp_path), "docker")
    kept: dict[str, RunRecord] = {}
    fit = 0
    for number in range(3000):
        result = answers.result(written(chance, mutated(chance, json.loads(to_json(chance.choice(RESULTS))))))
        fit += result is not None
        if result is not None or number % 50 == 0:
            ended = conclude(ContainerExit(chance.choice([0, 1, 137, None])), result)
            record = replace(begun, run_id=f"r{number}", source="shop")
            record = finish(record, ended, attempts=1, seconds=1.0)
            assert (result is None) <= (record.status == "failed")
            told(record)
            if number % 5 == 0:
                history.write(record)
                kept[record.run_id] = record
    assert 200 < fit < 2800
    found = history.runs(limit=None)
    assert {record.run_id: record for record in found} == kept
    page("acme", [source("shop")], found, datetime.now(timezone.utc)).encode()


@pytest.mark.usefixtures("no_escape")
def test_the_view_goes_on_whatever_the_events_are(tmp_path: Path, chance: random.Random) -> None:
    live, views = Live(["shop", "jira"]), [Lines(["shop", "jira"]), Stream()]
    live._console.file = io.StringIO()
    heard = []

    def event(data: Any) -> None:
        heard.append(data)
        for view in (live, *views):
            view.event("shop", data)

    def log(line: str) -> None:
        for view in (live, *views):
            view.log("shop", line)

    file = LogFile(tmp_path / "run.log")
    for _ in range(5000):
        sorter = Sorter(TOKEN, file, event, log)
        whole = chance.choice(EVENTS)
        line = {"token": TOKEN, **(mutated(chance, whole) if chance.random() < 0.7 else whole)}
        sorter.line(STDOUT, written(chance, line).replace(b"\n", b""))
    live._console.print(live._table())
    file.close()
    assert 500 < len(heard) < 4500


@pytest.mark.usefixtures("no_escape")
def test_a_mutated_record_is_read_or_damaged_and_can_be_told(tmp_path: Path, chance: random.Random) -> None:
    history = History(tmp_path)
    history.write(WELL)
    columns = ("run_id", "source", "status", "started", "launcher", "record")
    values = [None, 5, 1.5, b"\xff\x00", "", ESC, "\ud7ff", 2**62, "9999-12-31T00:00:00Z", "ok", "running"]
    count = 2000
    with closing(sqlite3.connect(history.file)) as connection:
        for number in range(count):
            record = replace(chance.choice([WELL, ILL]), run_id=f"r{number}")
            text: Any = written(chance, mutated(chance, asdict(record)))
            text = text.decode("utf-8", "replace") if chance.random() < 0.7 else text
            row = [record.run_id, record.source, record.status, record.started, record.launcher, text]
            if chance.random() < 0.3:
                row[chance.randrange(1, 5)] = chance.choice(values[1:])
            marks = ", ".join("?" * len(columns))
            connection.execute(f"INSERT INTO runs ({', '.join(columns)}) VALUES ({marks})", row)
        connection.commit()
    found = history.runs(limit=None)
    assert len(found) == count + 1
    assert WELL in found
    assert 200 < sum(record.status == DAMAGED for record in found) < count
    for record in found:
        told(record)
    history.reconcile(lambda launcher: False)
    page("acme", [source("shop")], found, datetime.now(timezone.utc)).encode()
