"""A file that is right: defaults, names, which file, which sources, Dango's."""

from __future__ import annotations

from pathlib import Path

import pytest

from launcher.config import Project, find_file, load, select
from launcher.errors import ConfigurationError
from tests.unit.config.project import entries, one, project, report, write


def test_an_entry_of_three_words_has_every_default(tmp_path: Path) -> None:
    made = project(tmp_path, entries("shop"))
    source = made.sources[0]
    assert (source.enabled, source.destination, source.pipeline_name, source.dataset_name) == (
        True,
        "duckdb",
        "shop",
        "raw_shop",
    )
    assert (source.container.memory, source.container.python, source.container.retries) == ("2g", "3.13", 2)
    assert made.root == tmp_path
    assert made.lines == {"shop": 2}


def test_defaults_stand_under_each_entry_and_mappings_are_merged_by_key(tmp_path: Path) -> None:
    made = project(
        tmp_path,
        """\
        defaults:
          destination: postgres
          container: {memory: 1g, timeout: 30m, extras: [jira], env: {TZ: UTC, A: a}}
          kubernetes: {namespace: data, annotations: {x: y}}
        sources:
          - name: plain
            dlt_native: {source_module: m, source_function: f}
          - name: own
            destination: duckdb
            dlt_native: {source_module: m, source_function: f}
            container: {memory: 4g, extras: [], env: {A: b}}
            kubernetes: {annotations: {z: w}}
        """,
    )
    plain, own = made.sources
    assert (plain.destination, plain.container.memory, plain.container.extras) == (
        "postgres",
        "1g",
        ("jira",),
    )
    assert (own.destination, own.container.memory, own.container.extras) == ("duckdb", "4g", ())
    assert own.container.timeout == "30m"
    assert own.container.env == {"TZ": "UTC", "A": "b"}
    assert own.kubernetes.namespace == "data"
    assert own.kubernetes.annotations == {"x": "y", "z": "w"}


def test_an_empty_key_of_an_entry_goes_back_to_dltpods_own_default(tmp_path: Path) -> None:
    made = project(
        tmp_path,
        """\
        defaults: {container: {timeout: 30m, memory: 1g}}
        sources:
          - name: shop
            dlt_native: {source_module: m, source_function: f}
            kubernetes:
            container:
              timeout:
              memory: ~
        """,
    )
    assert made.sources[0].container.timeout == "24h"
    assert made.sources[0].container.memory == "2g"


def test_a_fault_of_the_defaults_is_told_once_and_where_it_stands(tmp_path: Path) -> None:
    text = "defaults:\n  container:\n    memory: lots\n" + entries("a", "b")
    assert report(tmp_path, text) == [
        "sources.yml:3: defaults.container.memory: 'lots' is not a size such as 512m, 2g or 2Gi"
    ]


def test_arguments_keep_their_types_and_their_empty_values(tmp_path: Path) -> None:
    made = project(
        tmp_path,
        """\
        sources:
          - name: shop
            dlt_native:
              source_module: m
              source_function: f
              function_kwargs: {a: 1, b: 1.5, c: ~, d: [{e: "no"}], f: 2024-01-31, g: 12345678901234567890123}
        """,
    )
    assert made.sources[0].dlt_native.function_kwargs == {
        "a": 1,
        "b": 1.5,
        "c": None,
        "d": [{"e": "no"}],
        "f": "2024-01-31",
        "g": 12345678901234567890123,
    }


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("Acme Data!", "acmedata"),
        ("__x", "x"),
        ("a-b_c", "a-b_c"),
        ("Überblick", "berblick"),
        ("漢字", "default"),
    ],
)
def test_a_project_is_named_after_its_folder_as_compose_does_it(
    tmp_path: Path, folder: str, name: str
) -> None:
    assert project(tmp_path / folder, entries("a")).name == name


def test_the_file_is_looked_for_from_here_upward(tmp_path: Path) -> None:
    file = write(tmp_path, entries("a"))
    below = tmp_path / "x" / "y"
    below.mkdir(parents=True)
    assert find_file(below, None, {}) == file


def test_a_file_that_is_given_wins_over_the_variable_and_a_folder_means_the_file_in_it(
    tmp_path: Path,
) -> None:
    file = write(tmp_path, entries("a"), "one/sources.yml")
    other = write(tmp_path, entries("a"), "two/mine.yml")
    assert find_file(tmp_path, "one", {"DLTPOD_FILE": str(other)}) == file
    assert find_file(tmp_path, None, {"DLTPOD_FILE": str(other)}) == other


def test_a_folder_that_has_the_files_name_is_told_as_that(tmp_path: Path) -> None:
    (tmp_path / "sources.yml").mkdir()
    with pytest.raises(ConfigurationError, match="is a folder"):
        load(find_file(tmp_path, None, {}))


def test_no_file_at_all_is_told_with_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="There is no sources") as caught:
        find_file(tmp_path, None, {})
    assert "--file PATH" in caught.value.hint
    write(tmp_path, "", ".dango/sources.yml")
    with pytest.raises(ConfigurationError) as caught:
        find_file(tmp_path, None, {})
    assert "--file .dango/sources.yml" in caught.value.hint
    with pytest.raises(ConfigurationError, match="does not exist") as caught:
        find_file(tmp_path, "none.yml", {})
    assert "--file" in caught.value.hint


