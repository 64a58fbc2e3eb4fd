"""dltpod away from its clone: installed, and set up by make."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from launcher import __version__
from launcher.images.contexts import runner_digest
from tests.containers.cli.test_commands import NUMBERS
from tests.containers.folder import REPOSITORY, Folder

UV = str(Path(sys.executable).with_name("uv"))


def _copy_of_the_clone(target: Path) -> Path:
    """What git would clone, as it stands in the working tree."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (REPOSITORY / name).exists():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(REPOSITORY / name, target / name)
    return target


def _outside(**more: str) -> dict[str, str]:
    """This process' environment without what ties it to the clone or its virtual environment."""
    tied = ("PYTHONPATH", "VIRTUAL_ENV", "DLTPOD_FILE", "MAKEFLAGS", "MAKELEVEL", "PYTEST_CURRENT_TEST")
    return {key: value for key, value in os.environ.items() if key not in tied} | more


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _copy_of_the_clone(tmp_path_factory.mktemp("clone"))


@pytest.fixture(scope="module")
def installed(clone: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment's programs: the wheel is in it, and nothing leads to the clone."""
    folder = tmp_path_factory.mktemp("installed")
    # what pip would do, in a tenth of the time
    subprocess.run([UV, "venv", "-q", "-p", sys.executable, str(folder / "venv")], check=True)
    pins = folder / "pins.txt"  # without hashes: the package itself has none, and it is all or none
    lines = (REPOSITORY / "requirements" / "launcher.txt").read_text().splitlines()
    pins.write_text("\n".join(line.rstrip(" \\") for line in lines if "--hash" not in line))
    install = [UV, "pip", "install", "-q", "-p", str(folder / "venv"), "-c", str(pins), str(clone)]
    subprocess.run(install, check=True, env=_outside(), cwd=folder)
    return folder / "venv" / "bin"


def _call(folder: Path, *command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=folder, env=_outside(), capture_output=True, text=True, check=False, timeout=300
    )


def test_the_wheel_brings_one_name_to_the_top_of_site_packages(installed: Path) -> None:
    [record] = installed.parent.glob("lib/python*/site-packages/dltpod-*.dist-info/RECORD")
    names = {line.split(",")[0].split("/")[0] for line in record.read_text().splitlines()}
    assert names == {"dltpod", record.parent.name, ".."}  # the last is bin/dltpod
    assert {*re.findall(r"^[.\w/]+bin/\w+", record.read_text(), re.MULTILINE)} == {"../../../bin/dltpod"}


def test_the_installed_package_is_a_module_and_a_program_wherever_it_is_called(
    installed: Path, tmp_path: Path
) -> None:
    for name in ("launcher", "runner"):  # what someone's folder may hold as well
        (tmp_path / f"{name}.py").write_text("raise SystemExit('the wrong one')")
    module = (installed / "python", "-m", "dltpod")
    for command in (module, (installed / "dltpod",)):
        assert _call(tmp_path, *command, "--version").stdout == f"dltpod {__version__}\n"
    made = _call(tmp_path, *module, "init", "python")
    assert (made.returncode, made.stderr) == (0, "")
    assert made.stdout.strip().endswith(" -m dltpod sync example")
    assert _call(tmp_path, installed / "dltpod", "list").stdout.splitlines()[1].startswith("example ")
    checked = _call(tmp_path, *module, "check")
    assert (checked.returncode, checked.stderr) == (0, ""), checked.stdout


def test_a_type_checker_knows_what_the_installed_package_gives_to_python_programs(
    installed: Path, tmp_path: Path
) -> None:
    lines = ["import dltpod", "run = dltpod.sync('a')['a']", "reveal_type(run.rows)", "dltpod.sync(1)"]
    (tmp_path / "program.py").write_text("\n".join(lines))
    options = ("--python-executable", str(installed / "python"), "--cache-dir", str(tmp_path / "cache"))
    told = _call(tmp_path, sys.executable, "-m", "mypy", "--strict", *options, "program.py").stdout
    assert 'program.py:3: note: Revealed type is "typing.Mapping[str, int]"' in told
    assert 'program.py:4: error: Argument 1 to "sync" has incompatible type "int"' in told
    assert "Found 1 error in 1 file" in told


def test_the_installed_package_syncs_in_a_folder_that_holds_nothing_but_sources(
    project: Folder, installed: Path, tmp_path: Path
) -> None:
    where = (
        "import dltpod; from launcher.errors import page; from launcher.images.contexts import runner_digest;"
        "print(page('sources.md')); print(runner_digest())"
    )
    told = _call(tmp_path, installed / "python", "-c", where)
    page, digest = told.stdout.split()
    assert Path(tmp_path, page).read_text() == (REPOSITORY / "docs/sources.md").read_text()
    assert digest == runner_digest()

    project.code("counting", NUMBERS)
    project.source("numbers", "counting", "numbers")
    done = _call(project.root, installed / "dltpod", "sync", "numbers")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("ok  numbers in ")
    assert project.rows("SELECT count(*) FROM raw_numbers.numbers") == [(3,)]


def _make(clone: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["make", *arguments], cwd=clone, env=_outside(), capture_output=True, text=True, check=False
    )


def test_make_sync_in_a_fresh_clone_sets_itself_up_and_then_not_again(clone: Path) -> None:
    first = _make(clone, "sync", "SOURCE=shop")
    assert first.returncode == 0, first.stdout + first.stderr
    assert "setup: installing the packages that requirements/launcher.txt pins" in first.stderr
    assert "orders       2,000" in first.stdout
    second = _make(clone, "sync", "SOURCE=shop", "FULL_REFRESH=1")
    assert second.returncode == 0
    assert "setup:" not in second.stderr
    assert "started over, 5,322 rows" in second.stdout


def test_a_make_variable_that_is_wrong_has_the_exit_code_of_make_and_the_message_of_dltpod(
    clone: Path,
) -> None:
    done = _make(clone, "sync", "SOURCE=shpo")
    assert done.returncode == 2
    assert "there is no source 'shpo'; did you mean 'shop'?" in done.stderr


def test_make_help_lists_every_target(clone: Path) -> None:
    listed = {line.split()[1] for line in _make(clone, "help").stdout.splitlines()}
    text = (clone / "Makefile").read_text()
    phony = {line.split()[1] for line in text.splitlines() if line.startswith(".PHONY: ")}
    assert phony - {"setup-dev"} == listed


def test_the_first_screen_of_the_readme_is_what_happens(project: Folder) -> None:
    text = (REPOSITORY / "README.md").read_text()
    entry = text.split("```yaml\n")[1].split("```")[0]
    shown = text.split("$ make sync SOURCE=shop\n")[1].split("```")[0]
    script = [sys.executable, str(REPOSITORY / "examples" / "make_shop.py")]
    (project.root / "examples").mkdir()
    subprocess.run([*script, str(project.root / "examples" / "shop.db")], check=True, capture_output=True)
    (project.root / "sources.yml").write_text(f"version: 1\nproject: {project.name}\n{entry}")
    assert len(entry.splitlines()) <= 8
    process = project.start("sync", "shop")
    out, err = process.communicate(timeout=600)
    assert process.returncode == 0, err

    def tables(text: str) -> list[str]:
        return sorted(
            line for line in text.splitlines() if line.startswith("    ") and line.split()[-1][0].isdigit()
        )

    def facts(text: str) -> list[str]:
        return [line for line in text.splitlines() if line.startswith("    data")]

    assert tables(out) == tables(shown)
    assert facts(out) == facts(shown)
