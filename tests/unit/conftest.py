"""What unit tests of several rooms begin with."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that every user may enter; pytest's own are their owner's."""
    with tempfile.TemporaryDirectory(prefix="dltpod-unit-") as name:
        Path(name).chmod(0o755)
        yield Path(name)
