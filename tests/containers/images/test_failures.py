"""Builds that can't be: each is named for what it was, and leaves nothing half-made."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from launcher.environment.locks import inputs_digest
from launcher.errors import BuildError, Exit
from launcher.images.tags import environment_tag
from tests.containers.images.conftest import Workshop
from tests.waiting import wait_for

SOURCES = """\
version: 1
sources:
  - name: one
    dlt_native: {{source_module: demo, source_function: rows}}
    container: {{requirements: ["./packages/{mark}"]}}
"""


def refused(workshop: Workshop, *requirements: str, environ: dict[str, str] | None = None) -> BuildError:
    source = workshop.source(requirements=requirements)
    environment = workshop.describe(source)
    with pytest.raises(BuildError) as error:
        workshop.images(source, environ=environ).ensure(environment)
    assert workshop.tags(environment.digest) == []
    assert len(error.value.message.splitlines() + error.value.hint.splitlines()) <= 3
    return error.value


def test_contradicting_requirements_are_told_with_both_places(workshop: Workshop) -> None:
    (workshop.root / "custom_sources/demo.py").write_text(
        '# /// script\n# dependencies = ["six<1.16"]\n# ///\n'
    )
    error = refused(workshop, "six==1.17.0")
    assert "you require six==1.17.0 and six<1.16" in error.message
    assert error.hint == "'six==1.17.0' from sources.yml:10 (one); 'six<1.16' from custom_sources/demo.py:2"
    assert error.exit_code is Exit.USAGE


def test_a_package_that_needs_a_compiler_is_told_by_its_own_words(workshop: Workshop) -> None:
    setup = "from setuptools import Extension, setup\nsetup(ext_modules=[Extension('_x', ['x.c'])])\n"
    error = refused(workshop, workshop.package(setup_py=setup, x_c="int x;\n"))
    assert "has no wheel and could not be built: error: [Errno 2] No such file" in error.message
    assert error.message.endswith("-gcc'")
    assert "container.system_packages (a compiler: gcc" in error.hint


def test_a_full_disk_is_told(workshop: Workshop) -> None:
    setup = "open('/dev/shm/full', 'wb').write(bytes(100 << 20))\nfrom setuptools import setup\nsetup()\n"
    error = refused(workshop, workshop.package(setup_py=setup))
    assert error.message == "source 'one': the disk is full: no space left for the image"
    assert error.exit_code is Exit.FAILED


def test_a_debian_package_that_is_not_there_is_told(workshop: Workshop) -> None:
    source = workshop.source(system_packages=("libnowhere-dev",))
    with pytest.raises(BuildError, match="Debian has no package 'libnowhere-dev'"):
        workshop.images(source).ensure(workshop.describe(source))


def without_network(workshop: Workshop) -> dict[str, str]:
    return {**workshop.environ, "HTTP_PROXY": "http://127.0.0.1:9", "HTTPS_PROXY": "http://127.0.0.1:9"}


def test_without_a_network_the_wheel_cache_does(workshop: Workshop) -> None:
    package = workshop.package()
    source = workshop.source(requirements=(package, "six==1.16.0"))
    workshop.images(source).ensure(workshop.describe(source))
    (workshop.root / "packages" / workshop.mark / f"{workshop.mark}.py").write_text("VALUE = 2\n")
    environment = workshop.describe(source)
    image = workshop.images(source, environ=without_network(workshop)).ensure(environment)
    assert image.built
    assert image.packages["six"] == "1.16.0"
    assert "no network: trying with what the wheel cache holds" in workshop.said


def test_without_a_network_and_with_a_cold_cache_that_is_told(workshop: Workshop) -> None:
    error = refused(workshop, "idna==2.0", environ=without_network(workshop))
    assert error.message.startswith("source 'one': no network, and the wheel cache lacks what is needed")
    assert error.exit_code is Exit.FAILED


def test_a_poisoned_hash_is_refused(workshop: Workshop) -> None:
    source = workshop.source(requirements=("six==1.16.0",))
    digest = inputs_digest(workshop.describe(source))
    pins = (Path(__file__).parents[3] / "launcher/assets/default.txt").read_text()
    start = pins.index("six==")
    end = pins.index("\n", pins.index("--hash", start))
    while pins[:end].endswith("\\"):
        end = pins.index("\n", end + 1)
    poisoned = f"six==1.16.0 \\\n    --hash=sha256:{'ab' * 32}"
    (workshop.root / "locks").mkdir()
    (workshop.root / "locks/one.txt").write_text(f"# inputs: {digest}\n{pins[:start]}{poisoned}{pins[end:]}")
    environment = workshop.describe(source)
    assert environment.lock is not None
    with pytest.raises(BuildError) as error:
        workshop.images(source).ensure(environment)
    assert "six==1.16.0 is not what the lock file says: its hash differs" in error.value.message
    assert workshop.tags(environment.digest) == []


def started(workshop: Workshop) -> subprocess.Popen[str]:
    (workshop.root / "sources.yml").write_text(SOURCES.format(mark=workshop.mark))
    workshop.source()
    return subprocess.Popen(
        [sys.executable, "-m", "dltpod", "build", "one"],
        cwd=workshop.root,
        env={**workshop.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def processes(mark: str) -> list[int]:
    """The processes of this machine that have a text among their arguments."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and mark.encode() in (entry / "cmdline").read_bytes():
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def test_a_build_ended_by_ctrl_c_leaves_neither_image_nor_process(workshop: Workshop) -> None:
    seconds = f"600.{int(workshop.mark[1:], 16)}"
    setup = (
        f"import subprocess\nsubprocess.run(['sleep', '{seconds}'])\nfrom setuptools import setup\nsetup()\n"
    )
    workshop.package(setup_py=setup)
    process = started(workshop)
    wait_for(lambda: processes(seconds) or process.poll() is not None, 300)
    assert process.poll() is None
    os.killpg(process.pid, signal.SIGINT)
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 130
    assert "Traceback" not in output
    wait_for(lambda: processes(seconds) == [])
    environment = workshop.describe(workshop.source(requirements=(f"./packages/{workshop.mark}",)))
    assert workshop.tags(environment_tag(environment)) == []


def test_of_two_launchers_that_want_one_environment_one_builds_and_the_other_waits(
    workshop: Workshop,
) -> None:
    workshop.package()
    both = [started(workshop), started(workshop)]
    outputs = [process.communicate(timeout=300)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert sum("building the environment of one" in output for output in outputs) == 1
    assert sum("the same environment is being built already" in output for output in outputs) == 1
