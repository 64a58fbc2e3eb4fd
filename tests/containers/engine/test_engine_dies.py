"""The engine itself dies in the middle of a run: it is named, and every row is there once in the end."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from launcher import config
from launcher.engines.docker import job
from launcher.engines.docker.engine import DockerEngine
from launcher.host.launchers import Launchers
from launcher.images.tags import Image
from launcher.plan.options import SyncOptions
from launcher.runs.history import RunRecord
from launcher.runs.listeners import Listener
from launcher.runs.sync import sync
from runner.contract import FailureKind
from tests.containers.engine.faulty import EVENTS
from tests.containers.engine.own_engine import OwnEngine, own_engine
from tests.containers.engine.test_killed_runs import ALL_ONCE, COUNTS, TOTAL
from tests.containers.folder import AtPhase, Folder

if TYPE_CHECKING:
    import docker


@pytest.fixture(scope="module")
def image(client: docker.DockerClient, tmp_path_factory: pytest.TempPathFactory) -> Image:
    """The image of a source that needs nothing of its own, which the common engine makes."""
    folder = Folder(tmp_path_factory.mktemp("plain"), "plain", client)
    events(folder)
    return folder.image("events")


@pytest.fixture(scope="module")
def engine(client: docker.DockerClient, image: Image) -> Iterator[OwnEngine]:
    with own_engine(client, image.reference) as engine:
        yield engine


def events(project: Folder, *, pause: float = 0.0, retries: int = 0) -> None:
    project.code("faulty", EVENTS)
    walls = {"retries": retries, "network": "none"}
    project.source("events", "faulty", "events", {"total": TOTAL, "pause": pause}, container=walls)


def run(project: Folder, engine: OwnEngine, image: Image, *listeners: Listener) -> RunRecord:
    """Sync the source on that engine."""
    loaded = project.load()
    environ = {**os.environ, "DOCKER_HOST": engine.host}
    docker = DockerEngine(environ=environ, alive=Launchers(loaded.private).alive)
    sources = config.select(loaded, names=("events",))
    outcome = sync(loaded, sources, SyncOptions(), *listeners, engine=docker, image_for=lambda *_: image)
    docker.close()
    return outcome.records[0]


def test_an_engine_that_dies_and_comes_back_is_waited_for_and_costs_no_row(
    project: Folder, engine: OwnEngine, image: Image
) -> None:
    # Long enough for the engine to be back before the source has ended.
    events(project, pause=0.5, retries=5)

    def restart() -> None:
        engine.kill()
        engine.start().close()

    thread = threading.Thread(target=restart)
    record = run(project, engine, image, AtPhase("extract", thread.start, after=0.5))
    thread.join()
    assert record.status == "ok", record.message
    assert record.attempts > 1
    assert project.rows(COUNTS) == ALL_ONCE


def test_a_job_that_ends_well_while_its_engine_is_dead_has_ended_well(
    project: Folder, engine: OwnEngine, image: Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job, "PATIENCE_SECONDS", 120.0)  # a busy machine may take long to load the rows
    events(project, pause=0.1)
    record = run(project, engine, image, AtPhase("extract", engine.kill, after=0.5))
    engine.start().close()
    assert record.status == "ok", record.message
    assert record.total_rows
    assert project.rows(COUNTS) == ALL_ONCE


def test_a_source_that_fails_while_its_engine_is_dead_has_failed_by_its_own_fault(
    project: Folder, engine: OwnEngine, image: Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job, "PATIENCE_SECONDS", 120.0)
    project.code(
        "faulty",
        """
        import time

        def events(total=0, pause=0.0):
            yield [{"id": 1}]
            time.sleep(4)
            raise ValueError("the account is closed")
        """,
    )
    entry = {"retries": 0, "network": "none"}
    project.source("events", "faulty", "events", container=entry)
    record = run(project, engine, image, AtPhase("extract", engine.kill, after=0.5))
    engine.start().close()
    assert record.failure_kind is FailureKind.EXTRACT, record
    assert "the account is closed" in record.message


def test_an_engine_that_dies_and_stays_away_is_named_and_the_next_sync_brings_every_row(
    project: Folder, engine: OwnEngine, image: Image
) -> None:
    events(project, pause=2.0)
    record = run(project, engine, image, AtPhase("extract", engine.kill, after=0.5))
    assert record.failure_kind is FailureKind.ENGINE_GONE
    assert "engine" in record.message
    assert "sync again" in record.hint
    engine.start().close()
    events(project)
    record = run(project, engine, image)
    assert record.status == "ok", record.message
    assert project.rows(COUNTS) == ALL_ONCE
