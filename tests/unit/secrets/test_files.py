"""Files that can't be read are told by file and line, never by what they hold."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given as property_of
from hypothesis import strategies as st

from launcher.config.toml_files import configured_destinations, read_toml
from launcher.errors import ConfigurationError
from launcher.secrets.dotenv import read_dotenv
from launcher.secrets.gather import read_environment
from tests.unit.secrets.asking import cut, given

SOURCES = "sources:\n  - {name: acme, dlt_native: {source_module: m, source_function: f}}\n"


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("a = 1\nb = hunter2\n", 2, "text stands in quotes"),
        ("a = 'x\nhunter2'\n", 1, "closing quotes"),
        ("hunter2\n", 1, "without '='"),
        ("a = 1\n[a.hunter2]\n", 2, "duplicate"),
        ("[hunter2]\n[hunter2]\n", 2, "duplicate"),
        ('a = "hunter2" "hunter2"\n', 1, "after the value"),
        ("a = {hunter2 = [}\n", 1, ""),
        ("\n\n= hunter2\n", 3, "is not TOML"),
    ],
)
def test_a_syntax_error_of_secrets_toml_shows_its_line_and_not_its_text(
    tmp_path: Path, text: str, line: int, what: str
) -> None:
    file = tmp_path / "secrets.toml"
    file.write_text(text)
    with pytest.raises(ConfigurationError) as caught:
        read_toml(file)
    assert caught.value.message.startswith(f"{file}:{line}: ")
    assert what in caught.value.message
    assert "hunter2" not in caught.value.message + caught.value.hint


def test_files_that_are_not_there_are_empty(tmp_path: Path) -> None:
    project = given(tmp_path, SOURCES)
    assert read_toml(tmp_path / ".dlt/secrets.toml") == {}
    assert read_environment(project, {}) == {}


def test_a_broken_file_is_told_before_any_source_starts(tmp_path: Path) -> None:
    for name in (".dlt/secrets.toml", ".dlt/config.toml"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("broken")
        with pytest.raises(ConfigurationError, match="without '='"):
            read_environment(given(tmp_path, SOURCES), {})
        (tmp_path / name).unlink()


def test_bytes_that_are_no_text_and_folders_are_told(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x = 1\ny = '\xe4'\n")
    (tmp_path / "b").mkdir()
    for read in (read_toml, read_dotenv):
        with pytest.raises(ConfigurationError, match=":2: not UTF-8 text"):
            read(tmp_path / "a")
        with pytest.raises(ConfigurationError, match="can't be read"):
            read(tmp_path / "b")


def test_a_file_that_was_changed_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "x.toml"
    file.write_text("a = 1\n")
    assert read_toml(file) == {"a": 1}
    file.write_text("a = 22\n")
    assert read_toml(file) == {"a": 22}


def test_a_line_of_dotenv_that_is_none_is_told_by_its_number(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("A=1\nhunter2\n\n# fine\nexport B='x y'\n2A=hunter2\nC=\"hunter2\n")
    with pytest.raises(ConfigurationError) as caught:
        read_dotenv(file)
    lines = [line.rpartition("/")[2] for line in caught.value.message.splitlines()]
    assert lines == [".env:2: is not NAME=value.", ".env:6: is not NAME=value.", ".env:7: is not NAME=value."]
    assert "hunter2" not in caught.value.message + caught.value.hint


def test_a_value_of_dotenv_is_taken_as_it_stands(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("A=p$HOME${HOME}w # why\nexport B='x # y'\nC=\"l1\nl2\"\nD=\n\nE = e\n")
    assert read_dotenv(file) == {"A": "p$HOME${HOME}w", "B": "x # y", "C": "l1\nl2", "D": "", "E": "e"}


@property_of(st.text(max_size=60) | st.text(alphabet="=[]{}.'\"#\n\\ab1,-", max_size=40))
def test_any_text_is_read_or_told_and_never_quoted(text: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "x.toml")
        file.write_bytes(text.encode("utf-8", "surrogatepass"))
        for read in (read_toml, read_dotenv):
            try:
                read(file)
            except ConfigurationError as error:
                assert error.message.startswith(str(file))


def test_a_variable_that_is_no_text_is_told_by_its_name(tmp_path: Path) -> None:
    project = given(tmp_path, SOURCES.replace("function: f", 'function: f, function_kwargs: {a: "env:A"}'))
    for name in ("A", "SOURCES__ACME__TOKEN"):
        with pytest.raises(ConfigurationError, match=f"{name} is not UTF-8 text"):
            cut(project, "acme", {"A": "x", name: "hunter2\udcff"})


def test_a_broken_file_hides_no_destination_of_the_other(tmp_path: Path) -> None:
    folder = tmp_path / ".dlt"
    folder.mkdir()
    (folder / "secrets.toml").write_text("broken")
    (folder / "config.toml").write_text('[destination.lake]\ndestination_type = "filesystem"\n')
    assert configured_destinations(tmp_path, {}) == {"lake": "filesystem"}
