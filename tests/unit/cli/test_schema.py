"""``dltpod schema`` and the copy of it that editors of this repository read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from launcher import cli

ROOT = Path(__file__).parents[3]


def test_the_committed_schema_is_what_the_models_say(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["schema"]) == 0
    # `make schema` writes it anew
    assert (ROOT / "docs" / "sources.schema.json").read_text() == capsys.readouterr().out


def test_the_sample_names_the_schema_and_fits_it() -> None:
    import jsonschema
    import yaml

    text = (ROOT / "sources.yml").read_text()
    assert text.startswith("# yaml-language-server: $schema=docs/sources.schema.json\n")
    schema = json.loads((ROOT / "docs" / "sources.schema.json").read_text())
    jsonschema.validate(yaml.safe_load(text), schema)
