"""What a source's code asks by name, ``dlt.secrets["sources.acme.extra"]``, is told with its own cure."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner.contract import Failure
from tests.unit.secrets.asking import row_or_failure

CODE = """\
import dlt


@dlt.resource
def api():
    yield {{"it": {what}}}
"""


def told(root: Path, what: str, secrets: str = "", config: str = "", more: str = "") -> object:
    """The row of a source that asks for that, or the failure that people are told."""
    return row_or_failure(root, "api", CODE.format(what=what), secrets, config, more)


@pytest.mark.parametrize(
    ("what", "file", "lines"),
    [
        ('dlt.secrets["sources.shared.extra"]', "secrets", '[sources.shared]\nextra = "…"'),
        ('dlt.config["sources.shared.extra"]', "config", '[sources.shared]\nextra = "…"'),
        ('dlt.secrets["vendor.extra"]', "secrets", '[vendor]\nextra = "…"'),
        ('dlt.secrets["vendor.deep.extra"]', "secrets", '[vendor.deep]\nextra = "…"'),
    ],
)
def test_a_key_of_a_foreign_section_needs_the_section_too(
    tmp_path: Path, what: str, file: str, lines: str
) -> None:
    section = lines.partition("]")[0].lstrip("[")
    name = what.split('"')[1]
    kind = "secret" if file == "secrets" else "setting"
    failure = told(tmp_path / "a", what)
    assert isinstance(failure, Failure)
    assert failure.message == f"missing {kind} '{name}' for source 'acme'"
    asked_for = f"secret_sections: [{section}]"
    assert failure.hint.splitlines() == [
        f"add to .dlt/{file}.toml, unless it stands there:",
        *lines.splitlines(),
        "and to the source in sources.yml, unless it has that:",
        f"dlt_native: {{{asked_for}}}",
    ]
    assert told(tmp_path / "b", what, more=f", {asked_for}", **{file: lines}) == {"it": "…"}


@pytest.mark.parametrize(
    ("what", "lines"),
    [
        ("sources.acme.extra", '[sources.acme]\nextra = "…"'),
        ("sources.acme.deep.extra", '[sources.acme.deep]\nextra = "…"'),
        ("sources.api.extra", '[sources.api]\nextra = "…"'),
        ("acme.extra", '[acme]\nextra = "…"'),
        ("destination.duckdb.extra", '[destination.duckdb]\nextra = "…"'),
        ("extra", 'extra = "…"'),
    ],
)
def test_a_key_that_its_slice_holds_anyway_needs_no_section(tmp_path: Path, what: str, lines: str) -> None:
    asks = f'dlt.secrets["{what}"]'
    failure = told(tmp_path / "a", asks)
    assert isinstance(failure, Failure)
    where = ", above its tables" if "." not in what else ""
    assert failure.hint == f"add to .dlt/secrets.toml{where}:\n{lines}"
    assert told(tmp_path / "b", asks, f"{lines}\n") == {"it": "…"}


def test_a_section_that_is_the_sources_already_is_not_asked_for(tmp_path: Path) -> None:
    secrets = '[sources.shared]\nextar = "x"\n'
    failure = told(
        tmp_path, 'dlt.secrets["sources.shared.extra"]', secrets, more=", secret_sections: [sources.shared]"
    )
    assert isinstance(failure, Failure)
    assert failure.message == "missing secret 'sources.shared.extra' for source 'acme' (there is 'extar')"
    assert failure.hint == 'add to .dlt/secrets.toml:\n[sources.shared]\nextra = "…"'


def test_all_sources_sections_are_never_asked_for(tmp_path: Path) -> None:
    failure = told(tmp_path, 'dlt.secrets["sources.other"]', "[sources.acme]\na = 1\n")
    assert isinstance(failure, Failure)
    assert failure.hint.endswith("dlt_native: {secret_sections: [sources.other]}")
    more = ", secret_sections: [sources.other]"
    code = 'dlt.secrets["sources.other"]["a"]'
    assert told(tmp_path / "b", code, '[sources.other]\na = "1"\n', more=more) == {"it": "1"}
