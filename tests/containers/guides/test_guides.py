"""Each guide, done as it is written, in a bare folder and on a terminal: it shows what a reader sees."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psycopg2
import pytest

from tests.containers.folder import REPOSITORY
from tests.containers.guides.guide import Command, File, differs, steps
from tests.containers.terminal import on_a_terminal, shown
from tests.pipeline.postgres import server

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
    with contextlib.ExitStack() as stack:
        port = stack.enter_context(_database()) if page == "recipes.md" else 5432
        for step in steps(GUIDES / page):
            if isinstance(step, File):
                file = folder / step.path
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(step.text.replace(":5432/", f":{port}/"))
            elif step.service:
                stack.enter_context(_going_on(step.text, folder, environ))
            else:
                _do(step, folder, environ, columns)


def _do(step: Command, folder: Path, environ: dict[str, str], columns: int) -> None:
    code, seen = on_a_terminal(["bash", "-c", step.text], folder, environ, columns=columns)
    screen = shown(seen, columns=columns)
    told = "\n".join(line for line in screen if line)
    assert code == step.code, f"$ {step.text}\n{told}"
    missing = differs(step.shown, screen)
    assert missing is None, f"$ {step.text}\n{told}\n\nThe page shows instead: {missing}"


@contextlib.contextmanager
def _going_on(command: str, folder: Path, environ: dict[str, str]) -> Iterator[None]:
    process = subprocess.Popen(
        ["bash", "-c", f"exec {command}"], cwd=folder, env=environ, stderr=subprocess.DEVNULL
    )
    try:
        yield
    finally:
        process.kill()
        process.wait()


@contextlib.contextmanager
def _database() -> Iterator[int]:
    """A Postgres with a table ``accounts`` that containers reach: its port."""
    with tempfile.TemporaryDirectory(prefix="dltpod-guide-") as name:
        Path(name).chmod(0o755)
        rules = Path(name, "pg_hba.conf")
        rules.write_text("host all all all trust\n")
        with server("listen_addresses=0.0.0.0", f"hba_file={rules}") as url:
            with contextlib.closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
                cursor.execute("CREATE ROLE reader LOGIN")
                cursor.execute(
                    "CREATE TABLE accounts AS SELECT n AS id, 'acme' AS name FROM generate_series(1, 2) n"
                )
                cursor.execute("GRANT SELECT ON accounts TO reader")
                connection.commit()
            yield int(urlsplit(url).port or 0)


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
