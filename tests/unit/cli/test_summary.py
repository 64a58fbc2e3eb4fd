"""What is said at the end of a sync."""

from __future__ import annotations

from dataclasses import replace

import pytest

from launcher.config.units import size
from launcher.console.summary import failure, one, several, summary
from launcher.console.text import ago, seconds
from launcher.untrusted import clean
from runner.contract import FailureKind
from tests.unit.cli.records import ILL, WELL


@pytest.fixture(autouse=True)
def _called_as_dltpod(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("launcher.console.summary.own_command", lambda: "dltpod")


def test_a_run_that_went_well_shows_tables_rows_time_place_and_the_line_to_look() -> None:
    assert one(WELL) == (
        "ok  shop in 7.2 s: 6,963 rows\n"
        "\n"
        "    table         rows\n"
        "    orders       2,000\n"
        "    order_lines  4,963\n"
        "\n"
        "    time     start 0.4 s · extract 5.0 s · load 1.9 s\n"
        "    cursor   orders.ordered_at = 2026-01-01\n"
        "    data     data/warehouse.duckdb, dataset raw_shop\n"
        "    look at  dltpod show shop"
    )


def test_a_later_run_of_an_incremental_source_says_that_only_new_rows_were_loaded() -> None:
    assert "only what is new since the last run, 6,963 rows" in one(replace(WELL, first_run=False))
    assert "nothing new since the last run" in one(replace(WELL, first_run=False, rows={}))


def test_a_full_refresh_says_that_it_started_over() -> None:
    assert "started over, 6,963 rows" in one(replace(WELL, first_run=False, full_refresh=True))


def test_a_limited_run_says_that_its_rows_are_in_a_dataset_of_their_own() -> None:
    text = one(replace(WELL, limit=1))
    assert "limited to" in text
    assert "look at" not in text


def test_rows_on_a_volume_of_a_cluster_are_not_to_be_looked_at_from_here() -> None:
    text = one(replace(WELL, location="data/warehouse.duckdb in the volume claim dltpod-acme-shop-state"))
    assert "data     data/warehouse.duckdb in the volume claim dltpod-acme-shop-state, dataset" in text
    assert "look at" not in text


def test_a_failure_is_three_lines_and_names_the_log() -> None:
    assert failure(ILL) == (
        "error: jira: api_key is missing\n"
        "  hint: add it to .dlt/secrets.toml\n"
        "  log:  dltpod logs jira  (secrets missing)"
    )


def test_several_sources_are_a_table_and_what_went_wrong_goes_to_standard_error() -> None:
    out, err = summary([WELL, ILL])
    assert out == several([WELL, ILL])
    assert "1 ok, 1 failed, 6,963 rows" in out
    assert "data     data/warehouse.duckdb, dataset raw_shop\nlook at  dltpod show NAME" in out
    assert err == failure(ILL)
    assert summary([WELL]) == (one(WELL), "")
    assert summary([ILL]) == ("", failure(ILL))


STOPPED_RUN = replace(
    ILL, source="crm", status="stopped", failure_kind=FailureKind.CANCELLED, message="stopped as asked"
)


def test_a_run_that_was_stopped_is_not_called_failed() -> None:
    assert failure(STOPPED_RUN).startswith("stopped: crm: stopped as asked\n")
    lines = several([WELL, ILL, STOPPED_RUN]).splitlines()
    assert lines[2].split() == ["jira", "failed", "secrets", "missing", "1.0", "s"]
    assert lines[3].split() == ["crm", "stopped", "1.0", "s"]
    assert "1 ok, 1 failed, 1 stopped, 6,963 rows" in lines


@pytest.mark.parametrize("width", [80, 140])
def test_a_summary_breaks_no_word_and_no_step_at_the_terminals_edge(
    width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("launcher.console.summary.columns", lambda stream=None: width)
    steps = dict.fromkeys(("start", "restore", "wait", "extract", "normalize", "load"), 123.0)
    note = "this destination keeps no state: should the state directory be lost, rows may arrive twice"
    text = one(replace(WELL, phases=steps, notes=(note,)))
    assert max(map(len, text.splitlines())) <= width
    assert "normalize 2 min 03 s" in text
    assert " ".join(text.split()).endswith(note)
    told = failure(replace(ILL, message="word " * 60)).splitlines()
    assert max(map(len, told)) <= width
    many = several([replace(WELL, source="a" * 40), replace(ILL, source="b" * 40)])
    assert max(map(len, many.splitlines())) <= width


def test_a_source_is_named_once() -> None:
    told = failure(replace(ILL, message="source 'jira': base image x does not exist"))
    assert told.splitlines()[0] == "error: jira: base image x does not exist"


def test_what_steers_a_terminal_is_taken_out_of_log_lines() -> None:
    assert clean.line("\x1b[2J\x1b]0;title\x07a\tb\x9b31mc") == "0;titlea    bc"


@pytest.mark.parametrize(
    ("value", "text"), [(0.04, "0.0 s"), (9.96, "10 s"), (59.7, "1 min 00 s"), (3725, "1 h 02 min")]
)
def test_durations_read_naturally(value: float, text: str) -> None:
    assert seconds(value) == text


def test_sizes_read_naturally() -> None:
    assert [size(n) for n in (None, 900, 180 << 20, 2 << 30)] == ["", "900 B", "180 MiB", "2.0 GiB"]


def test_an_old_time_is_told_in_days() -> None:
    assert ago("2020-01-01T00:00:00Z").endswith(" days ago")
