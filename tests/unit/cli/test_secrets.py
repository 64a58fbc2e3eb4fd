"""``dltpod secrets``: the files that a rendering's Secret is made of."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from launcher import cli


def written(folder: Path) -> dict[str, str]:
    files = sorted((folder / ".dltpod/secrets/shop").iterdir())
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    return {file.name: file.read_text() for file in files}


def test_the_slice_is_written_for_its_owner_alone(folder: Path) -> None:
    (folder / ".dlt").mkdir()
    (folder / ".dlt/secrets.toml").write_text('[sources.shop]\nkey = "s3cret-value"\n')
    assert cli.main(["secrets", "shop"]) == 0
    assert "s3cret-value" in written(folder)["secrets.toml"]


def test_a_source_without_secrets_has_an_empty_file_so_that_its_secret_can_be_made(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["secrets", "shop"]) == 0
    assert written(folder) == {"secrets.toml": ""}
    assert "no secrets and no configuration" in capsys.readouterr().err
    assert cli.main(["secrets", "shop", "--names"]) == 0
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", "shop has no secrets and no configuration\n")


def test_all_writes_those_of_each_enabled_source_and_one_that_lacks_a_value_stops_no_other(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    entry = "  - {name: %s, %sdlt_native: {source_module: m, source_function: f%s}}\n"
    parts = (
        ("shop", "", ""),
        ("idle", "enabled: false, ", ""),
        ("bare", "", ", function_kwargs: {k: 'env:NONE_1'}"),
    )
    (folder / "sources.yml").write_text("sources:\n" + "".join(entry % part for part in parts))
    (folder / ".dlt").mkdir()
    (folder / ".dlt/secrets.toml").write_text('[sources.shop]\nkey = "s3cret-value"\n')
    assert cli.main(["secrets", "--all"]) == 2
    said = capsys.readouterr()
    assert "NONE_1" in said.err
    assert said.out == f"{folder}/.dltpod/secrets/shop\n"
    assert [place.name for place in (folder / ".dltpod/secrets").iterdir()] == ["shop"]
    assert cli.main(["secrets", "--all", "--names"]) == 2
    assert capsys.readouterr().out == "shop: sources.shop.key\n"
    assert cli.main(["secrets", "--all", "--remove"]) == 0
    assert not (folder / ".dltpod/secrets").exists()


def test_names_has_the_variables_of_the_entry_too_and_no_value(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    entry = "dlt_native: {source_module: m, source_function: f, function_kwargs: {url: 'env:SHOP_URL'}}"
    (folder / "sources.yml").write_text(f"sources: [{{name: shop, {entry}}}]\n")
    monkeypatch.setenv("SHOP_URL", "mongodb://u:s3cret@db.example.com/")
    assert cli.main(["secrets", "shop", "--names"]) == 0
    assert capsys.readouterr().out == "values.json: SHOP_URL\n"


def test_names_has_a_literal_among_the_arguments_by_the_place_where_it_is_written(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    entry = "dlt_native: {source_module: m, source_function: f, function_kwargs: {login: {token: s3cret-t}}}"
    (folder / "sources.yml").write_text(f"sources: [{{name: shop, {entry}}}]\n")
    assert cli.main(["secrets", "shop", "--names"]) == 0
    assert capsys.readouterr().out == "sources.yml: function_kwargs.login.token\n"


@pytest.mark.parametrize("arguments", [[], ["shop", "--all"]])
def test_a_name_or_all_is_needed(folder: Path, arguments: list[str]) -> None:
    assert cli.main(["secrets", *arguments]) == 2


def test_the_webhook_is_there_for_runs_that_no_dltpod_watches(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = folder / "sources.yml"
    file.write_text(file.read_text() + 'notify: {webhook: "env:HOOK_URL"}\n')
    monkeypatch.setenv("HOOK_URL", "https://chat.example.com/hook/s3cret")
    assert cli.main(["secrets", "shop"]) == 0
    assert json.loads(written(folder)["values.json"]) == {
        "DLTPOD_WEBHOOK": "https://chat.example.com/hook/s3cret"
    }
