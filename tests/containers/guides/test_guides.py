"""Each guide, done as it is written, in a bare folder and on a terminal: it shows what a reader sees."""

from __future__ import annotations

import contextlib
import functools
import os
import re
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

from tests.containers.cli.forked import forks
from tests.containers.folder import REPOSITORY
from tests.containers.guides.guide import Command, File, differs, steps
from tests.containers.terminal import on_a_terminal, shown
from tests.pipeline.postgres import server
from tests.stand_ins import mariadb
from tests.stand_ins.crm import Crm, contact
from tests.stand_ins.web import Site, serving

SHOP = """\
create database shop;
create table shop.orders (id int primary key);
insert into shop.orders values (1), (2), (3);
create user reader identified by 'reader-Passw0rd';
grant all on shop.* to reader;
"""
GUIDES = REPOSITORY / "docs" / "guides"
# These change nothing and start no container, so they are looked at at both widths.
READS = re.compile(
    r"dltpod ((--file \S+ )?check( [a-z]+)?|runs|logs [a-z]+|list|config [a-z]+|gc --help|sync .*--dry-run)"
)
PAGES = sorted(page.name for page in GUIDES.glob("*.md") if any(steps(page)))


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A home folder of the guides' reader, with nothing in it but an empty project of a name of its own."""
    (tmp_path / f"guide-{secrets.token_hex(4)}").mkdir()
    yield tmp_path
    shutil.rmtree(tmp_path, ignore_errors=True)


# One page is read in a wide terminal whole, the others in a narrow one.
@pytest.mark.parametrize(("page", "columns"), [(page, 140 if page == "recipes.md" else 80) for page in PAGES])
def test_a_guide_prints_what_it_says(page: str, columns: int, home: Path) -> None:
    (folder,) = home.iterdir()
    programs = home / ".local/bin"
    programs.mkdir(parents=True)
    forks().program(programs)
    environ = _with_dltpod(home, programs)
    with contextlib.ExitStack() as stack:
        here = stack.enter_context(_far_sides()) if page == "recipes.md" else {}
        for step in steps(GUIDES / page):
            if isinstance(step, File):
                file = folder / step.path
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(
                    functools.reduce(lambda text, pair: text.replace(*pair), here.items(), step.text)
                )
            elif step.service:
                stack.enter_context(_going_on(step.text, folder, environ))
            else:
                _do(step, folder, environ, columns)
                if READS.fullmatch(step.text):
                    _do(step, folder, environ, 220 - columns)


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
def _far_sides() -> Iterator[dict[str, str]]:
    """What the recipes read from, as stand-ins of this machine: addresses on the page to those here."""
    crm = Crm(contacts=[contact(n) for n in range(12)])
    service = Site("", lambda asked: crm.login(asked) if asked.path == "/oauth/token" else crm.answer(asked))
    with (
        _database() as postgres,
        mariadb.server("0.0.0.0", SHOP) as mysql,
        serving([service], "0.0.0.0") as port,
    ):
        api = f"http://host.docker.internal:{port}"
        yield {
            ":5432/": f":{postgres}/",
            ":3306/": f":{mysql}/",
            "https://api.example.com": api,
            "https://login.example.com": api,
        }


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


def _with_dltpod(home: Path, programs: Path) -> dict[str, str]:
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
        "PATH": f"{programs}:{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
