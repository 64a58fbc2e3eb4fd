from __future__ import annotations

from pathlib import Path

import pytest

FILE = """
version: 1
sources:
  - {name: shop, type: dlt_native, dlt_native: {source_module: shop, source_function: shop}}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of one source, in which a command runs, on a machine without an engine."""
    (tmp_path / "sources.yml").write_text(FILE)
    (tmp_path / "custom_sources").mkdir()
    (tmp_path / "custom_sources" / "shop.py").write_text("def shop():\n    yield {}\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/no-engine.sock")
    for name in ("DLTPOD_FILE", "DLTPOD_LOG", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path
