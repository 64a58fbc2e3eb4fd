"""A slice holds what its source may see, and nothing of another's."""

from __future__ import annotations

import copy
import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from hypothesis import given as property_of
from hypothesis import strategies as st

from launcher.secrets import slices
from runner.contract import CONFIG_FILE, SECRETS_FILE, VALUES_FILE
from tests.unit.config.project import write
from tests.unit.secrets.asking import ENTRY, cut, given

SOURCES = """\
sources:
  - name: acme
    destination: postgres
    dlt_native:
      source_module: erp.api
      source_function: orders
      pipeline_name: nightly
      secret_sections: [sources.shared, vendor.tokens]
      function_kwargs: {token: "env:ACME_TOKEN"}
  - {name: bolt, dlt_native: {source_module: erp.api, source_function: orders}}
  - {name: items, dlt_native: {source_module: items, source_function: items}}
"""

MAY = [
    ("root",),
    ("credentials", "x"),
    ("sources", "x"),
    ("sources", "credentials", "x"),
    ("sources", "acme", "x"),
    ("sources", "acme", "deep", "x"),
    ("sources", "api", "x"),
    ("sources", "api", "orders", "x"),
    ("sources", "api", "other_function", "x"),
    ("sources", "orders", "x"),
    ("sources", "shared", "x"),
    ("vendor", "tokens", "x"),
    ("nightly", "x"),
    ("nightly", "sources", "x"),
    ("nightly", "sources", "api", "x"),
    ("nightly", "destination", "postgres", "x"),
    ("destination", "x"),
    ("destination", "credentials", "x"),
    ("destination", "postgres", "x"),
    ("destination", "postgres", "credentials", "x"),
    ("runtime", "x"),
    ("extract", "x"),
    ("normalize", "data_writer", "x"),
    ("load", "x"),
    ("data_writer", "x"),
    ("schema", "x"),
]
MAY_NOT = [
    ("sources", "bolt", "x"),
    ("sources", "bolt", "credentials", "x"),
    ("sources", "items", "x"),
    ("sources", "something", "x"),
    ("sources", "acm", "x"),
    ("sources", "erp", "x"),
    ("bolt", "x"),
    ("bolt", "sources", "x"),
    ("items", "sources", "items", "x"),
    ("acme", "x"),
    ("nightly", "sources", "bolt", "x"),
    ("nightly", "destination", "duckdb", "x"),
    ("destination", "duckdb", "x"),
    ("destination", "warehouse", "credentials", "x"),
    ("vendor", "x"),
    ("vendor", "other", "x"),
    ("providers", "x"),
    ("anything", "x"),
]


def put(table: dict[str, Any], path: tuple[str, ...], value: str) -> None:
    for step in path[:-1]:
        table = table.setdefault(step, {})
    table[path[-1]] = value


def planted(paths: Mapping[tuple[str, ...], str]) -> str:
    table: dict[str, Any] = {}
    for path, value in paths.items():
        put(table, path, value)
    return tomli_w.dumps(table)


def everything(files: Mapping[str, str]) -> str:
    return "\n".join(files.values())


@property_of(
    st.sets(st.sampled_from(MAY + MAY_NOT), min_size=1),
    st.sets(st.sampled_from(MAY + MAY_NOT)),
    st.sets(st.sampled_from(MAY + MAY_NOT)),
)
def test_only_what_a_source_may_see_comes_out_wherever_it_is_planted(
    secrets: set[tuple[str, ...]], config: set[tuple[str, ...]], variables: set[tuple[str, ...]]
) -> None:
    marks = {
        name: {path: f"{name}-{'.'.join(path)}-mark" for path in paths}
        for name, paths in (("secrets", secrets), ("config", config), ("env", variables))
    }
    environ = {"__".join(path).upper(): mark for path, mark in marks["env"].items() if len(path) > 1}
    with tempfile.TemporaryDirectory() as folder:
        project = given(Path(folder), SOURCES, planted(marks["secrets"]), planted(marks["config"]))
        made = cut(
            project, "acme", {**environ, "ACME_TOKEN": "t", "OTHER": "other-mark", "ROOT": "bare-mark"}
        )
    text = everything(made.files)
    for name in marks:
        for path, mark in marks[name].items():
            if path in MAY_NOT:
                assert mark not in text, (name, path)
    for path, mark in marks["secrets"].items():
        hidden = path in marks["env"] and len(path) > 1
        nearer = {("sources", "acme", "x"), ("sources", "shared", "x")} - {path}
        replaced = path[-1] == "x" and not nearer.isdisjoint(secrets | config | variables)
        if path in MAY and not hidden and not replaced:
            assert mark in text, path
    assert "other-mark" not in text
    assert "bare-mark" not in text
    own = marks["env"].get(("sources", "acme", "x")) or marks["secrets"].get(("sources", "acme", "x"))
    assert own is None or own in made.files[SECRETS_FILE]


