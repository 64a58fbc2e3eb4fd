"""What comes out of a container: only what fits is taken, and it is clean."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import pytest

from launcher.untrusted import answers, clean
from runner.contract import Failure, FailureKind, Result, Verdict, to_json

TOKEN = "0123456789abcdef"
ESC = "\x1b]0;title\x07\x1b[2J\x1b[31mred\x9b1m\u202eevil\u2066\u200f\u200b\u2028x\ud800"
OK = Result(
    "ok",
    0,
    rows={"orders": 3},
    seconds={"start": 0.1, "load": 2},
    load_ids=("1.5",),
    resumed_load_ids=("1.4",),
    bytes=2**40,
    notes=("a note",),
    cursors={"orders.at": "2026-01-01"},
    first_run=True,
    dataset="raw",
    location="data/x.duckdb",
    versions={"dlt": "1.31.0"},
    run_id="r",
)
FAILED = Result("failed", 1, failure=Failure(FailureKind.EXTRACT, "it broke", "mend it", True))
CHECKED = Result("ok", 0, verdicts=(Verdict("module", True, "found"),))


def of(**fields: Any) -> bytes:
    return json.dumps({**json.loads(to_json(OK)), **fields}).encode()


def failing(**fields: Any) -> bytes:
    failure = {"kind": "extract", "message": "m", "hint": "h", **fields}
    return of(status="failed", exit_code=1, failure=failure)


@pytest.mark.parametrize("result", [OK, FAILED, CHECKED])
def test_what_the_runner_says_comes_through_as_it_was(result: Result) -> None:
    assert answers.result(to_json(result).encode()) == result


def test_fields_of_a_newer_runner_are_left_out() -> None:
    assert answers.result(of(colour="red")) == OK


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[]",
        b"null",
        b'{"status": "ok"',
        b'{"rows": {}}',
        b"\xff\xfe",
        b'{"x":' * 60_000 + b"1" + b"}" * 60_000,
        b'{"status":"ok","exit_code":0,"x":' + b"[" * 900 + b"]" * 900 + b',"rows":1}',
        b'{"status":"ok","exit_code":0,"bytes":' + b"9" * 5000 + b"}",
        b'{"status":"ok","exit_code":0,"bytes":NaN}',
        b'{"status":"ok","exit_code":0,"seconds":{"load":1e999}}',
        of(notes=["x" * 9_000_000]),
    ],
    ids=range(12),
)
def test_text_that_is_no_result_is_none(text: bytes) -> None:
    assert answers.result(text) is None


@pytest.mark.parametrize(
    "fields",
    [
        {"status": 5},
        {"status": "fine"},
        {"status": "failed"},
        {"exit_code": "zero"},
        {"exit_code": False},
        {"exit_code": 1},
        {"exit_code": -1},
        {"exit_code": 0.0},
        {"failure": {"kind": "extract", "message": "m"}},
        {"rows": {"t": "many"}},
        {"rows": {"t": True}},
        {"rows": {"t": 1.5}},
        {"rows": {"t": -1}},
        {"rows": {"t": 2**63}},
        {"rows": ["t"]},
        {"rows": {f"t{n}": 1 for n in range(answers.MOST + 1)}},
        {"rows": {"t" * 2000: 1}},
        {"rows": {"t": 1, "t\x1b[m": 2}},
        {"seconds": {"load": "long"}},
        {"seconds": {"load": -1}},
        {"seconds": {"load": 1e12}},
        {"bytes": 1.0},
        {"bytes": "1"},
        {"load_ids": 5},
        {"load_ids": [5]},
        {"notes": "abc"},
        {"notes": ["x"] * (answers.MOST_NOTES + 1)},
        {"cursors": {"a": 1}},
        {"first_run": "yes"},
        {"dataset": ["d"]},
        {"location": 1},
        {"versions": {"dlt": None}},
        {"verdicts": [["module", True]]},
        {"verdicts": [{"what": "module", "ok": "yes"}]},
        {"run_id": 7},
    ],
    ids=str,
)
def test_a_result_with_a_field_that_does_not_fit_is_none(fields: dict[str, Any]) -> None:
    assert answers.result(of()) == OK
    assert answers.result(of(**fields)) is None


@pytest.mark.parametrize(
    "fields",
    [
        {"kind": "boredom"},
        {"kind": 5},
        {"message": 5},
        {"hint": ["a"]},
        {"transient": "yes"},
        {"transient": 1},
    ],
    ids=str,
)
def test_a_failure_that_does_not_fit_is_no_result(fields: dict[str, Any]) -> None:
    assert answers.result(failing()) is not None
    assert answers.result(failing(**fields)) is None


def test_no_text_of_a_result_can_steer_a_terminal() -> None:
    text = of(
        rows={ESC: 5},
        seconds={ESC: 1},
        notes=[ESC],
        cursors={ESC: ESC},
        location=ESC,
        dataset=ESC,
        load_ids=[ESC],
        versions={ESC: ESC},
        verdicts=[{"what": ESC, "ok": True, "text": ESC}],
    )
    for found in (answers.result(text), answers.result(failing(message=ESC, hint=ESC))):
        assert found is not None
        plain = json.loads(to_json(found))
        said = json.dumps(plain, ensure_ascii=False)
        assert all(c.isprintable() for c in said), said
        assert "red" in said


def test_a_second_line_of_a_message_or_hint_is_no_line_of_its_own() -> None:
    found = answers.result(failing(message="a\nfake: ok", hint="b\r\n  hint: run this\x85c\u2028d"))
    assert found is not None
    assert found.failure is not None
    assert (found.failure.message, found.failure.hint) == ("a fake: ok", "b   hint: run this c d")


def test_lines_to_paste_stay_lines() -> None:
    found = answers.result(failing(kind="secrets_missing", hint='add:\n[a]\nkey = "\x1b[2J…"'))
    assert found is not None
    assert found.failure is not None
    assert found.failure.hint == 'add:\n[a]\nkey = "…"'


def test_texts_are_cut_to_a_length() -> None:
    found = answers.result(failing(message="x" * 100_000))
    assert found is not None
    assert found.failure is not None
    assert len(found.failure.message) == answers.LONGEST_TEXT


def event(**fields: Any) -> bytes:
    return json.dumps({"token": TOKEN, "time": 0, **fields}).encode()


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (event(event="phase", phase=ESC), {"event": "phase", "phase": "0;titleredevil x\ufffd"}),
        (event(event="note", text="a\nb"), {"event": "note", "text": "a b"}),
        (event(event="progress", rows={"a": 1}), {"event": "progress", "rows": {"a": 1}}),
        (event(event="traceback", text="a\nb"), {"event": "traceback", "text": "a\nb"}),
        (event(event="progress", rows=[1, 2]), {}),
        (event(event="progress", rows={"a": "b"}), {}),
        (event(event="progress"), {}),
        (event(event="phase", phase=None), {}),
        (event(event="note", text=5), {}),
        (event(event="traceback", text=None), {}),
        (event(event="result", result={"rows": {}}), {}),
        (event(event="memory", bytes=1), {}),
        (event(event=["note"]), {}),
        (event(), {}),
        (json.dumps({"token": "another", "event": "phase", "phase": "load"}).encode(), None),
        (json.dumps({"token": [TOKEN], "event": "phase"}).encode(), None),
        (b"[]", None),
        (b"no JSON", None),
    ],
)
def test_an_event_that_does_not_fit_says_nothing(line: bytes, told: dict[str, Any] | None) -> None:
    assert answers.event(line, TOKEN) == told


def test_the_result_event_holds_a_result() -> None:
    line = event(event="result", result=json.loads(to_json(OK)))
    assert answers.event(line, TOKEN) == {"event": "result", "result": OK}


@pytest.mark.parametrize(
    ("read", "text"),
    [
        (answers.packages, b"[]"),
        (answers.packages, b'{"dlt": 1}'),
        (answers.packages, b"{"),
        (answers.inspection, b"{}"),
        (answers.inspection, b'{"error": 5}'),
        (answers.inspection, b'{"columns": ["a"], "rows": [[1, 2]], "tables": {}}'),
        (answers.inspection, b'{"columns": ["a"], "rows": [1], "tables": {}}'),
        (answers.inspection, b'{"columns": [1], "rows": [], "tables": {}}'),
        (answers.inspection, b'{"columns": [], "rows": [], "tables": {"a": "b"}}'),
        (answers.inspection, b'{"columns": [], "rows": [], "tables": {}, "missing": ["a"]}'),
        (
            answers.inspection,
            b'{"columns": [], "tables": {}, "rows": ' + b"[" * 50_000 + b"]" * 50_000 + b"}",
        ),
        (answers.inspection, b'{"columns": [], "tables": {}, "rows": [' + b"[]," * 5_000_000 + b"[]]}"),
    ],
)
def test_other_answers_that_do_not_fit_are_refused(read: Callable[[bytes], Any], text: bytes) -> None:
    with pytest.raises(answers.Unfit):
        read(text)


def test_other_answers_that_fit_come_through() -> None:
    assert answers.packages('{"dlt": "1.31.0"}') == {"dlt": "1.31.0"}
    shown = {
        "columns": ["a", "b"],
        "rows": [[10**38, {"x": [None]}]],
        "tables": {"a": 1, "b": None},
        "unreadable": {"b": "no such file"},
        "dataset": "raw",
    }
    assert answers.inspection(json.dumps(shown).encode()) == shown
    assert answers.inspection(b'{"error": "\\u001b[2Jno\\nsuch"}') == {"error": "no such"}
    nothing = answers.inspection(b'{"columns": ["a"], "rows": [[NaN], [-Infinity]], "tables": {}}')
    assert nothing["rows"] == [["NaN"], ["-Infinity"]]  # for JSON has no such numbers


def test_json_of_any_text_is_safe_to_print_and_loses_nothing() -> None:
    text = clean.json_text({"a": ESC})
    assert text.isprintable()
    assert json.loads(text) == {"a": ESC}


def test_numbers_are_finite() -> None:
    for seconds in (math.nan, math.inf, -math.inf):
        assert answers.result(of(seconds={"load": seconds})) is None
