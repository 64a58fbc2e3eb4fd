"""A launcher lives as long as it holds its lock."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from launcher.host.launchers import Launchers

HOLD = """
import sys, time
from pathlib import Path
from launcher.host.launchers import Launchers
with Launchers(Path(sys.argv[1])) as launchers:
    print(launchers.id, flush=True)
    time.sleep(600)
"""


def test_another_launcher_is_alive_until_it_is_killed_and_dead_from_then_on(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[3],
    )
    assert process.stdout is not None
    identity = process.stdout.readline().strip()
    here = Launchers(tmp_path)
    assert here.alive(identity) is True
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert here.alive(identity) is False
    here.clear()
    assert list((tmp_path / "launchers").iterdir()) == []
    assert here.alive(identity) is False


START = """
import sys
from pathlib import Path
from launcher.host.launchers import Launchers
lost = 0
for _ in range(int(sys.argv[2])):
    with Launchers(Path(sys.argv[1])) as launchers:
        launchers.clear()
        lost += Launchers(Path(sys.argv[1])).alive(launchers.id) is not True
print(lost)
"""


def test_of_thousands_of_starts_beside_each_other_none_is_taken_for_a_dead_launcher(tmp_path: Path) -> None:
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", START, str(tmp_path), "1000"],
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[3],
        )
        for _ in range(4)
    ]
    assert [process.communicate()[0].strip() for process in processes] == ["0"] * 4
    assert list((tmp_path / "launchers").iterdir()) == []


def test_a_launcher_that_died_before_it_held_its_lock_is_cleared_and_one_that_waits_for_it_starts_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    launchers = tmp_path / "launchers"
    launchers.mkdir()
    other = Launchers(tmp_path)
    (launchers / f".{other.id}").touch()
    lock = fcntl.flock

    def cleared_by_another(descriptor: int, operation: int) -> None:
        monkeypatch.setattr(fcntl, "flock", lock)
        Launchers(tmp_path).clear()
        lock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", cleared_by_another)
    with Launchers(tmp_path) as here:
        assert [file.name for file in launchers.iterdir()] == [here.id]
        assert Launchers(tmp_path).alive(here.id) is True


def test_of_a_launcher_of_another_machine_or_another_copy_nothing_is_known(tmp_path: Path) -> None:
    with Launchers(tmp_path / "one") as one:
        assert Launchers(tmp_path / "two").alive(one.id) is None
        assert one.alive("") is None
        assert one.alive("elsewhere-123") is None


def test_an_identity_that_is_a_path_is_not_followed(tmp_path: Path) -> None:
    here = Launchers(tmp_path)
    assert here.alive(here.id.partition("-")[0] + "-/../../etc/passwd") is None


def test_a_launcher_that_ends_leaves_no_file(tmp_path: Path) -> None:
    with Launchers(tmp_path):
        pass
    assert list((tmp_path / "launchers").iterdir()) == []