def test_the_values_of_references_are_those_of_this_source_alone(tmp_path: Path) -> None:
    project = given(tmp_path, SOURCES, env="ACME_TOKEN=t\nBOLT_TOKEN=b\n")
    assert json.loads(cut(project, "acme").files[VALUES_FILE]) == {"ACME_TOKEN": "t"}
    assert VALUES_FILE not in cut(project, "bolt").files


def test_a_variable_named_after_another_entry_is_its_own_however_a_file_spells_that(tmp_path: Path) -> None:
    project = given(tmp_path, SOURCES, '[sources]\nBolt = "s"\n[nightly.sources]\nBolt = "s"\n')
    made = cut(project, "acme", {"ACME_TOKEN": "t", "SOURCES__BOLT": "b", "NIGHTLY__SOURCES__BOLT": "b"})
    assert made.files[SECRETS_FILE] == '[sources]\nBolt = "s"\n\n[nightly.sources]\nBolt = "s"\n'


def test_so_it_is_where_a_function_has_the_other_entrys_name_in_another_case(tmp_path: Path) -> None:
    project = given(tmp_path, SOURCES.replace("source_function: orders", "source_function: Bolt", 1))
    made = cut(project, "acme", {"ACME_TOKEN": "t", "SOURCES__BOLT__X": "b"})
    assert made.files[SECRETS_FILE] == "[sources]\n"


def test_a_variable_is_spelt_as_the_entry_names_a_section_that_no_file_has(tmp_path: Path) -> None:
    project = given(tmp_path, ENTRY.format(function="orders", more=", secret_sections: [Vendor.tokens]"))
    made = cut(project, "acme", {"VENDOR__TOKENS__X": "v", "VENDOR__OTHER": "o"})
    assert made.files[SECRETS_FILE] == '[Vendor.tokens]\nx = "v"\n'


def test_a_value_that_is_named_as_the_pipeline_gives_way_to_its_section(tmp_path: Path) -> None:
    secrets = 'acme = "text"\n[sources.acme]\ntoken = "t"\n'
    project = given(tmp_path, ENTRY.format(function="orders", more=", secret_sections: [acme]"), secrets)
    assert '[acme.sources]\ntoken = "t"\n' in cut(project, "acme").files[SECRETS_FILE]


def test_dlts_own_settings_from_variables_are_no_secrets(tmp_path: Path) -> None:
    made = cut(given(tmp_path, SOURCES), "bolt", {"RUNTIME__LOG_LEVEL": "INFO", "LOAD__WORKERS": "4"})
    assert made.files == {CONFIG_FILE: '[load]\nworkers = "4"\n\n[runtime]\nlog_level = "INFO"\n'}


def test_a_variable_wins_over_one_of_dlts_own_settings_among_the_secrets(tmp_path: Path) -> None:
    project = given(tmp_path, SOURCES, '[runtime]\nlog_level = "DEBUG"\n')
    made = cut(project, "bolt", {"RUNTIME__LOG_LEVEL": "INFO"})
    assert "DEBUG" not in everything(made.files)


def test_the_names_of_the_keys_are_known_and_their_values_are_not(tmp_path: Path) -> None:
    project = given(tmp_path, SOURCES, planted(dict.fromkeys(MAY + MAY_NOT, "mark")))
    made = cut(project, "acme", {"ACME_TOKEN": "t"})
    assert made.names == tuple(sorted(".".join(path) for path in MAY))
    assert "mark" not in repr(made)


