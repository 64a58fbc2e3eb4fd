"""``dltpod sources``: what a source can be made of."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from launcher import cli

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.delenv("DLTPOD_FILE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "here"


def project(folder: Path, location: str) -> None:
    """A project with a source of its own, and a repository of verified ones beside it."""
    (folder / "sources.yml").write_text(
        f"verified_sources: {{location: '{location}', ref: main}}\n"
        "sources:\n- {name: a, dlt_native: {source_module: orders, source_function: f}}\n"
    )
    (folder / "custom_sources/_hidden").mkdir(parents=True)
    (folder / "custom_sources/orders.py").write_text(
        '"""Orders of the shop. Nightly."""\nraise SystemExit(1)\n'
    )


def repository(place: Path) -> None:
    for name, text in (("jira", '"""Issues of Jira\nand projects."""'), ("rest_api", ""), ("odd", "def (")):
        (place / f"sources/{name}").mkdir(parents=True)
        (place / f"sources/{name}/__init__.py").write_text(text)
    for arguments in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-q", "-m", "first"]):
        identity = ["-c", "user.name=Ada", "-c", "user.email=ada@example.com"]
        subprocess.run(["git", "-C", str(place), *identity, *arguments], check=True)


def listed(capsys: Capture, *arguments: str) -> list[tuple[str, str, str]]:
    assert cli.main(["sources", "--json", *arguments]) == 0
    return [(o["name"], o["origin"], o["text"]) for o in json.loads(capsys.readouterr().out)]


def test_all_that_can_be_had_is_listed_and_no_code_runs(folder: Path, capsys: Capture) -> None:
    repository(folder.parent / "vs")
    project(folder, f"file://{folder.parent}/vs")
    found = listed(capsys)
    assert [(name, origin) for name, origin, _ in found] == [
        ("python", "own"),
        ("rest_api", "dlt"),
        ("sql_database", "dlt"),
        ("filesystem", "dlt"),
        ("orders", "custom"),
        ("jira", "verified"),
        ("odd", "verified"),
    ]
    assert [text for _, _, text in found[-3:]] == ["Orders of the shop", "Issues of Jira and projects", ""]


def test_a_word_chooses_by_name_and_by_what_is_said(folder: Path, capsys: Capture) -> None:
    repository(folder.parent / "vs")
    project(folder, "../vs")
    assert [name for name, _, _ in listed(capsys, "SHOP")] == ["orders"]
    assert [name for name, _, _ in listed(capsys, "jir")] == ["jira"]
    assert cli.main(["sources", "jirra"]) == 0
    assert "did you mean 'jira'?" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (
            "sql_database",
            "postgres PostgreSQL mysql mariadb mssql sqlite oracle snowflake bigquery redshift sql",
        ),
        ("filesystem", "s3 gcs azure sftp csv parquet"),
        ("rest_api", "api rest http"),
    ],
)
def test_a_database_a_store_or_a_format_finds_the_kind_that_reads_it(
    folder: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch, kind: str, words: str
) -> None:
    monkeypatch.setenv("PATH", str(folder))  # without git nothing is fetched
    assert {word: [name for name, _, _ in listed(capsys, word)] for word in words.split()} == {
        word: [kind] for word in words.split()
    }


def test_what_was_fetched_once_is_listed_without_a_network(folder: Path, capsys: Capture) -> None:
    repository(folder.parent / "vs")
    project(folder, f"file://{folder.parent}/vs")
    before = listed(capsys)
    (folder.parent / "vs").rename(folder.parent / "gone")
    assert listed(capsys) == before


def test_what_could_not_be_asked_is_said_beside_what_is_here(folder: Path, capsys: Capture) -> None:
    project(folder, f"file://{folder.parent}/nowhere")
    assert cli.main(["sources"]) == 0
    said = capsys.readouterr()
    assert "orders" in said.out
    assert "dlt's verified sources are not listed:" in said.err


def test_a_project_is_not_needed(
    folder: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))  # without git nothing is fetched
    assert [name for name, _, _ in listed(capsys)] == ["python", "rest_api", "sql_database", "filesystem"]
    assert cli.main(["sources", "--file", "other.yml"]) == 2
