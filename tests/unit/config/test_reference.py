"""docs/sources.md and the JSON Schema say what the models do."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import jsonschema
import pytest

from launcher.config import load, schema
from launcher.config.dlt_words import WriteDisposition
from launcher.config.forms import Model
from launcher.config.models import Container, File, Kubernetes, descriptions_of
from launcher.errors import ConfigurationError
from launcher.secrets.gather import part_of, read_environment
from runner.contract import SECRETS_FILE
from tests.unit.config import field_tables
from tests.unit.config.project import write

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PAGE = field_tables.PAGE.read_text()
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
WHOLE = [text for kind, text in BLOCKS if kind == "yaml" and re.search(r"^sources:", text, re.MULTILINE)]
PARTS = [text for kind, text in BLOCKS if kind == "yaml" and text not in WHOLE]
TOML = [text for kind, text in BLOCKS if kind == "toml"]


def indented(text: str) -> str:
    return "sources:\n  - name: example\n" + "".join(f"    {line}\n" for line in text.splitlines())


@pytest.mark.parametrize("text", [*WHOLE, *map(indented, PARTS)])
def test_every_example_of_the_reference_is_right_and_the_schema_agrees(tmp_path: Path, text: str) -> None:
    assert load(write(tmp_path, text)).sources
    jsonschema.Draft202012Validator(schema()).validate(_plain(text))


def _plain(text: str) -> Any:
    """The file as an editor's YAML 1.2 parser has it: dates are text."""
    from launcher.config.document import Document

    return Document(Path("sources.yml"), text).data


def test_there_are_examples_of_every_key() -> None:
    used = {key for text in (*WHOLE, *PARTS) for key in re.findall(r"([a-z_]+):", text)}
    everything = {name for model in (File, Container, Kubernetes) for name in model.model_fields}
    seldom = {"verified_sources", "namespace", "annotations", "secret", "scratch", "start_timeout", "keep"}
    assert everything - used - seldom == set()


def test_the_secrets_of_the_reference_reach_whom_it_says(tmp_path: Path) -> None:
    file = write(tmp_path, next(text for text in WHOLE if "jira_us" in text))
    write(tmp_path, TOML[0], ".dlt/secrets.toml")
    project = load(file)
    given = {
        source.name: part_of(project, source, read_environment(project, {}), {}).slice.files[SECRETS_FILE]
        for source in project.sources
    }
    secrets = ("secret of eu", "secret of us", "secret of shop", "bot@example.com", "secret-of-warehouse")
    assert {name: [s for s in secrets if s in text] for name, text in given.items()} == {
        "jira_eu": ["secret of eu", "bot@example.com"],
        "jira_us": ["secret of us", "bot@example.com"],
        "shop": ["secret of shop", "secret-of-warehouse"],
    }


@pytest.mark.parametrize("text", TOML)
def test_every_example_of_toml_is_toml(text: str) -> None:
    assert tomllib.loads(text)


def test_the_tables_and_the_schema_of_the_reference_are_those_of_the_models() -> None:
    again = "python -m tests.unit.config.field_tables writes it anew"
    assert field_tables.page() == PAGE, again
    assert field_tables.schema_text() == field_tables.SCHEMA.read_text(), again


def models_below(model: type[Model]) -> set[type[Model]]:
    found = {model}
    for field in model.model_fields.values():
        for part in parts_of(field.annotation):
            if isinstance(part, type) and issubclass(part, Model) and part not in found:
                found |= models_below(part)
    return found


def parts_of(annotation: Any) -> Iterator[Any]:
    yield annotation
    for part in get_args(annotation):
        yield from parts_of(part)


def test_every_field_has_a_description_and_every_model_forbids_what_it_does_not_know() -> None:
    found = models_below(File)
    assert len(found) == 13
    for model in found:
        assert model.model_config["extra"] == ("allow" if model is WriteDisposition else "forbid")
        for name in model.model_fields:
            assert descriptions_of(model)[name].endswith("."), (model, name)


ENTRY: dict[str, Any] = {"name": "a", "dlt_native": {"source_module": "m", "source_function": "f"}}


@pytest.mark.parametrize(
    "more",
    [
        {"name": "A"},
        {"name": "a" * 41},
        {"type": "csv"},
        {"enabled": "yes please"},
        {"tags": "crm"},
        {"schedule": "hourly"},
        {"container": {"memry": "2g"}},
        {"container": {"memory": "lots"}},
        {"container": {"memory": 512}},
        {"container": {"python": 3.11}},
        {"container": {"timeout": "30 minutes"}},
        {"container": {"mounts": ["nowhere"]}},
        {"container": {"egress": ["https://x"]}},
        {"container": {"network": "none", "egress": ["10.0.0.1:443"]}},
        {"container": {"egress": ["example.com/24:443"]}},
        {"container": {"env": {"1A": "x"}}},
        {"kubernetes": {"secret": "My_Secret"}},
        {"kubernetes": {"namespace": "a.b"}},
        {"kubernetes": {"labels": {"dltpod.source": "x"}}},
        {"kubernetes": {"annotations": {"app.kubernetes.io/managed-by": "x"}}},
        {"kubernetes": {"uid": 0}},
        {"kubernetes": {"uid": "root"}},
        {"kubernetes": {"requests": {"cpu": 0}}},
        {"kubernetes": {"ca_bundle": {"key": "x"}}},
        {"dlt_native": {"source_module": "m"}},
        {"dlt_native": {**ENTRY["dlt_native"], "write_disposition": "mrge"}},
        {"dlt_native": {**ENTRY["dlt_native"], "write_disposition": {"strategy": "upsert"}}},
        {"dlt_native": {**ENTRY["dlt_native"], "schema_contract": {"colums": "freeze"}}},
        {"dlt_native": {**ENTRY["dlt_native"], "schema_contract": {"columns": "frieze"}}},
    ],
)
def test_what_the_loader_refuses_the_schema_refuses_too(tmp_path: Path, more: dict[str, Any]) -> None:
    import json

    data = {"sources": [{**ENTRY, **more}]}
    assert list(jsonschema.Draft202012Validator(schema()).iter_errors(data))
    with pytest.raises(ConfigurationError):
        load(write(tmp_path, json.dumps(data)))


def test_the_schema_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(schema())
