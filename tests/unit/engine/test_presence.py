"""A launcher lives as long as it holds its lock."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from launcher.presence import Presence

HOLD = """
import sys, time
from pathlib import Path
from launcher.presence import Presence
with Presence(Path(sys.argv[1])) as presence:
    print(presence.id, flush=True)
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
    here = Presence(tmp_path)
    assert here.alive(identity) is True
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert here.alive(identity) is False
    here.clear()
    assert list((tmp_path / "launchers").iterdir()) == []
    assert here.alive(identity) is False


def test_of_a_launcher_of_another_machine_or_another_copy_nothing_is_known(tmp_path: Path) -> None:
    with Presence(tmp_path / "one") as one:
        assert Presence(tmp_path / "two").alive(one.id) is None
        assert one.alive("") is None
        assert one.alive("elsewhere-123") is None


def test_an_identity_that_is_a_path_is_not_followed(tmp_path: Path) -> None:
    here = Presence(tmp_path)
    assert here.alive(here.id.partition("-")[0] + "-/../../etc/passwd") is None


def test_a_launcher_that_ends_leaves_no_file(tmp_path: Path) -> None:
    with Presence(tmp_path):
        pass
    assert list((tmp_path / "launchers").iterdir()) == []
