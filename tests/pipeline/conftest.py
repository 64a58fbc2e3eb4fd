"""Sandboxes on real DuckDB and real Postgres."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.pipeline import postgres
from tests.pipeline import sandbox as sandboxes
from tests.pipeline.sandbox import DuckSandbox, FileSandbox, PostgresSandbox, duck, files, in_postgres


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.path.name != "test_dlt_versions.py")  # the longest begin first


@pytest.fixture(scope="session", autouse=True)
def kept_runs(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> None:
    """One folder of kept runs for all workers of a session."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if hasattr(pytestconfig, "workerinput") else base) / "kept-runs"
    folder.mkdir(exist_ok=True)
    sandboxes.KEPT[:] = [folder]


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
