"""Temporary folders of builds."""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path

import pytest

from launcher.images import scratch


def test_a_folder_goes_with_its_build_and_one_that_was_left_a_day_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    left, foreign, elsewhere = tmp_path / "dltpod-scratch-left", tmp_path / "other", tmp_path / "elsewhere"
    for place in (left, foreign, elsewhere):
        (place / "context").mkdir(parents=True)
    link = tmp_path / "dltpod-scratch-link"
    link.symlink_to(elsewhere)
    with scratch.folder() as (ours, _):
        (ours / "context").mkdir()
        scratch.clear()
        assert left.is_dir()
        yesterday = time.time() - 25 * 3600
        for place in (left, foreign, link):
            os.utime(place, (yesterday, yesterday), follow_symlinks=False)
        scratch.clear()
        assert set(tmp_path.iterdir()) == {ours, foreign, elsewhere, link}
        assert (elsewhere / "context").is_dir()
    assert not ours.exists()
