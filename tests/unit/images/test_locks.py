"""Which lock fits, which is stale, and what changed. What uv resolves is tested with the images."""

from __future__ import annotations

from pathlib import Path

import pytest

from launcher.config.models import Source
from launcher.environment import describe
from launcher.environment.locks import changes, inputs_digest, pins_of
from launcher.errors import ConfigurationError
from launcher.images import wheels
from tests.unit.images.projects import described, project, source

PINS = "six==1.17.0 \\\n    --hash=sha256:aa\n"


def locked(root: Path, one: Source, text: str) -> None:
    (root / "locks").mkdir(exist_ok=True)
    (root / "locks" / f"{one.name}.txt").write_text(text)


def test_a_lock_that_fits_is_part_of_the_environment_without_its_comments(tmp_path: Path) -> None:
    bare = described(tmp_path, source())
    locked(tmp_path, source(), f"# Made by: dltpod lock one\n# inputs: {inputs_digest(bare)}\n{PINS}")
    environment = described(tmp_path, source())
    assert environment.lock == PINS
    assert environment.digest != bare.digest


def test_a_stale_lock_is_left_aside_and_said(tmp_path: Path) -> None:
    locked(tmp_path, source(), f"# inputs: {inputs_digest(described(tmp_path, source()))}\n{PINS}")
    environment = described(tmp_path, source(requirements=("idna",)))
    assert environment.lock is None
    assert environment.notes == ("locks/one.txt is stale and left aside: dltpod lock one",)


@pytest.mark.parametrize("text", [None, "# inputs: 0123\n", "", "\x00"])
def test_with_locked_a_missing_or_stale_lock_is_refused(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        locked(tmp_path, source(), text)
    with pytest.raises(ConfigurationError) as error:
        describe(project(tmp_path, source()), source(), base_identity="", locked=True)
    assert error.value.hint == "dltpod lock one, and commit locks/one.txt"


def test_the_platform_and_the_base_do_not_make_a_lock_stale(tmp_path: Path) -> None:
    one = project(tmp_path, source())
    here = describe(one, source(), base_identity="a", platform="linux/amd64")
    there = describe(one, source(), base_identity="b", platform="linux/arm64")
    assert inputs_digest(here) == inputs_digest(there)
    assert here.digest != there.digest


def test_changes_are_told_in_words() -> None:
    old = pins_of(
        "six==1.16.0 \\\n    --hash=sha256:aa\nidna==3.1\nerp @ git+https://example.org/erp@0123456789abcdef\n"
    )
    new = pins_of("six==1.17.0\nerp @ git+https://example.org/erp@fedcba9876543210\nzipp==3.0\n")
    assert changes(old, new) == (
        "erp 0123456789ab → fedcba987654",
        "idna 3.1 removed",
        "six 1.16.0 → 1.17.0",
        "zipp 3.0 added",
    )


def test_what_can_have_no_hash_is_installed_apart() -> None:
    text = (
        "six==1.17.0 \\\n    --hash=sha256:aa\n./packages/erp[pdf]\nerp2 @ git+https://example.org/erp@01\n"
    )
    hashed, rest = wheels.of_lock(text)
    assert hashed == "six==1.17.0 \\\n    --hash=sha256:aa\n"
    assert rest.lines == ("@@0@@[pdf]", "erp2 @ file://@@1@@")
    assert [item.asked for item in rest.builds] == ["./local/packages/erp", ""]
