"""A short run of what ``bench/chaos.py`` does for as long as one likes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.pipeline.chaos import Chaos
from tests.pipeline.worlds import WORLDS


@pytest.mark.parametrize("name", WORLDS)
def test_random_kills_refusals_and_changes_of_the_folder_lose_and_double_nothing(
    tmp_path: Path, postgres_url: str, name: str
) -> None:
    Chaos(tmp_path, name, seed=3, postgres=postgres_url).run(steps=5)
