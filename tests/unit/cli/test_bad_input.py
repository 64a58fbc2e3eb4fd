"""What is wrong before anything starts: one message of at most three lines, exit code 2, nothing made."""

from __future__ import annotations

from pathlib import Path

import pytest

from launcher import cli

FILE = """
version: 1
sources:
  - {name: shop, type: dlt_native, dlt_native: {source_module: shop, source_function: shop}}
  - {name: old, type: dlt_native, enabled: false, dlt_native: {source_module: old, source_function: old}}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "sources.yml").write_text(FILE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DLTPOD_FILE", raising=False)
    monkeypatch.delenv("DLTPOD_DEBUG", raising=False)
    monkeypatch.delenv("DOCKER_CONTEXT", raising=False)
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/no.sock")
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["sync", "shopp"], "there is no source 'shopp'; did you mean 'shop'?"),
        (["sync", "all"], "`--all` takes every source"),
        (["sync", "old"], "'old' is disabled"),
        (["sync"], "Which source?"),
        (["sync", "--tag", "crm"], "no source has the tag 'crm'"),
        (["sync", "shop", "--set", "since"], "--set takes KEY=VALUE"),
        (["sync", "shop", "--timeout", "soon"], "--timeout: 'soon' is not a duration"),
        (["sync", "shop", "--limit", "0"], "--limit"),
        (["sync", "shop", "--engine", "podman"], "--engine"),
        (["sync", "shop"], "no Docker engine answers"),
        (["build", "shop"], "no Docker engine answers"),
        (["build", "shop", "--push"], "names no registry to push to"),
        (["ps"], "no Docker engine answers"),
        (["show", "shop"], "shop has loaded nothing yet"),
        (["list", "--tag", "crm"], "no source has the tag 'crm'"),
        (["list", "shopp"], "there is no source 'shopp'; did you mean 'shop'?"),
        (["build"], "no Docker engine answers"),
        (["shell", "shop"], "no Docker engine answers"),
        (["stop"], "name the sources to stop"),
        (["logs", "shop"], "shop has not run yet"),
        (["logs", "shp"], "did you mean 'shop'?"),
        (["runs", "shp"], "did you mean 'shop'?"),
        (["gc", "--older-than", "soon"], "--older-than: 'soon' is not a duration"),
        (["list", "--changed-since", "HEAD"], "is in no git repository"),
        (["sync", "shop", "-j", "x"], "'x' is not a whole number of at least 1."),
        (["preview", "shop", "-n", "2000"], "'2000' is not a whole number from 1 to 1000."),
        (["stop", "shop", "--grace", "-1"], "'-1' is not a number of at least 0."),
        (["render"], "Choose from: kubernetes, compose, ci, cron"),
        (["sync", "shop", "--all"], "Give names or --all, not both."),
        (["sync", "--all", "--source", "shop", "--dry-run"], "Give names or --all, not both."),
        (["secrets", "shop", "--all"], "give a name or --all, not both"),
        (["new", "My Shop"], "the name 'My Shop' must be lower-case letters"),
        (["sync", "old"], "Set `enabled: true` there to use it."),
        (["sync", "--tag", "crm"], "sources.yml has no `tags:`"),
        (["show", "shop", "--sql"], "`dltpod show --help` shows what it takes"),
        (["--file", "elsewhere.yml", "list"], "elsewhere.yml does not exist"),
    ],
)
def test_a_wrong_call_is_told_in_three_lines_with_a_way_out(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    code = cli.main(arguments)
    captured = capsys.readouterr()
    assert message in captured.err
    assert (code, captured.out) == (2, "")
    assert len(captured.err.splitlines()) <= 3
    assert not (folder / "data").exists()


def test_an_unreadable_file_is_told_by_its_name(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "sources.yml").unlink()
    (folder / "sources.yml").symlink_to("sources.yml")
    assert cli.main(["--file", "sources.yml", "list"]) == 2
    assert "sources.yml" in capsys.readouterr().err


def test_a_file_in_the_place_of_dltpods_own_folder_is_told_as_that(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / ".dltpod").write_text("")
    assert cli.main(["sync", "shop"]) == 2
    assert f"hint: it is a file: `mv {folder}/.dltpod {folder}/.dltpod.bad`" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["report"], ["secrets", "shop"]])
def test_so_it_is_where_another_command_needs_that_folder(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    (folder / ".dltpod").write_text("")
    (folder / "custom_sources").mkdir()
    (folder / "custom_sources" / "shop.py").write_text("def shop(): ...\n")
    assert cli.main(arguments) == 2
    told = f"hint: {folder}/.dltpod is a file, not a folder: `mv {folder}/.dltpod {folder}/.dltpod.bad`"
    assert told in capsys.readouterr().err


def test_a_file_of_the_users_own_that_is_in_the_way_is_not_to_be_moved_away(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["report", "-o", "sources.yml/report.html"]) == 2
    assert capsys.readouterr().err.endswith(f"hint: {folder}/sources.yml is a file, not a folder\n")


@pytest.mark.parametrize("command", [["report"], ["sync", "shop"]])
def test_the_way_out_is_quoted_for_a_shell(
    folder: Path, capsys: pytest.CaptureFixture[str], command: list[str]
) -> None:
    spaced = folder / "our sources"
    spaced.mkdir()
    (folder / "sources.yml").rename(spaced / "sources.yml")
    (spaced / ".dltpod").write_text("")
    assert cli.main(["--file", f"{spaced}/sources.yml", *command]) == 2
    assert f"`mv '{spaced}/.dltpod' '{spaced}/.dltpod.bad'`" in capsys.readouterr().err


def test_every_fault_of_the_file_is_in_the_one_report(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "sources.yml").write_text(
        FILE.replace("enabled: false", "enabeld: false").replace("version: 1", "version: 9")
    )
    assert cli.main(["sync", "shop"]) == 2
    error = capsys.readouterr().err
    assert "did you mean 'enabled'?" in error
    assert "version" in error


@pytest.mark.parametrize("module", ["''", "..m", "../evil"])
def test_a_check_of_what_is_no_modules_name_fetches_nothing(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, module: str
) -> None:
    monkeypatch.setenv("HOME", str(folder))
    text = FILE.replace("source_module: shop", f"source_module: {module}")
    text += "verified_sources: {location: 'https://127.0.0.1:1/none.git'}\n"
    (folder / "sources.yml").write_text(text)
    assert cli.main(["check", "shop"]) == 2
    captured = capsys.readouterr()
    assert "fetching" not in captured.err
    assert "module" in captured.out
