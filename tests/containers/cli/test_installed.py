"""dltpod away from its clone: installed, and set up by make."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

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


def test_the_installed_package_syncs_in_a_folder_that_holds_nothing_but_sources(
    project: Folder, tmp_path: Path
) -> None:
    clone = _copy_of_the_clone(tmp_path / "clone")
    python = tmp_path / "venv" / "bin" / "python"
    # what pip would do, in a tenth of the time
    subprocess.run([UV, "venv", "-q", "-p", sys.executable, str(tmp_path / "venv")], check=True)
    pins = tmp_path / "pins.txt"  # without hashes: the package itself has none, and it is all or none
    lines = (REPOSITORY / "requirements" / "launcher.txt").read_text().splitlines()
    pins.write_text("\n".join(line.rstrip(" \\") for line in lines if "--hash" not in line))
    install = [UV, "pip", "install", "-q", "-p", str(python), "-c", str(pins), str(clone)]
    subprocess.run(install, check=True, env=_outside(), cwd=tmp_path)
    shutil.rmtree(clone)
    where = "from launcher.errors import page; print(page('sources.md'))"
    told = subprocess.run([python, "-c", where], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert Path(tmp_path, told.stdout.strip()).read_text() == (REPOSITORY / "docs/sources.md").read_text()

    project.code("counting", NUMBERS)
    project.source("numbers", "counting", "numbers")
    done = subprocess.run(
        [tmp_path / "venv" / "bin" / "dltpod", "sync", "numbers"],
        cwd=project.root,
        env=_outside(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("ok  numbers in ")
    assert project.rows("SELECT count(*) FROM raw_numbers.numbers") == [(3,)]


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _copy_of_the_clone(tmp_path_factory.mktemp("clone"))


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