@pytest.fixture
def fleet(tmp_path: Path) -> Project:
    text = entries("a", "b", "c", "idle").replace("{name: b,", "{name: b, tags: [crm, eu],")
    text = text.replace("{name: c,", "{name: c, tags: [eu],").replace(
        "{name: idle,", "{name: idle, enabled: false, tags: [eu],"
    )
    return project(tmp_path, text)


def names(sources: tuple[object, ...]) -> list[str]:
    return [getattr(source, "name", "") for source in sources]


def test_sources_are_chosen_by_name_tag_or_all_in_the_files_order(fleet: Project) -> None:
    assert names(select(fleet, names=["c", "a"])) == ["a", "c"]
    assert names(select(fleet, tags=["eu"])) == ["b", "c"]
    assert names(select(fleet, names=["a"], tags=["crm"])) == ["a", "b"]
    assert names(select(fleet, all=True)) == ["a", "b", "c"]


def test_every_name_that_is_wrong_is_told_at_once(fleet: Project) -> None:
    with pytest.raises(ConfigurationError) as caught:
        select(fleet, names=["idl", "idle", "zzz"], tags=["uu"])
    lines = caught.value.message.replace(f"{fleet.root}/", "").splitlines()
    assert lines == [
        "there is no source 'idl'; did you mean 'idle'?",
        "'idle' is disabled (sources.yml:5: enabled: false)",
        "there is no source 'zzz'",
        "no source has the tag 'uu'",
    ]
    assert caught.value.hint == "Sources: a, b, c, idle"


def test_choosing_nothing_is_a_question_not_everything(fleet: Project) -> None:
    with pytest.raises(ConfigurationError, match="Which source"):
        select(fleet)


def test_all_of_a_file_whose_sources_are_disabled_is_a_fault(tmp_path: Path) -> None:
    made = project(tmp_path, one("enabled: false"))
    with pytest.raises(ConfigurationError, match="disabled"):
        select(made, all=True)


DANGO = """\
version: "1.0"
sources:
  - name: sales_csv
    type: csv
    enabled: true
    csv:
      directory: data/uploads
      file_pattern: "*.csv"
    tags: []
  - name: Jira_Issues
    type: dlt_native
    enabled: true
    csv: null
    description: null
    lookback_days: 3
    some_new_key_of_dango: {a: 1}
    dlt_native:
      source_module: jira
      source_function: jira
      function_kwargs: {subdomain: acme}
      pipeline_name: null
"""


def test_a_dango_project_is_read_as_it_stands(tmp_path: Path) -> None:
    made = load(write(tmp_path, DANGO, ".dango/sources.yml"))
    assert made.root == tmp_path
    assert [(f.name, f.type, f.line) for f in made.foreign] == [("sales_csv", "csv", 3)]
    assert names(made.sources) == ["jira_issues"]
    assert made.sources[0].container.memory == "2g"
    assert made.lines == {"jira_issues": 10}
    with pytest.raises(ConfigurationError, match=r"is of type csv, not dlt_native \(line 3\): left to Dango"):
        select(made, names=["sales_csv"])


def test_rows_go_where_dango_keeps_its_own(tmp_path: Path) -> None:
    file = write(tmp_path, DANGO, ".dango/sources.yml")
    assert load(file).warehouse == "data/warehouse.duckdb"
    for text, path in [
        ("platform: {duckdb_path: ./data/dango.duckdb}\n", "./data/dango.duckdb"),
        ("platform: {port: 8800}\n", "data/warehouse.duckdb"),
        ("- broken", "data/warehouse.duckdb"),
        ("a: [", "data/warehouse.duckdb"),
    ]:
        write(tmp_path, text, ".dango/project.yml")
        assert load(file).warehouse == path


def test_a_fault_in_a_dango_file_is_told_at_its_own_line(tmp_path: Path) -> None:
    file = write(tmp_path, DANGO.replace("pipeline_name: null", "pipline_name: x"), ".dango/sources.yml")
    with pytest.raises(ConfigurationError) as caught:
        load(file)
    assert caught.value.message.endswith(
        "sources.yml:21: sources.Jira_Issues.dlt_native.pipline_name: unknown key; did you mean "
        "'pipeline_name'?; known: source_module, source_function, function_kwargs, resource_kwargs, "
        "pipeline_name, dataset_name, resources, write_disposition, schema_contract, loader_file_format, "
        "secret_sections, fast"
    )


def test_a_misspelt_key_of_ours_is_a_fault_in_a_dango_file_too(tmp_path: Path) -> None:
    file = write(tmp_path, DANGO.replace("lookback_days: 3", "contaner: {}"), ".dango/sources.yml")
    with pytest.raises(ConfigurationError, match="did you mean 'container'"):
        load(file)


def test_a_dango_file_without_a_dlt_native_entry_is_a_fault(tmp_path: Path) -> None:
    file = write(tmp_path, "sources:\n  - {name: a, type: csv}\n", ".dango/sources.yml")
    with pytest.raises(ConfigurationError, match="must contain at least one source"):
        load(file)