@pytest.mark.parametrize(
    ("code", "sections"),
    [
        ("from .endpoints import orders\n__source_name__ = 'by_name'\n", {"shop", "endpoints", "by_name"}),
        ("import dlt\n@dlt.source(section='named')\ndef orders(): ...\n", {"shop", "named"}),
        ("not python", {"shop"}),
        ("orders = other.clone(name='by_name', section='named')\n", {"shop", "named", "by_name"}),
        ("@dlt.source(section='named')\ndef a(): ...\ndef orders():\n    return a()\n", {"shop", "named"}),
        ("from endpoints import a\norders = a.with_args(section='other')\n", {"shop", "other"}),
        ("def orders():\n    from x.endpoints import a as b\n    return [b()]\n", {"shop", "endpoints"}),
        ("@dlt.source(section='named')\ndef unused(): ...\ndef orders(): ...\n", {"shop"}),
    ],
)
def test_the_sections_that_the_code_names_are_native_places(
    tmp_path: Path, code: str, sections: set[str]
) -> None:
    everywhere = ("shop", "endpoints", "by_name", "named", "other")
    project = given(
        tmp_path,
        "sources:\n  - {name: a, dlt_native: {source_module: shop, source_function: orders}}\n",
        "".join(f'[sources.{name}]\ntoken = "mark-{name}"\n' for name in everywhere),
    )
    write(tmp_path, code, "custom_sources/shop/__init__.py")
    found = everything(cut(project, "a").files)
    assert {name for name in everywhere if f"mark-{name}" in found} == sections


def test_a_place_that_the_code_asks_by_its_path_and_does_not_get_is_told(tmp_path: Path) -> None:
    asked = (
        'import dlt\na = dlt.secrets["vendor.eu.token"]\nb = dlt.secrets.get("sources.api.token")\n'
        'c = dlt.config.get("not.there", int)\nd = dlt.secrets.get("top")\ne = dlt.secrets.get("vendor.eu")\n'
    )
    secrets = 'top = "x"\n[vendor.eu]\ntoken = "t"\n[sources.api]\ntoken = "t"\n'
    project = given(tmp_path, ENTRY.format(function="orders", more=""), secrets, code=asked)
    told = [warning.partition("acme: ")[2] for warning in cut(project, "acme").warnings]
    assert len(told) == 2
    assert "custom_sources/api.py:2 reads vendor.eu.token, which" in told[0]
    assert "custom_sources/api.py:6 reads vendor.eu, which" in told[1]
    assert all(text.endswith("write dlt_native: {secret_sections: [vendor.eu]}") for text in told)
    more = ", secret_sections: [vendor.eu]"
    project = given(tmp_path, ENTRY.format(function="orders", more=more), secrets, code=asked)
    assert cut(project, "acme").warnings == ()


KEYS = st.sampled_from(
    ["sources", "acme", "api", "nightly", "destination", "postgres", "credentials", "x", "runtime", "orders"]
)
FILLED = st.text(min_size=1, max_size=4).filter(str.strip)
"""An empty secret of the entry's own is refused (test_empty.py)."""
TABLES: st.SearchStrategy[Any] = st.recursive(
    FILLED | st.integers(-9, 9) | st.booleans() | st.lists(st.dictionaries(KEYS, FILLED)),
    lambda inner: st.dictionaries(KEYS, inner, max_size=4),
)


@property_of(st.dictionaries(KEYS, TABLES, max_size=5), st.dictionaries(KEYS, TABLES, max_size=5))
def test_files_of_any_shape_give_a_slice(secrets: dict[str, Any], config: dict[str, Any]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        project = given(Path(folder), SOURCES, tomli_w.dumps(secrets), tomli_w.dumps(config))
        assert set(cut(project, "acme", {"ACME_TOKEN": "t", "SOURCES__API__X": "v"}).files) <= {
            SECRETS_FILE,
            CONFIG_FILE,
            VALUES_FILE,
        }


@property_of(
    st.dictionaries(KEYS, TABLES, max_size=5),
    st.dictionaries(st.sampled_from(["SOURCES__API__X", "SOURCES__ACME", "NIGHTLY__X", "X__Y"]), FILLED),
    st.lists(st.lists(KEYS, min_size=1, max_size=3).map(".".join), max_size=2),
)
def test_a_part_holds_all_that_a_variable_can_change_and_the_file_stays_as_it_is(
    table: dict[str, Any], environ: dict[str, str], more: list[str]
) -> None:
    scope = slices.Scope(
        name="acme",
        pipeline="nightly",
        sections=("api",),
        function="orders",
        destination="postgres",
        entries=frozenset({"acme", "x"}),
        more=tuple(more),
    )
    before = copy.deepcopy(table)
    part = slices.File(table).part_for(scope)
    assert slices.File(part).part_for(scope) == part
    folded = slices.fold(environ, scope, part)
    whole = slices.File(slices.merge(table, folded)).part_for(scope)
    made = slices.File(slices.merge(part, folded)).part_for(scope)
    assert made == whole
    _empty(made)
    assert table == before


def _empty(table: dict[str, Any]) -> None:
    """Take everything out of a table and of those within."""
    for value in table.values():
        if isinstance(value, dict):
            _empty(value)
    table.clear()
