"""Several threads of root's work in other users' projects, as in a scheduler that calls ``dltpod.sync``."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from launcher.errors import ConfigurationError
from launcher.host import rights

OWNER = 54321
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root takes another user's rights")


@pytest.fixture
def project(place: Path) -> Path:
    """Another user's folder."""
    os.chown(place, OWNER, OWNER)
    return place


def test_threads_of_one_process_take_the_owners_rights_each_and_leave_in_any_order(project: Path) -> None:
    groups = os.getgroups()
    inside, leave = threading.Barrier(2), [threading.Event(), threading.Event()]
    made: list[int] = []

    def work(number: int) -> None:
        with rights.rights(project):
            inside.wait(60)
            leave[number].wait(60)
            file = project / f"made{number}"
            file.touch()
            made.append(file.stat().st_uid)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for event, thread in zip(leave, threads, strict=True):  # who came first may go first
        event.set()
        thread.join(60)
    assert made == [OWNER, OWNER]
    assert (rights.acting_owner(), os.getgroups()) == (None, groups)


def test_a_process_that_has_one_owners_rights_refuses_a_project_of_another(
    project: Path, tmp_path: Path
) -> None:
    caught: list[BaseException] = []

    def work() -> None:
        try:
            with rights.rights(tmp_path):
                pass
        except ConfigurationError as error:
            caught.append(error)

    inside, leave = threading.Event(), threading.Event()

    def hold() -> None:
        with rights.rights(project):
            inside.set()
            leave.wait(60)

    holder, other = threading.Thread(target=hold), threading.Thread(target=work)
    holder.start()
    inside.wait(60)
    other.start()
    other.join(60)
    leave.set()
    holder.join(60)
    assert "another owner" in str(caught[0])
