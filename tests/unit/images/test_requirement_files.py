"""PEP 723 blocks and requirements.txt, as people write them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from launcher.environment.requirement_files import check, of_file, of_module, of_script
from launcher.environment.values import Requirement
from launcher.errors import ConfigurationError


def script(root: Path, text: str) -> tuple[Requirement, ...]:
    file = root / "demo.py"
    file.write_text(text)
    return of_script(file, root=root)


def test_a_file_without_a_block_asks_for_nothing(tmp_path: Path) -> None:
    assert script(tmp_path, "import dlt\n# /// other\n# x = 1\n# ///\n") == ()


def test_the_line_of_each_dependency_is_known(tmp_path: Path) -> None:
    text = '"""A source."""\n\n# /// script\n# requires-python = ">=3.11"\n'
    text += '# dependencies = [\n#   "six",\n#   "idna",\n# ]\n# ///\n'
    assert script(tmp_path, text) == (Requirement("six", "demo.py:6"), Requirement("idna", "demo.py:7"))


@pytest.mark.parametrize("name", ["custom_sources/demo.py", "requirements.txt"])
def test_a_file_that_is_not_utf_8_is_told_with_its_line(tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(b"six\n# caf\xe9\n")
    with pytest.raises(ConfigurationError) as caught:
        of_script(file, root=tmp_path) if file.suffix == ".py" else of_file(file, root=tmp_path)
    assert (caught.value.message, caught.value.hint) == (f"{name}:2: not UTF-8 text", "save it as UTF-8")


def test_a_module_is_read_in_the_encoding_that_it_declares(tmp_path: Path) -> None:
    file = tmp_path / "demo.py"
    file.write_bytes(b'# -*- coding: latin-1 -*-\n# /// script\n# dependencies = ["six"]  # \xe9\n# ///\n')
    assert of_script(file, root=tmp_path) == (Requirement("six", "demo.py:3"),)
    file.write_bytes(b"# coding: latin-0\n")
    with pytest.raises(
        ConfigurationError, match=r"(?m)^demo\.py: declares an encoding that Python does not know$"
    ):
        of_script(file, root=tmp_path)


def test_marks_and_line_ends_of_other_systems_mean_nothing(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_bytes(b"\xef\xbb\xbfsix\r\nidna\r\n")
    found = of_file(tmp_path / "requirements.txt", root=tmp_path)
    assert found == (Requirement("six", "requirements.txt:1"), Requirement("idna", "requirements.txt:2"))


@pytest.mark.parametrize(
    ("block", "words"),
    [
        ("# dependencies = [", "demo.py:1: the '# /// script' block is no TOML"),
        ('# dependencies = "six"', "demo.py:1: dependencies must be a list of strings"),
        ('# dependencies = ["six =="]', "demo.py:2: this is no requirement"),
    ],
)
def test_a_block_that_cannot_be_read_is_refused_with_its_place(
    tmp_path: Path, block: str, words: str
) -> None:
    with pytest.raises(ConfigurationError) as error:
        script(tmp_path, f"# /// script\n{block}\n# ///\n")
    assert words in error.value.message


def test_two_blocks_are_refused(tmp_path: Path) -> None:
    block = '# /// script\n# dependencies = ["six"]\n# ///\n'
    with pytest.raises(ConfigurationError, match="more than one"):
        script(tmp_path, f"{block}\nx = 1\n\n{block}")


def test_an_included_file_is_followed_and_its_paths_are_its_own(tmp_path: Path) -> None:
    folder = tmp_path / "custom_sources/erp"
    folder.mkdir(parents=True)
    (folder / "requirements.txt").write_text("-r more/base.txt\nsix \\\n  <2\n./vendored\n")
    (folder / "more").mkdir()
    (folder / "more/base.txt").write_text("idna --hash=sha256:aa\n")
    assert of_module(tmp_path / "custom_sources", "erp", root=tmp_path) == (
        Requirement("idna", "custom_sources/erp/more/base.txt:1"),
        Requirement("six <2", "custom_sources/erp/requirements.txt:2"),
        Requirement("./custom_sources/erp/vendored", "custom_sources/erp/requirements.txt:4"),
    )


def test_a_local_package_in_a_form_that_no_build_finds_is_refused_with_the_line_to_write(
    tmp_path: Path,
) -> None:
    (tmp_path / "requirements.txt").write_text("six\nerp[pdf] @ file:packages/erp\n")
    with pytest.raises(
        ConfigurationError, match=r"requirements.txt:2: this requirement names a local"
    ) as error:
        of_file(tmp_path / "requirements.txt", root=tmp_path)
    assert error.value.hint == "write its path alone, from this file's folder: ./FOLDER"


@pytest.mark.parametrize(
    "text",
    [
        "erp @ git+https://example.com/erp.git@v1",
        "erp @ https://example.com/erp.whl",
        "git+ssh://git@example.com/erp.git",
        "erp[pdf]>=1; python_version > '3'",
        "./packages/erp",
        "./packages/erp[pdf]",
    ],
)
def test_other_addresses_and_paths_are_taken_as_they_are(text: str) -> None:
    assert check(text, "sources.yml:1").text == text


def test_an_address_of_an_index_is_refused_for_it_may_hold_a_password(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("--extra-index-url https://u:hunter2@example.org/simple\n")
    with pytest.raises(ConfigurationError) as error:
        of_file(tmp_path / "requirements.txt", root=tmp_path)
    assert "'--extra-index-url' is not supported here" in error.value.message
    assert "hunter2" not in error.value.message + error.value.hint


def test_a_file_that_includes_itself_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("-r b.txt\n")
    (tmp_path / "b.txt").write_text("-r a.txt\n")
    with pytest.raises(ConfigurationError, match=r"b.txt:1: the file includes itself"):
        of_file(tmp_path / "a.txt", root=tmp_path)


def test_a_missing_included_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("-r b.txt\n")
    with pytest.raises(ConfigurationError, match=r"a.txt:1: the file that '-r' names does not exist"):
        of_file(tmp_path / "a.txt", root=tmp_path)


@given(st.text())
def test_any_text_gives_requirements_or_a_report(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    root = tmp_path_factory.mktemp("any")
    (root / "requirements.txt").write_text(text, encoding="utf-8", errors="surrogatepass")
    (root / "demo.py").write_text(f"# /// script\n{text}\n# ///\n", encoding="utf-8", errors="surrogatepass")
    for name, read in (("requirements.txt", of_file), ("demo.py", of_script)):
        try:
            assert isinstance(read(root / name, root=root), tuple)
        except ConfigurationError as error:
            assert error.message
