"""Sandboxes on real DuckDB and real Postgres."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.pipeline import postgres
from tests.pipeline.sandbox import DuckSandbox, FileSandbox, PostgresSandbox, duck, files, in_postgres


@pytest.fixture
def sandbox(tmp_path: Path) -> DuckSandbox:
    """A project that loads into a DuckDB file."""
    return duck(tmp_path)


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The address of a Postgres server of this test session's own."""
    with postgres.server() as url:
        yield url


@pytest.fixture
def warehouse(tmp_path: Path, postgres_url: str) -> Iterator[PostgresSandbox]:
    """A project that loads into Postgres, in an empty database."""
    box = in_postgres(tmp_path, postgres_url)
    yield box
    box.clear()


@pytest.fixture(params=["parquet", "jsonl"])
def bucket(tmp_path: Path, request: pytest.FixtureRequest) -> FileSandbox:
    """A project that loads into a folder of files of one format."""
    return files(tmp_path, str(request.param))
