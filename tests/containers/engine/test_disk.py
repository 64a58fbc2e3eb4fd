"""A disk that is full is called that, and nothing is lost or doubled by it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from runner.contract import FailureKind
from tests.containers.engine.test_killed_runs import ALL_ONCE, COUNTS, TOTAL, quarter_in
from tests.containers.folder import Folder

pytestmark = pytest.mark.usefixtures("offline")
SMALL = 16 << 20
LEFT = 64 << 10


@pytest.fixture
def small_disk() -> Iterator[Callable[[Path], None]]:
    """Puts a folder with what is in it on a file system of 16 MiB."""
    mounted: list[Path] = []
    sudo = [] if os.geteuid() == 0 else ["sudo", "-n"]

    def mount(folder: Path) -> None:
        aside = folder.with_name(folder.name + ".aside")
        owner = folder.stat()
        folder.rename(aside)
        folder.mkdir()
        options = f"size={SMALL},uid={owner.st_uid},gid={owner.st_gid},mode=700"
        subprocess.run([*sudo, "mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], check=True)
        mounted.append(folder)
        subprocess.run([*sudo, "cp", "-a", f"{aside}/.", str(folder)], check=True)
        shutil.rmtree(aside)

    yield mount
    for folder in mounted:
        subprocess.run([*sudo, "umount", "-l", str(folder)], check=True)


def fill(folder: Path) -> Path:
    """A file that leaves next to nothing."""
    filler = folder / "filler"
    free = os.statvfs(folder)
    with filler.open("wb") as file:
        file.write(b"x" * (free.f_bavail * free.f_frsize - LEFT))
    return filler


@pytest.fixture(scope="module")
def quarter(make_shared_folder: Callable[[], Folder]) -> Folder:
    return quarter_in(make_shared_folder())


@pytest.mark.parametrize("place", [".dltpod/state/events", "data"])
def test_a_disk_that_is_full_is_called_that_and_afterwards_every_row_is_there_once(
    project: Folder, quarter: Folder, small_disk: Callable[[Path], None], place: str
) -> None:
    project.take_over(quarter)
    project.source("events", "faulty", "events", {"total": TOTAL})
    small_disk(project.root / place)
    filler = fill(project.root / place)
    record = project.run("events", timeout=300)  # it ends by itself, a busy machine takes its time
    assert record.status == "failed"
    assert record.failure_kind is FailureKind.DISK_FULL, record
    filler.unlink()
    project.must("events")
    assert project.rows(COUNTS) == ALL_ONCE
