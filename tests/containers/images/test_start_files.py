"""What an installed package may do as an interpreter starts, and what it may not replace."""

from __future__ import annotations

import zipfile

import docker
import pytest

from launcher.errors import BuildError
from launcher.plan.job import COMMAND
from tests.containers.images.conftest import Workshop

MARK = "import os; open(f'/tmp/started-{os.getpid()}', 'w')\n"
LOOK = """\
import os
from runner.work import process
print(sorted(os.listdir('/tmp')))
process.find_packages()
print(sorted(os.listdir('/tmp')))
import dlt, sys
print(sys.prefix)
"""


def wheel(workshop: Workshop, name: str, text: str) -> str:
    """A wheel of the project's own with one file; the requirement that names it."""
    information = f"{workshop.mark}-1.0.dist-info"
    file = workshop.root / f"{workshop.mark}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(file, "w") as made:
        made.writestr(name.format(mark=workshop.mark), text)
        made.writestr(
            f"{information}/METADATA", f"Metadata-Version: 2.1\nName: {workshop.mark}\nVersion: 1.0\n"
        )
        made.writestr(
            f"{information}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        made.writestr(f"{information}/RECORD", "")
    return f"./{file.name}"


def test_a_package_that_runs_as_an_interpreter_starts_runs_in_the_worker_and_not_in_the_supervisor(
    workshop: Workshop, client: docker.DockerClient
) -> None:
    source = workshop.source(requirements=(wheel(workshop, "{mark}.pth", MARK),))
    image = workshop.images(source).ensure(workshop.describe(source))
    assert COMMAND[1:] == ("-S", "-m", "runner")
    out = client.containers.run(
        image.reference, [COMMAND[0], "-S", "-c", LOOK], entrypoint=[], remove=True, tmpfs={"/tmp": ""}
    )
    assert out.decode().splitlines() == ["[]", "['started-1']", "/opt/venv"]


@pytest.mark.parametrize(
    ("file", "why"),
    [
        ("pyvenv.cfg", "a package would replace /opt/venv/pyvenv.cfg"),
        ("bin/python3", "reserved name `python3`"),  # uv's own words
    ],
)
def test_a_package_that_would_replace_the_interpreter_is_refused(
    workshop: Workshop, file: str, why: str
) -> None:
    wanted = wheel(workshop, f"{{mark}}-1.0.data/data/{file}", "home = /opt/venv\n")
    source = workshop.source(requirements=(wanted,))
    with pytest.raises(BuildError, match=why):
        workshop.images(source).ensure(workshop.describe(source))
