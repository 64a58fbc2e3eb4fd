"""``dltpod runs``, and which runs are meant by a time and by failure."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from launcher import cli
from launcher.commands.runs import screen
from launcher.console.summary import summary
from launcher.runs.history import FAILED, INTERRUPTED, OK, STOPPED, History, RunRecord, failing
from runner.contract import FailureKind, interval

Capture = pytest.CaptureFixture[str]
ENTRY = "- {name: %s, dlt_native: {source_module: m, source_function: f}}\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "sources.yml").write_text("sources:\n" + "".join(ENTRY % name for name in ("a", "b", "c")))
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DLTPOD_FILE", raising=False)
    return tmp_path


def ran(folder: Path, source: str, age: timedelta, **fields: Any) -> str:
    """A run that began so long ago; its id."""
    began = datetime.now(timezone.utc) - age
    run_id = f"{source}-{age.total_seconds():.0f}"
    started = began.strftime("%Y-%m-%dT%H:%M:%S.000Z")
    values = {"status": OK, **fields}
    History(folder / ".dltpod").write(RunRecord(run_id, source, started=started, **values))
    return run_id


def listed(capsys: Capture, *arguments: str) -> list[str]:
    capsys.readouterr()
    assert cli.main(["runs", "--json", *arguments]) == 0
    return [record["run_id"] for record in json.loads(capsys.readouterr().out)]


def test_since_takes_a_duration_a_date_or_a_time(folder: Path, capsys: Capture) -> None:
    old, new = ran(folder, "a", timedelta(days=3)), ran(folder, "a", timedelta(minutes=5))
    assert listed(capsys) == [new, old]
    assert listed(capsys, "--since", "1h") == [new]
    assert listed(capsys, "a", "--since", "4d") == [new, old]
    assert listed(capsys, "b", "--since", "4d") == []
    two_days_ago = (datetime.now() - timedelta(days=2)).date().isoformat()
    assert listed(capsys, "--since", two_days_ago) == [new]
    an_hour_ago = datetime.now(timezone.utc) - timedelta(hours=1)
    assert listed(capsys, "--since", an_hour_ago.isoformat()) == [new]
    assert listed(capsys, "--since", an_hour_ago.isoformat().replace("+00:00", "Z")) == [new]


def test_since_shows_all_of_them_unless_a_number_is_given(folder: Path, capsys: Capture) -> None:
    for minutes in range(25):
        ran(folder, "a", timedelta(minutes=minutes))
    assert len(listed(capsys)) == 20
    assert len(listed(capsys, "--since", "1h")) == 25
    assert len(listed(capsys, "--since", "1h", "-n", "3")) == 3


ILL_FIELDS: dict[str, Any] = {
    "status": FAILED,
    "failure_kind": FailureKind.EXTRACT,
    "message": "resource 'orders' failed: KeyError: 'id' at custom_sources/shop.py:5, in rows: yield x['id']",
    "seconds": 65.0,
    "peak_memory": 180 << 20,
}


def records(folder: Path) -> tuple[RunRecord, ...]:
    ran(folder, "orders_api", timedelta(minutes=5), **ILL_FIELDS)
    stopped = {"status": STOPPED, "failure_kind": FailureKind.CANCELLED, "message": "stopped as asked"}
    ran(folder, "tickets", timedelta(minutes=6), **stopped)
    ran(folder, "shop", timedelta(minutes=7), rows={"orders": 1_234_567}, seconds=3.0, peak_memory=1 << 20)
    return History(folder / ".dltpod").runs()


@pytest.mark.parametrize("width", [80, 140, None])
def test_the_table_of_runs_fits_the_terminal(folder: Path, width: int | None) -> None:
    text = screen(records(folder), width)
    lines = text.splitlines()
    assert width is None or max(map(len, lines)) <= width
    assert "1,234,567" in text and "3.0 s" in text
    assert ("failed   extract" in text) and "stopped" in text and "cancelled" not in text
    assert len(lines) == (6 if width == 80 else 4)
    assert "resource 'orders' failed: Ke" in text


def test_since_and_failed_go_together(folder: Path, capsys: Capture) -> None:
    ran(folder, "a", timedelta(days=3), status=FAILED)
    ran(folder, "a", timedelta(minutes=5))
    ill = ran(folder, "b", timedelta(minutes=5), status=FAILED)
    assert listed(capsys, "--since", "1d", "--failed") == [ill]


@pytest.mark.parametrize("when", ["yesterday", "0s", "2026-13-01", "999999d"])
def test_a_time_that_is_none_is_told_with_what_it_takes(folder: Path, capsys: Capture, when: str) -> None:
    assert cli.main(["runs", "--since", when]) == 2
    assert "--since 24h" in capsys.readouterr().err


def test_a_source_fails_where_its_last_sync_did_whatever_else_was_tried(folder: Path) -> None:
    ran(folder, "a", timedelta(hours=2), status=FAILED)
    ran(folder, "a", timedelta(hours=1))
    ran(folder, "b", timedelta(hours=2))
    ill = ran(folder, "b", timedelta(hours=1), status=FAILED)
    ran(folder, "b", timedelta(minutes=9), action="check")
    ran(folder, "b", timedelta(minutes=8), limit=1)
    ran(folder, "b", timedelta(minutes=7), status=STOPPED)
    cut = ran(folder, "c", timedelta(hours=1), status=INTERRUPTED)
    found = failing(History(folder / ".dltpod"), ["a", "b", "c", "never"])
    assert {name: record.run_id for name, record in found.items()} == {"b": ill, "c": cut}


def test_sync_failed_has_nothing_to_do_where_nothing_failed(folder: Path, capsys: Capture) -> None:
    ran(folder, "a", timedelta(hours=1), status=FAILED)
    ran(folder, "b", timedelta(hours=1))
    assert cli.main(["sync", "--failed", "b"]) == 0
    assert "no source's last run failed" in capsys.readouterr().err
    assert cli.main(["sync", "--failed", "nobody"]) == 2


def test_a_backfill_shows_which_interval_each_step_had(folder: Path) -> None:
    step = interval("2024-01-01", "2024-01-02")
    ran(folder, "a", timedelta(minutes=5), interval=step)
    ran(folder, "a", timedelta(minutes=4), interval=step, status=FAILED, message="it broke")
    broke, well = screen(History(folder / ".dltpod").runs(), None).splitlines()[1:]
    assert well.endswith("2024-01-01T00:00:00Z to 2024-01-02T00:00:00Z")
    assert "2024-01-01T00:00:00Z to 2024-01-02T00:00:00Z: it broke" in broke
    ok = next(run for run in History(folder / ".dltpod").runs() if run.status == OK)
    assert "    interval 2024-01-01T00:00:00Z to 2024-01-02T00:00:00Z" in summary([ok])[0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--every", "1d"], "every (--every) goes with an interval (--from and --to)"),
        (["--again"], "again (--again) goes with an interval (--from and --to)"),
        (["--from", "2024-01-01"], "an interval has two ends: its end (--to) is missing"),
        (["--from", "2024-01-01", "--to", "2024-01-02", "--limit", "1"], "a limit (--limit) goes with no"),
        (["--from", "2024-01-01", "--to", "2024-01-02", "--full-refresh"], "a full refresh (--full-refresh)"),
    ],
)
def test_options_that_do_not_fit_an_interval_are_refused(
    folder: Path, capsys: Capture, options: list[str], message: str
) -> None:
    assert cli.main(["sync", "a", *options]) == 2
    assert capsys.readouterr().err.startswith(f"error: {message}")
