"""Temporary folders of builds."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from launcher.images import scratch

HOLD = """
from launcher.images import scratch
with scratch.folder() as (place, _):
    (place / "context").mkdir()
    print(place, flush=True)
    input()
"""


def test_folders_of_a_killed_launcher_are_cleared_and_those_of_a_live_one_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    launcher = subprocess.Popen(
        [sys.executable, "-c", HOLD],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[3],
    )
    assert launcher.stdout is not None
    left = Path(launcher.stdout.readline().strip())
    with scratch.folder() as (ours, _):
        assert scratch.clear() == 0
        assert left.is_dir()
        launcher.kill()
        launcher.wait()
        assert scratch.clear() == 1
        assert list(tmp_path.iterdir()) == [ours]
    assert list(tmp_path.iterdir()) == []
