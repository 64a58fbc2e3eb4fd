"""``dltpod config``: an entry with all that it has from defaults, and no secret."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path

import pytest

from launcher import cli, config

Capture = pytest.CaptureFixture[str]
FILE = """\
defaults:
  destination: postgres
  container: {memory: 1g, env: {TZ: UTC}}
sources:
  - name: shop
    tags: ["1", "on"]
    schedule: "0 * * * *"
    dlt_native:
      source_module: shop
      source_function: shop
      function_kwargs: {token: "env:SHOP_TOKEN", empty: [], since: 2024-01-01, nothing: ""}
      write_disposition: {disposition: merge, strategy: scd2}
      schema_contract: {columns: freeze}
    container: {env: {LANG: C}, cpus: 1.5, mounts: ["in:/workspace/in:ro"]}
    kubernetes: {state: {size: 2Gi}}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "sources.yml").write_text(FILE)
    (tmp_path / "in").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DLTPOD_FILE", raising=False)
    return tmp_path


def test_what_is_printed_is_an_entry_that_means_the_same_without_any_defaults(
    folder: Path, capsys: Capture
) -> None:
    before = config.load(folder / "sources.yml").sources[0]
    assert cli.main(["config", "shop"]) == 0
    out = capsys.readouterr().out
    assert "memory: 1g" in out
    assert "dataset_name: raw_shop" in out
    assert "timeout: 24h" in out
    (folder / "sources.yml").write_text("sources:\n  -\n" + textwrap.indent(out, "    "))
    after = config.load(folder / "sources.yml").sources[0]
    said = {"pipeline_name": before.pipeline_name, "dataset_name": before.dataset_name}
    assert after == before.model_copy(
        update={
            "dlt_native": before.dlt_native.model_copy(update=said),
            "container": before.container.model_copy(update={"dlt": after.container.dlt}),
        }
    )


def test_literals_that_look_like_secrets_are_masked_and_references_are_not(
    folder: Path, capsys: Capture
) -> None:
    arguments = '{password: hush-hush, deep: [{dsn: "postgresql://u:hush-hush@h/d"}], token: "env:T"}'
    entry = f"dlt_native: {{source_module: m, source_function: f, function_kwargs: {arguments}}}"
    env = "container: {env: {API_KEY: hush-hush, TZ: UTC}}"
    (folder / "sources.yml").write_text(f"sources:\n- {{name: shop, {entry}, {env}}}\n")
    assert cli.main(["config", "shop", "--json"]) == 0
    out = capsys.readouterr().out
    assert "hush" not in out
    found = json.loads(out)
    masked = {"password": "***", "deep": [{"dsn": "***"}], "token": "env:T"}
    assert found["dlt_native"]["function_kwargs"] == masked
    assert found["container"]["env"] == {"API_KEY": "***", "TZ": "UTC"}
    assert cli.main(["config", "shopp"]) == 2
    assert "did you mean 'shop'?" in capsys.readouterr().err
