"""How a job ended is named by its first cause."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from launcher.engines.ending import ContainerExit, clear_result, conclude, read_result
from launcher.errors import ConfigurationError
from runner.contract import NEVER_CONNECTED, NO_ROWS, Failure, FailureKind, Result, to_json
from tests.unit.engine.builders import seen

OK = Result(status="ok", exit_code=0, rows={"t": 3})
FAILED = Result(status="failed", exit_code=1, failure=Failure(FailureKind.EXTRACT, "the source failed"))
GIB = 1 << 30


def test_a_result_that_says_ok_is_believed_even_if_the_container_was_killed_after_it() -> None:
    ended = conclude(ContainerExit(137, oom=True, asked=FailureKind.CANCELLED), OK)
    assert (ended.failure, ended.result) == (None, OK)


def test_the_runners_own_failure_stands_where_nothing_else_explains_the_end() -> None:
    ended = conclude(ContainerExit(1), FAILED)
    assert (ended.failure, ended.result) == (None, FAILED)


@pytest.mark.parametrize(
    ("exit", "result", "kind"),
    [
        (ContainerExit(143, asked=FailureKind.TIMEOUT, timeout=90), FAILED, FailureKind.TIMEOUT),
        (ContainerExit(143, asked=FailureKind.CANCELLED), FAILED, FailureKind.CANCELLED),
        (ContainerExit(1, oom=True, memory_limit=GIB), FAILED, FailureKind.OUT_OF_MEMORY),
        (ContainerExit(137, oom=True, memory_limit=GIB), None, FailureKind.OUT_OF_MEMORY),
        (ContainerExit(137, asked=FailureKind.TIMEOUT, oom=True, timeout=1), None, FailureKind.TIMEOUT),
        (ContainerExit(137), None, FailureKind.KILLED),
        (ContainerExit(143), None, FailureKind.KILLED),
        (ContainerExit(0), None, FailureKind.RESULT_TORN),
        (ContainerExit(139), None, FailureKind.RESULT_TORN),
        (ContainerExit(None), None, FailureKind.RESULT_TORN),
        (ContainerExit(127, error="exec failed"), None, FailureKind.ENVIRONMENT),
    ],
)
def test_each_end_has_one_name(exit: ContainerExit, result: Result | None, kind: FailureKind) -> None:
    ended = conclude(exit, result)
    assert seen(ended).kind is kind
    assert seen(ended).message
    assert seen(ended).hint


def test_out_of_memory_names_the_limit_and_the_peak() -> None:
    ended = conclude(ContainerExit(137, oom=True, memory_limit=GIB, peak_memory=3 << 28), None)
    assert "the limit is 1.0 GiB, the peak was 1.0 GiB" in seen(ended).message
    assert ended.peak_memory == GIB


def test_a_crash_names_its_signal() -> None:
    assert "SIGSEGV" in seen(conclude(ContainerExit(139), None)).message


def test_a_timeout_names_its_length() -> None:
    message = seen(conclude(ContainerExit(143, asked=FailureKind.TIMEOUT, timeout=90), None)).message
    assert "1 min 30 s" in message


def test_a_timeout_before_any_row_does_not_say_to_raise_it() -> None:
    late = ContainerExit(143, asked=FailureKind.TIMEOUT, timeout=40)
    with_rows = conclude(late, FAILED)
    assert seen(with_rows).hint.startswith("raise container.timeout")
    without = conclude(late, replace(FAILED, notes=(NO_ROWS,)))
    assert seen(without).message == seen(with_rows).message
    assert seen(without).hint.startswith("hardly a row came")


def test_a_timeout_of_a_source_that_never_connected_says_what_kept_it() -> None:
    away = Failure(FailureKind.EXTRACT, f"{NEVER_CONNECTED}, for 40 s: kafka:9092 refused", "is it up?")
    late = ContainerExit(143, asked=FailureKind.TIMEOUT, timeout=40)
    ended = conclude(late, Result("failed", 1, failure=away))
    assert seen(ended).kind is FailureKind.TIMEOUT
    assert seen(ended).message.endswith(f"its timeout of 40 s: {away.message}")
    assert seen(ended).hint == "is it up?"


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", '{"status": "ok"}', '{"status":"ok","exit_code":0,"failure":3}', "[" * 100_000],
)
def test_a_torn_or_strange_result_file_is_no_result(tmp_path: Path, text: str) -> None:
    file = tmp_path / "result.json"
    file.write_text(text)
    assert read_result(file) is None


def test_a_whole_result_file_is_read(tmp_path: Path) -> None:
    file = tmp_path / "result.json"
    file.write_text(to_json(FAILED))
    assert read_result(file) == FAILED


def test_a_result_that_is_a_link_a_folder_or_a_pipe_is_not_followed(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_text(json.dumps({"status": "ok", "exit_code": 0}))
    (tmp_path / "link").symlink_to(target)
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    assert [read_result(tmp_path / name) for name in ("link", "folder", "pipe", "missing")] == [None] * 4


def _deep(folder: Path, levels: int) -> None:
    """Folders in folders: more than a path may have characters, so each is made from the one above."""
    descriptor = os.open(folder, os.O_RDONLY)
    for _ in range(levels):
        os.mkdir("d" * 100, dir_fd=descriptor)
        below = os.open("d" * 100, os.O_RDONLY, dir_fd=descriptor)
        os.close(descriptor)
        descriptor = below
    os.close(descriptor)


@pytest.mark.parametrize(
    "left", ["file", "link", "dangling", "pipe", "folder", "closed", "deep", "bytes", "none"]
)
def test_whatever_lies_where_the_result_will_be_is_out_of_the_way(tmp_path: Path, left: str) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").write_text("x")
    state = tmp_path / "state"
    state.mkdir()
    file = state / "result.json"
    if left == "file":
        file.write_text("x")
    elif left == "link":
        file.symlink_to(outside)
    elif left == "dangling":
        file.symlink_to(tmp_path / "nowhere")
    elif left == "pipe":
        os.mkfifo(file)
    elif left != "none":
        file.mkdir()
        (file / "link").symlink_to(outside)
    if left == "closed":
        (file / "inner").mkdir(mode=0o000)
        file.chmod(0o000)
    if left == "deep":
        _deep(file, 300)
    if left == "bytes":
        (Path(os.fsdecode(os.fsencode(file) + b"/\xff\x80\n\x1b[2J"))).mkdir()
    clear_result(file)
    assert not os.path.lexists(file)
    assert (outside / "kept").read_text() == "x"
    if left != "closed":
        assert list(state.iterdir()) == []


@pytest.mark.parametrize("there", ["missing", "link", "file"])
def test_a_state_folder_that_is_none_is_a_clear_error(tmp_path: Path, there: str) -> None:
    folder = tmp_path / "state"
    if there == "link":
        folder.symlink_to(tmp_path)
    if there == "file":
        folder.write_text("x")
    with pytest.raises(ConfigurationError, match="can't be used"):
        clear_result(folder / "result.json")
