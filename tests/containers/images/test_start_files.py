"""What an installed package may do as an interpreter starts, and what it may not replace or run."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Mapping

import docker
import pytest

from launcher.errors import BuildError
from launcher.images.tags import environment_tag
from launcher.plan.job import COMMAND
from tests.containers.folder import REPOSITORY
from tests.containers.images.conftest import Workshop

MARK = "import os; open(f'/tmp/started-{os.getpid()}', 'w')\n"
LOOK = """\
import os
from dltpod_runner.work import process
print(sorted(os.listdir('/tmp')))
process.find_packages()
print(sorted(os.listdir('/tmp')))
import dlt, sys
print(sys.prefix)
"""


def wheel(workshop: Workshop, files: Mapping[str, str]) -> str:
    """A wheel of the project's own with these files; the requirement that names it."""
    information = f"{workshop.mark}-1.0.dist-info"
    file = workshop.root / f"{workshop.mark}-1.0-py3-none-any.whl"
    told = {
        "METADATA": f"Metadata-Version: 2.1\nName: {workshop.mark}\nVersion: 1.0\n",
        "WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        "RECORD": "",
    }
    with zipfile.ZipFile(file, "w") as made:
        for name, text in files.items():
            made.writestr(name.format(mark=workshop.mark), text)
        for name, text in told.items():
            made.writestr(f"{information}/{name}", text)
    return f"./{file.name}"


LEFT_OUT = ("LICENSE", "README.md")


def placed(workshop: Workshop) -> list[str]:
    """Data that has a place in an installation."""
    mark = workshop.mark
    return sorted((f"share/{mark}/a", f"etc/{mark}.cfg", f"lib/{mark}.so", "bin/tool"))


@pytest.fixture(scope="module")
def careless(make_shared_workshop: Callable[[], Workshop]) -> Workshop:
    """One with an image of a package that runs as an interpreter starts, and has other data than modules."""
    workshop = make_shared_workshop()
    data = "{mark}-1.0.data/data/"
    files = {f"{data}{name}": "x" for name in (*placed(workshop), *LEFT_OUT)}
    source = workshop.source(requirements=(wheel(workshop, {"{mark}.pth": MARK, **files}),))
    workshop.reference = workshop.images(source).ensure(workshop.describe(source)).reference
    return workshop


def test_a_package_that_runs_as_an_interpreter_starts_runs_in_the_worker_and_not_in_the_supervisor(
    careless: Workshop, client: docker.DockerClient
) -> None:
    assert COMMAND[1:] == ("-S", "-m", "dltpod_runner")
    out = client.containers.run(
        careless.reference, [COMMAND[0], "-S", "-c", LOOK], entrypoint=[], remove=True, tmpfs={"/tmp": ""}
    )
    assert out.decode().splitlines() == ["[]", "['started-1']", "/opt/venv"]


@pytest.mark.parametrize(
    ("file", "why"),
    [
        ("pyvenv.cfg", "a package would replace /opt/venv/pyvenv.cfg"),
        ("bin/python3", "reserved name `python3`"),  # uv's own words
        ("bin/python._pth", "a package would put a file at /opt/venv/bin/python._pth"),
    ],
)
def test_a_package_with_a_file_where_the_interpreter_has_its_own_is_refused(
    workshop: Workshop, file: str, why: str
) -> None:
    wanted = wheel(workshop, {f"{{mark}}-1.0.data/data/{file}": "home = /opt/venv\n"})
    source = workshop.source(requirements=(wanted,))
    with pytest.raises(BuildError, match=why):
        workshop.images(source).ensure(workshop.describe(source))


PLACE = (REPOSITORY / "launcher/assets/place.py").read_text()
MOVES = """\
import pathlib, subprocess, sys
script = pathlib.Path("/tmp/place.py")
script.write_text({place!r})
for number, file in enumerate({files!r}):
    prefix = pathlib.Path("/tmp", str(number))
    subprocess.run([sys.executable, script, "seed", prefix], check=True)
    (prefix / file).parent.mkdir(parents=True, exist_ok=True)
    (prefix / file).write_text("home = /opt/venv\\n")
    moved = subprocess.run([sys.executable, script, "move", prefix, "/tmp"], capture_output=True, text=True)
    print(moved.returncode, moved.stderr.partition(" | ")[0])
"""


def test_each_place_where_an_interpreter_looks_for_files_is_refused_by_what_moves_an_installation(
    workshop: Workshop,
) -> None:
    files = [
        "bin/pyvenv.cfg",
        "bin/pybuilddir.txt",
        "bin/Modules/Setup.local",
        "lib/python3.13/os.py",
        "lib64/python3.13/site-packages/a.py",
        "elsewhere/file",
    ]
    source = workshop.source()
    image = workshop.images(source).ensure(workshop.describe(source))
    told = workshop.run(image.reference, MOVES.format(place=PLACE, files=[*files, "bin/dlt"]))
    assert told.splitlines() == [
        *(
            f"1 DLTPOD-ERROR a package would put a file at /opt/venv/{file}, which is no place for one"
            for file in files
        ),
        "1 DLTPOD-ERROR a package would replace /opt/venv/bin/dlt",
    ]


def test_what_careless_packages_leave_at_the_top_is_left_out_and_other_data_is_placed(
    careless: Workshop,
) -> None:
    names = [*placed(careless), *LEFT_OUT]
    look = f"import os; print([os.path.exists('/opt/venv/' + name) for name in {names}])"
    assert careless.run(careless.reference, look) == "[True, True, True, True, False, False]"


PROGRAMS = """
basename cat chmod cp cut date dirname env find git grep ln ls mkdir mktemp mv readlink rm sed sh sha256sum
sort tail touch tr true uv xargs
"""
SPY = "#!/bin/sh\n[ ! -w /opt ] || echo ran $0 >> /opt/SPIED\nexit 1\n"
STARTS = """\
import os; os.access('/opt', os.W_OK) and open('/opt/SPIED', 'a').write('started a Python\\n')
"""


def test_nothing_that_a_package_brings_runs_in_a_step_of_a_build(workshop: Workshop) -> None:
    """Programs named as all that steps call; what starts with a Python; what stands in for its modules."""
    from launcher.images import deploy

    files = {f"{{mark}}-1.0.data/scripts/{name}": SPY for name in PROGRAMS.split()}
    modules = ("compileall", "py_compile", "sitecustomize", "usercustomize", "json", "hashlib")
    files |= {"{mark}.pth": STARTS, **{f"{name}.py": STARTS for name in modules}}
    source = workshop.source(requirements=(wheel(workshop, files),))
    environment = workshop.describe(source)
    images = workshop.images(source)
    image = images.ensure(environment)
    shipped = deploy.ensure(images, environment)
    spied = "import os; print(os.path.exists('/opt/SPIED'), os.access('/opt/venv/bin/touch', os.X_OK))"
    for reference in (environment_tag(environment), image.reference, shipped.reference):
        assert workshop.run(reference, spied) == "False True"
