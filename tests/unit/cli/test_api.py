"""What Python programs get from ``from dltpod import …``, as far as no engine is needed."""

from __future__ import annotations

import copy
import dataclasses
import pickle
import subprocess
import sys
import textwrap
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import dltpod
from dltpod import AlreadyRunning, ConfigurationError, SyncFailed, SyncResult
from dltpod.api import _failed, _run
from launcher import log
from launcher.errors import Exit
from launcher.runs.history import RunRecord
from runner.contract import FailureKind, interval

ROOT = Path(dltpod.__file__).parents[1]
WELL = RunRecord("1", "shop", "ok", "2026-01-02T03:04:05.678Z", "2026-01-02T03:05:05Z", 60.0, rows={"a": 2})
ILL = RunRecord(
    "2",
    "crm",
    "failed",
    "2026-01-02T03:04:05Z",
    failure_kind=FailureKind.EXTRACT,
    message="the database refused user 'reader'",
    hint="mend it",
    transient=True,
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "custom_sources").mkdir()
    (tmp_path / "custom_sources/shop.py").write_text("def rows():\n    yield {}\n")
    file = tmp_path / "sources.yml"
    file.write_text(
        textwrap.dedent("""
        sources:
          - name: shop
            dlt_native: {source_module: shop, source_function: rows}
          - name: crm
            dlt_native: {source_module: shop, source_function: row}
        """)
    )
    return file


def test_check_returns_its_verdicts_and_prints_nothing(file: Path, capfd: pytest.CaptureFixture[str]) -> None:
    found = dltpod.check(file=file)
    (wrong,) = found.wrong
    assert (found.ok, wrong.source, wrong.what, wrong.level) == (False, "crm", "function", "wrong")
    assert "did you mean 'rows'?" in wrong.text
    assert dltpod.check("shop", file=file).ok
    assert capfd.readouterr() == ("", "")


def test_check_works_in_a_thread(file: Path) -> None:
    found: list[bool] = []
    thread = threading.Thread(target=lambda: found.append(dltpod.check("shop", file=file).ok))
    thread.start()
    thread.join(60)
    assert found == [True]


def test_wrong_names_and_files_are_errors_before_anything_runs(file: Path) -> None:
    with pytest.raises(ConfigurationError, match="did you mean 'shop'"):
        dltpod.sync("shpo", file=file)
    with pytest.raises(ConfigurationError, match="does not exist"):
        dltpod.sync("shop", file=file.parent / "none.yml")
    with pytest.raises(ConfigurationError, match="Which source"):
        dltpod.sync(file=file)


def test_a_run_has_what_history_knows_of_it() -> None:
    run = _run(WELL)
    assert (run.status, run.total_rows, run.failure, run.started.year) == ("ok", 2, None, 2026)
    failure = _run(ILL).failure
    assert failure is not None
    assert (failure.kind, failure.hint, failure.transient) == ("extract", "mend it", True)


def test_a_failed_sync_says_why_and_keeps_all_runs_through_pickle_and_copy() -> None:
    error = _failed(SyncResult((_run(WELL), _run(ILL))), Exit.FAILED)
    for same in (error, pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert isinstance(same, SyncFailed)
        assert str(same) == "crm: the database refused user 'reader'"
        assert (same.hint, same.transient, same.exit_code) == ("mend it", True, Exit.FAILED)
        assert same.result["shop"].rows == {"a": 2}


def test_sources_that_others_run_are_an_error_of_their_own() -> None:
    assert isinstance(_failed(SyncResult((_run(ILL),)), Exit.ALREADY_RUNNING), AlreadyRunning)


def test_all_that_is_public_has_a_docstring_and_is_typed() -> None:
    assert all(getattr(dltpod, name).__doc__ for name in dltpod.__all__)
    assert (Path(dltpod.__file__).parent / "py.typed").exists()


def test_logs_that_threads_open_side_by_side_are_written_to_their_ends(tmp_path: Path) -> None:
    one, two = log.opened(tmp_path / "a/logs/1"), log.opened(tmp_path / "b/logs/2")
    first, _ = one.__enter__(), two.__enter__()
    one.__exit__(None, None, None)
    log.event("late")
    two.__exit__(None, None, None)
    assert not first._thread.is_alive()
    assert '"late"' in (tmp_path / "b/logs/2").read_text()


def test_a_program_that_puts_its_path_back_can_go_on(tmp_path: Path) -> None:
    script = (
        "import sys; before = list(sys.path); import dltpod; sys.path[:] = before; from dltpod import sync; "
    )
    script += "from launcher import config; import runner.contract; print(sys.path == before)"
    told = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert told.stdout == "True\n"


def test_a_module_of_the_same_name_that_is_loaded_already_is_told_by_its_file(tmp_path: Path) -> None:
    (tmp_path / "runner.py").touch()
    script = f"import sys; sys.path[:0] = [{str(tmp_path)!r}]; import runner; import dltpod"
    told = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert f"dltpod needs the name 'runner', which {tmp_path}/runner.py has taken" in told.stderr


def test_an_interval_is_two_times_in_their_order(file: Path) -> None:
    with pytest.raises(ConfigurationError, match="is empty"):
        dltpod.sync("shop", file=file, interval=("2026-02-01", "2026-01-01"))
    with pytest.raises(ConfigurationError, match="full refresh"):
        dltpod.sync("shop", file=file, interval=("2026-01-01", "2026-02-01"), full_refresh=True)
    with pytest.raises(ConfigurationError, match="two times"):
        dltpod.sync("shop", file=file, interval=("2026-01-01",))  # type: ignore[arg-type]
    loaded = dataclasses.replace(WELL, interval=interval("2026-01-01", "2026-02-01T00:00:00+01:00"))
    found = _run(loaded).interval
    assert found is not None
    assert (found[0].month, found[1].isoformat()) == (1, "2026-01-31T23:00:00+00:00")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"interval": ("soon", "2026-01-01")}, "the interval's start (--from): 'soon' is no date or time"),
        (
            {"interval": ("2020-01-01", "2020-02-01"), "every": "often"},
            "every (--every): 'often' is no duration",
        ),
        (
            {"interval": ("2020-01-01", "2024-01-01"), "every": timedelta(hours=1)},
            "3600s (--every) makes 35,064",
        ),
        ({"every": "1d"}, "every (--every) goes with an interval"),
        ({"again": True}, "again (--again) goes with an interval"),
    ],
)
def test_what_is_wrong_with_an_interval_is_told_to_a_program(
    file: Path, arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigurationError) as told:
        dltpod.sync("shop", file=file, **arguments)
    assert message in told.value.message
