"""Each guide, done as it is written, in a bare folder and on a terminal: it shows what a reader sees."""

from __future__ import annotations

import os
import secrets
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.containers.folder import REPOSITORY
from tests.containers.guides.guide import File, differs, steps
from tests.containers.terminal import on_a_terminal, shown

GUIDES = REPOSITORY / "docs" / "guides"
PAGES = sorted(page.name for page in GUIDES.glob("*.md") if any(steps(page)))


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A home folder of the guides' reader, with nothing in it but an empty project of a name of its own."""
    (tmp_path / f"guide-{secrets.token_hex(4)}").mkdir()
    yield tmp_path
    shutil.rmtree(tmp_path, ignore_errors=True)


@pytest.mark.parametrize(("page", "columns"), [*((page, 80) for page in PAGES), ("first-source.md", 140)])
def test_a_guide_prints_what_it_says(page: str, columns: int, home: Path) -> None:
    (folder,) = home.iterdir()
    environ = _with_dltpod(home)
    for step in steps(GUIDES / page):
        if isinstance(step, File):
            file = folder / step.path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(step.text)
            continue
        code, seen = on_a_terminal(["bash", "-c", step.text], folder, environ, columns=columns)
        screen = shown(seen, columns=columns)
        told = "\n".join(line for line in screen if line)
        assert code == step.code, f"$ {step.text}\n{told}"
        missing = differs(step.shown, screen)
        assert missing is None, f"$ {step.text}\n{told}\n\nThe page shows instead: {missing}"


def _with_dltpod(home: Path) -> dict[str, str]:
    """The environment of somebody who has installed dltpod and set nothing else."""
    kept = {
        key: value
        for key, value in os.environ.items()
        if key in ("DOCKER_HOST", "SSL_CERT_FILE", "UV_CACHE_DIR", "LANG") or key.lower().endswith("_proxy")
    }
    # dlt keeps root's pipelines in /var, whatever HOME is
    return {
        **kept,
        "HOME": str(home),
        "DLT_DATA_DIR": str(home / ".dlt"),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
