"""Locks made by the real resolver, and what is built of them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from launcher.errors import BuildError, ConfigurationError
from launcher.images.lock import SEED, pins_of
from tests.containers.images.conftest import Workshop


def test_a_lock_is_hashed_for_all_platforms_without_addresses_and_stale_when_the_package_changes(
    workshop: Workshop,
) -> None:
    source = workshop.source(requirements=(workshop.package(), "six<1.17"))
    (written,) = workshop.locks(source).lock([source])
    assert written.written
    assert written.pins["six"] == "1.16.0"
    text = written.path.read_text()
    assert "://" not in text
    assert "pywin32" in text
    assert f"./packages/{workshop.mark}\n" in text
    names = re.findall(r"^[a-z][\w.-]*==", text, re.MULTILINE)
    assert len(names) == len(re.findall(r"^[a-z][\w.-]*==.*\\\n    --hash=sha256:", text, re.MULTILINE))

    (again,) = workshop.locks(source).lock([source])
    assert (again.written, again.changes) == (False, ())

    package = workshop.root / "packages" / workshop.mark / f"{workshop.mark}.py"
    package.write_text("VALUE = 2\n")
    with pytest.raises(ConfigurationError, match=r"locks/one.txt is stale"):
        workshop.images(source, locked=True).describe(source)


def test_at_a_cutoff_date_nothing_newer_is_taken_and_what_is_behind_is_told(workshop: Workshop) -> None:
    source = workshop.source(destination="dummy", requirements=("idna",), dlt="<1.22")
    (old,) = workshop.locks(source).lock([source], exclude_newer="2026-01-01", upgrade=True)
    assert "# exclude-newer: 2026-01-01\n" in old.path.read_text()
    (kept,) = workshop.locks(source).lock([source])
    assert kept.pins == old.pins
    (behind,) = workshop.locks(source).outdated([source])
    assert behind.changes != ()
    assert old.path.read_text() == kept.path.read_text()
    (newest,) = workshop.locks(source).lock([source], upgrade=True)
    # what dltpod pins itself is not behind, however a lock came by it
    own = pins_of(SEED.read_text())
    held = {name for name in newest.pins if name in own and old.pins.get(name) == own[name]}
    assert {change for change in newest.changes if change.split()[0] not in held} == set(behind.changes)
    assert workshop.locks(source).outdated([source])[0].changes == ()


ODD = ("other-1.0-py3 none-any.whl", "other-1.0-py3\\nnone-any.whl", "other;-1.0-py3-none-any.whl")
"""Names of files among the wheels that were built, as Python's literals hold them."""


def test_resolving_runs_no_code_on_this_host_takes_no_odd_file_for_a_wheel_and_what_is_built_is_as_it_says(
    workshop: Workshop, tmp_path: Path
) -> None:
    workshop.package()
    folder = workshop.root / "packages" / workshop.mark
    (folder / "pyproject.toml").unlink()
    (folder / "setup.py").write_text(
        "import pathlib\nfrom setuptools import setup\n"
        f"pathlib.Path({str(tmp_path)!r}).mkdir(parents=True, exist_ok=True)\n"
        f"pathlib.Path({str(tmp_path / 'it-ran-here')!r}).touch()\n"
        "out = pathlib.Path('/opt/dltpod/wheels/0')\nout.mkdir(parents=True, exist_ok=True)\n"
        + "".join(f"(out / '{name}').write_text('x')\n" for name in ODD)
        + f"setup(name={workshop.mark!r}, version='2', install_requires=['six<1.17'])\n"
    )
    source = workshop.source(requirements=(f"./packages/{workshop.mark}", "docopt==0.6.2"))
    (written,) = workshop.locks(source).lock([source])
    assert written.error is None
    assert written.pins["six"] == "1.16.0"  # its code asks for it
    assert f"./packages/{workshop.mark}\n" in written.path.read_text()
    assert "other" not in written.path.read_text()
    images = workshop.images(source, locked=True)
    environment = images.describe(source)
    assert environment.lock is not None
    image = images.ensure(environment)
    assert (image.packages["docopt"], image.packages[workshop.mark]) == ("0.6.2", "2")
    assert image.packages["six"] == "1.16.0"
    for name, version in written.pins.items():
        assert image.packages.get(name, version) == version
    assert not (tmp_path / "it-ran-here").exists()


def test_a_lock_that_cannot_be_resolved_is_told_and_none_is_written(workshop: Workshop) -> None:
    source = workshop.source(requirements=("six<1.16", "six>1.16"))
    (failed,) = workshop.locks(source).lock([source])
    assert isinstance(failed.error, BuildError)
    assert "six<1.16" in failed.error.message
    assert "sources.yml:10 (one)" in failed.error.hint
    assert not (workshop.root / "locks").exists()


def test_a_cutoff_that_is_no_date_is_refused(workshop: Workshop) -> None:
    source = workshop.source()
    with pytest.raises(ConfigurationError, match="'last week' is no date"):
        workshop.locks(source).lock([source], exclude_newer="last week")
