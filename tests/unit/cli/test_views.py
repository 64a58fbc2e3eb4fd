"""Progress: prefixed lines, the JSON stream and the live table."""

from __future__ import annotations

import json
import os
import re
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from launcher.console.dry import describe
from launcher.console.lines import Lines
from launcher.console.live import Live
from launcher.console.stream import Stream
from launcher.console.views import watching
from launcher.environment.values import Requirement
from launcher.runs.history import RunRecord
from runner.contract import FailureKind
from tests.unit.cli.records import ILL, WELL
from tests.unit.engine.builders import ENVIRONMENT, plan

EVENTS_PAGE = Path(__file__).parents[3] / "docs" / "events.md"


def test_lines_carry_the_name_of_their_source(capsys: pytest.CaptureFixture[str]) -> None:
    lines = Lines(["shop", "repo_commits"])
    lines.event("shop", {"event": "phase", "phase": "extract"})
    lines.log("repo_commits", "reading")
    lines.event("shop", {"event": "progress", "rows": {"a": 1000, "b": 1}})
    lines.event("shop", {"event": "phase", "phase": "load"})
    lines.ended(WELL)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines() == [
        "shop         · extract",
        "repo_commits | reading",
        "shop         · load (1,001 rows so far)",
        "shop         · ok: 6,963 rows in 7.2 s",
    ]


@pytest.mark.parametrize(
    ("dry_run", "line"),
    [
        (False, "shop · run 20260101-000000-abcdef in dltpod/source:1"),
        (True, "shop · would run in dltpod/source:1"),
    ],
)
def test_a_dry_run_says_what_would_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], dry_run: bool, line: str
) -> None:
    with watching(["shop"], dry_run=dry_run) as lines:
        lines.planned("shop", plan(tmp_path))
    assert capsys.readouterr().err == f"{line}\n"


def test_the_stream_is_json_lines_with_the_documented_fields(capsys: pytest.CaptureFixture[str]) -> None:
    stream = Stream()
    stream.say("shop", "building")
    stream.event("shop", {"event": "phase", "phase": "load", "token": "secret-token"})
    stream.event("shop", {"event": "result", "token": "secret-token"})
    stream.log("shop", "a line")
    stream.ended(ILL)
    stream.summary([WELL, ILL], 1)
    out = capsys.readouterr().out
    assert "secret-token" not in out
    lines = [json.loads(line) for line in out.splitlines()]
    assert [line["event"] for line in lines] == ["say", "phase", "log", "ended", "summary"]
    assert lines[3]["run"]["failure_kind"] == "secrets_missing"
    assert lines[4] | {"time": ""} == {
        "version": 1,
        "time": "",
        "event": "summary",
        "exit_code": 1,
        "rows": 6963,
        "sources": {"shop": "ok", "jira": "failed"},
    }


def test_a_plan_names_what_is_installed_without_being_asked_for_and_why(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    why = "for 'mysql+pymysql://', sources.yml:3 (crm)"
    made = plan(tmp_path)
    environment = replace(ENVIRONMENT, added=(Requirement("pymysql[rsa]", why),))
    planned = replace(made, image=replace(made.image, environment=environment))
    assert f"    adds         pymysql[rsa], {why}\n" in describe(planned)
    Stream().planned("crm", planned)
    assert json.loads(capsys.readouterr().out)["added"] == {"pymysql[rsa]": why}


def test_a_plan_says_what_is_worth_saying_of_its_image(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    note = "verified sources couldn't be asked for 'erp': no network"
    made = plan(tmp_path)
    environment = replace(ENVIRONMENT, notes=(note,))
    planned = replace(made, image=replace(made.image, environment=environment))
    assert f"    note         {note}\n" in describe(planned)
    Stream().planned("erp", planned)
    assert json.loads(capsys.readouterr().out)["notes"] == [note]


def test_the_page_on_events_names_every_field_of_a_run_and_every_failure_kind() -> None:
    text = EVENTS_PAGE.read_text()
    documented = set(re.findall(r"`([a-z_]+)`", text))
    fields = set(RunRecord.__dataclass_fields__) - {"launcher"}
    assert fields | {kind.value for kind in FailureKind} <= documented


def test_a_reader_that_goes_away_stops_neither_lines_nor_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w", buffering=1) as gone:
        monkeypatch.setattr(sys, "stdout", gone)
        monkeypatch.setattr(sys, "stderr", gone)
        stream, lines = Stream(), Lines(["shop"])
        for _ in range(2):
            stream.log("shop", "x")
            lines.log("shop", "x")
        assert stream._gone
        assert lines._gone
        monkeypatch.undo()
        with pytest.raises(BrokenPipeError):
            gone.write("x\n")
        os.dup2(os.open(os.devnull, os.O_WRONLY), writing)


def test_the_live_table_shows_phase_rows_and_memory_of_each_source() -> None:
    live = Live(["shop", "jira"])
    live.event("shop", {"event": "phase", "phase": "extract"})
    live.event("shop", {"event": "progress", "rows": {"orders": 1200}})
    live.event("shop", {"event": "memory", "bytes": 150 << 20})
    live.log("shop", "page 7")
    live.ended(ILL)
    with live._console.capture() as capture:
        live._console.print(live._table())
    lines = capture.get().splitlines()
    assert lines[1].split() == ["shop", "extract", "1,200", "0.0", "s", "150", "MiB", "page", "7"]
    assert lines[2].split() == ["jira", "failed", "1.0", "s", "secrets", "missing"]


@pytest.mark.parametrize("width", [80, 140])
def test_a_long_log_line_squeezes_no_column_of_the_live_table(width: int) -> None:
    live = Live(["orders_api", "tickets"])
    live._console = Console(width=width, force_terminal=False)
    for name in ("orders_api", "tickets"):
        live.event(name, {"event": "phase", "phase": "extract"})
        live.event(name, {"event": "progress", "rows": {"orders": 1_234_567}})
        live.event(name, {"event": "memory", "bytes": 150 << 20})
        live.log(
            name, "2026-11-26 15:25:32,882|[WARNING]|8|dlt|client.py|detect_paginator:373| " + "long " * 60
        )
    with live._console.capture() as capture:
        live._console.print(live._table())
    lines = capture.get().splitlines()
    assert len(lines) == 3
    assert max(map(len, lines)) <= width
    assert lines[1].split()[:6] == ["orders_api", "extract", "1,234,567", "0.0", "s", "150"]
    assert lines[1].rstrip().endswith("…")


def test_the_time_that_a_step_still_takes_is_told_where_its_whole_is_known() -> None:
    live = Live(["shop"])
    live.event("shop", {"event": "phase", "phase": "load"})
    live.event("shop", {"event": "progress", "rows": {}, "done": 30, "total": 90})
    row = live._rows["shop"]
    assert row.left is None  # too early to tell
    row.phase_began -= 60
    assert row.left == pytest.approx(120, rel=0.1)
    live.event("shop", {"event": "phase", "phase": "wait"})
    live.event("shop", {"event": "progress", "rows": {}, "done": 30, "total": 90})
    row.phase_began -= 60
    assert row.left is None


def test_a_pipe_gets_lines_and_json_gets_the_stream() -> None:
    with watching(["shop"]) as view:
        assert isinstance(view, Lines)
    with watching(["shop"], json=True) as view:
        assert isinstance(view, Stream)
