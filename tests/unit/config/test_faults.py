"""Every fault of ``sources.yml`` is one line of one report: file, line, path, what is legal."""

from __future__ import annotations

from pathlib import Path

import pytest

from launcher.config.forms import DEVICE_NAMES
from tests.unit.config.project import entries, one, project, report


def test_all_faults_stand_in_one_report_in_the_order_of_the_file(tmp_path: Path) -> None:
    found = report(
        tmp_path,
        """\
        version: 2
        sources:
          - name: Shop
            dlt_native: {source_module: shop}
            container:
              memry: 2g
              memory: lots
              timeout: 30
          - name: other
        """,
    )
    assert found == [
        "sources.yml:1: version: must be 1: this dltpod reads no other version of the format",
        "sources.yml:3: sources.Shop.name: 'Shop' must be lower-case letters, digits and underscores, "
        "a letter first, no underscore last",
        "sources.yml:4: sources.Shop.dlt_native.source_function: is missing",
        "sources.yml:6: sources.Shop.container.memry: unknown key; did you mean 'memory'?; known: extras, "
        "requirements, system_packages, python, dlt, env, memory, cpus, timeout, retries, mounts, network, "
        "egress",
        "sources.yml:7: sources.Shop.container.memory: 'lots' is not a size such as 512m, 2g or 2Gi",
        "sources.yml:8: sources.Shop.container.timeout: '30' must be a duration with its unit, such as 90s, "
        "30m or 1h30m",
        "sources.yml:9: sources.other.dlt_native: is missing: a mapping with source_module and "
        "source_function",
    ]


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("surces: []\n", 1, "did you mean 'sources'?"),
        ("project: p\n", 1, "sources: is missing"),
        ("sources:\n", 1, "sources: is empty"),
        ("sources: []\n", 1, "must contain at least one source"),
        ("sources: shop\n", 1, "must be a list: [shop]"),
        ("sources:\n  name: a\n", 1, 'sources: must be a list: begin each source with "- name: …"'),
        ("sources: {a: {type: dlt_native}}\n", 1, 'begin each source with "- name: …"'),
        ("sources: [shop]\n", 1, "must be a mapping"),
        ("- a\n", 1, "must be a mapping with the key 'sources'"),
        ("", 1, "is empty"),
        ("# nothing\n", 1, "is empty"),
        (entries("a") + "notify: {webhok: x}\n", 3, "did you mean 'webhook'?"),
        (entries("a", "a"), 3, "'a' is a duplicate; first on line 2"),
        (entries("a") + "project: A b\n", 3, "'A b' must be lower-case letters"),
        (entries("a") + "registry: https://ghcr.io\n", 3, "without scheme"),
        (entries("a") + "base_image: 'python:{version}'\n", 3, "must be an image's name"),
        (
            entries("a") + "verified_sources: {location: --upload-pack=x}\n",
            3,
            "must be a git URL or a folder",
        ),
        (entries("runtime"), 2, "'runtime' is a table of dlt's own configuration; rename it"),
        (entries("nul"), 2, "'nul' is a device's name on Windows, which dlt allows for no pipeline"),
        (entries("a") + "notify: {webhook: ftp://x}\n", 3, "http(s) address"),
        (
            entries("a") + "defaults: {memory: 2g}\n",
            3,
            "unknown key; known: destination, container, kubernetes",
        ),
        (
            entries("a") + "defaults: {container: {memory: 2x}}\n",
            3,
            "defaults.container.memory: '2x' is not a size",
        ),
        (entries("a" * 41), 2, "at most 40"),
    ],
)
def test_a_fault_of_the_file_says_where_and_what_is_legal(
    tmp_path: Path, text: str, line: int, what: str
) -> None:
    found = report(tmp_path, text)
    assert len(found) == 1
    assert found[0].startswith(f"sources.yml:{line}: ")
    assert what in found[0]


@pytest.mark.parametrize(
    ("block", "what"),
    [
        ("container: {python: 3.11}", 'must be text: write it in quotes: "3.11"'),
        ("container: {python: 3.10}", 'write it in quotes: "3.10"'),
        ('container: {python: "3.9"}', "must be 3.10 or newer"),
        ('container: {python: "2.7"}', "must be a version of Python"),
        ("container: {dlt: 1.31}", 'must be a version specifier, such as "==1.31.0"'),
        ('container: {dlt: "1.31.0"}', 'write "==1.31.0"'),
        ("container: {memory: 512}", "'512' must be a size with its unit, such as 512m, 2g or 2Gi"),
        ("container: {memory: 1m}", "at least 6m"),
        ('container: {cpus: "1.5"}', "must be a number, without quotes: 1.5"),
        ("container: {cpus: 0}", "more than 0"),
        ("container: {timeout: 30 minutes}", "is not a duration such as 90s, 30m or 1h30m"),
        ("container: {timeout: 0s}", "is not a duration"),
        ("container: {retries: -1}", "from 0 to 100"),
        ("container: {retries: 1.5}", "must be a whole number"),
        ("container: {extras: jira}", "must be a list: [jira]"),
        ("container: {requirements: ['-r more.txt']}", "not an option of pip"),
        ("container: {requirements: ['git+https://me:pw@host/x']}", "must not contain a password"),
        ("container: {requirements: ['git+https://me:p/w@host/x']}", "must not contain a password"),
        ("container: {requirements: ['git+https://t0ken@host/x']}", "must not contain a password or a token"),
        ("container: {requirements: ['erp @ ./packages/erp']}", "by its path alone: ./packages/erp"),
        ("container: {requirements: ['erp[pdf] @ file:packages/erp']}", "alone: ./packages/erp[pdf]"),
        ("container: {requirements: ['erp@packages/erp ; python_version > \"3\"']}", "alone: ./packages/erp"),
        ("container: {requirements: ['file:../erp']}", "by its path alone: ../erp"),
        ("container: {requirements: ['erp @ file:///srv/erp']}", "by its path alone: ./FOLDER"),
        ("container: {system_packages: [Git!]}", "Debian package"),
        ("container: {env: {1A: x}}", "must be the name of an environment variable"),
        ("container: {env: {PYTHONPATH: x}}", "is reserved"),
        ("container: {env: {A: [x]}}", "must be text, not a list"),
        ('container: {env: {A: "x\\0y"}}', "must not contain a null character"),
        ("container: {network: host}", "host.docker.internal"),
        ("container: {network: 'container:other'}", "must be bridge, none or the name of a network"),
        ("container: {egress: [api.example.com]}", "must be HOST:PORT"),
        ("container: {egress: ['https://api.example.com:443']}", "without scheme"),
        ("container: {egress: ['api.example.com:99999']}", "must be HOST:PORT"),
        ("container: {egress: ['1.2.3.400:1']}", "a valid address"),
        ("container: {egress: ['10.0.0.0/33:1']}", "a valid address"),
        ("container: {egress: ['2001:db8::/32:443']}", "must be HOST:PORT"),
        ("container: {egress: ['203.0.113.7/24:443']}", "a network by its first address: 203.0.113.0/24"),
        ("container: {egress: ['example.com/24:443']}", "without scheme, path"),
        ("container: {network: none, egress: ['10.0.0.1:1']}", "network: none lets nothing out"),
        ("schedule: daily", "it has 1 fields, not 5"),
        ('schedule: "61 * * * *"', "'61' is not from 0 to 59"),
        ('schedule: "* * * * * *"', "it has 6 fields, not 5"),
        ('schedule: "*/0 * * * *"', "a step must not be 0"),
        ('schedule: "@often"', "@hourly"),
        ("type: csv", "must be dlt_native"),
        ("type: dlt_natve", "did you mean 'dlt_native'?"),
        ("enabled: maybe", "must be true or false"),
        ("tags: crm", "must be a list: [crm]"),
        ("tags: [a b]", "letters, digits"),
        ("destination: postgress", "did you mean 'postgres'?"),
        ("kubernetes: {state: {size: big}}", "is not a size"),
        ("kubernetes: {service_acount: x}", "did you mean 'service_account'?"),
        ("kubernetes: {secret: My_Secret}", "a Kubernetes name"),
        ("kubernetes: {namespace: a.b}", "must be a namespace: lower-case letters, digits and hyphens"),
        ("kubernetes: {service_account: a..b}", "must be a Kubernetes name"),
        ("kubernetes: {node_selector: {gpu: true}}", 'must be text: write it in quotes: "true"'),
        ("kubernetes: {annotations: {dltpod.launcher: x}}", "is dltpod's own"),
        ("kubernetes: {annotations: {a: 5}}", "must be text"),
        ("kubernetes: {tolerations: {key: a}}", "tolerations: must be a list"),
        ('container: {retries: "60"}', "must be a whole number, without quotes: 60"),
        ("description: 5", "must be text: write it in quotes"),
    ],
)
def test_a_fault_of_an_entry_says_what_is_legal(tmp_path: Path, block: str, what: str) -> None:
    found = report(tmp_path, one(block))
    assert len(found) == 1, found
    assert found[0].startswith("sources.yml:4: sources.shop.")
    assert what in found[0]


@pytest.mark.parametrize(
    ("block", "what"),
    [
        ("write_disposition: mrge", "did you mean 'merge'?"),
        ("write_disposition: [merge]", "append, replace, merge, skip, or a mapping with 'disposition'"),
        ("schema_contract: frozen", "must be one of evolve, discard_value, discard_row, freeze"),
        ("pipeline_name: 'a/b'", "letters, digits and underscores"),
        ("pipeline_name: sources", "a table of dlt's own configuration"),
        ("pipeline_name: COM1", "must not be 'COM1', a device's name on Windows"),
        ("dataset_name: 'a b'", "letters, digits and underscores"),
        ("secret_sections: ['sources acme']", "a dotted section"),
        ("secret_sections: [sources]", "must name one section below [sources]"),
        ("resources: issues", "must be a list: [issues]"),
        ("function_kwargs: [a]", "must be a mapping"),
        ("source_modul: x", "did you mean 'source_module'?"),
    ],
)
def test_a_fault_of_dlt_native_says_what_is_legal(tmp_path: Path, block: str, what: str) -> None:
    text = "sources:\n  - name: shop\n    dlt_native:\n      source_module: m\n      source_function: f\n"
    text += f"      {block}\n"
    found = report(tmp_path, text)
    assert len(found) == 1, found
    assert found[0].startswith("sources.yml:6: sources.shop.dlt_native.")
    assert what in found[0]


def test_two_sources_with_one_pipeline_name_are_a_fault(tmp_path: Path) -> None:
    found = report(
        tmp_path,
        """\
        sources:
          - {name: a, dlt_native: {source_module: m, source_function: f}}
          - name: b
            dlt_native:
              source_module: m
              source_function: f
              pipeline_name: a
        """,
    )
    assert found == [
        "sources.yml:7: sources.b.dlt_native.pipeline_name: "
        "'a' is also the pipeline of 'a' (line 2), so they "
        "would share its state; give one of them another pipeline_name"
    ]


def test_what_stands_between_entries_is_told_along_with_what_stands_in_them(tmp_path: Path) -> None:
    found = report(
        tmp_path,
        """\
        sources:
          - name: a
            destination: postgress
            dlt_native: {source_module: m}
            container: {mounts: [".:/workspace/x", nowhere, 5]}
          - name: a
            dlt_native: {source_module: m, source_function: f}
          - 5
          - name: b
            destination: [duckdb]
            dlt_native: {source_module: m, source_function: f, pipeline_name: A}
        """,
    )
    assert [line[:62] for line in found] == [
        "sources.yml:3: sources.a.destination: 'postgress' is not a des",
        "sources.yml:4: sources.a.dlt_native.source_function: is missin",
        "sources.yml:5: sources.a.container.mounts[0]: would expose all",
        "sources.yml:5: sources.a.container.mounts[1]: 'nowhere' must b",
        "sources.yml:5: sources.a.container.mounts[2]: must be text: wr",
        "sources.yml:6: sources.a.name: 'a' is a duplicate; first on li",
        "sources.yml:8: sources[2]: must be a mapping",
        "sources.yml:10: sources.b.destination: must be text, not a lis",
        "sources.yml:11: sources.b.dlt_native.pipeline_name: 'A' is als",
    ]


def test_no_fault_shows_a_value_that_may_be_a_secret(tmp_path: Path) -> None:
    found = report(
        tmp_path,
        """\
        notify: {webhook: "hunter2-webhook"}
        sources:
          - name: shop
            dlt_native:
              source_module: shop
              source_function: shop
              function_kwargs: {password: !secret hunter2, pin: 0123}
            container: {env: {TOKEN: 12345678}, requirements: ["git+https://u:hunter2@host/x"]}
        """,
    )
    assert len(found) == 5, found
    assert "hunter2" not in " ".join(found)
    assert "12345678" not in " ".join(found)


def test_a_file_of_many_faults_gives_a_report_that_ends(tmp_path: Path) -> None:
    found = report(tmp_path, "sources:\n" + "  - {nam: x}\n" * 100)
    assert len(found) == 51
    assert found[-1] == "sources.yml: and 150 more"


def test_destinations_of_dlt_and_those_that_the_files_name_are_known(tmp_path: Path) -> None:
    (tmp_path / ".dlt").mkdir()
    (tmp_path / ".dlt" / "config.toml").write_text('[destination.lake]\ndestination_type = "filesystem"\n')
    made = project(tmp_path, one("destination: lake"))
    assert made.sources[0].destination == "lake"
    assert "did you mean 'lake'?" in report(tmp_path, one("destination: lak"))[0]


def test_a_destination_that_the_environment_names_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DESTINATION__LAKE__DESTINATION_TYPE", "filesystem")
    assert project(tmp_path, one("destination: lake")).sources[0].destination == "lake"


def test_what_is_refused_of_a_pipelines_name_is_what_dlt_refuses() -> None:
    from dlt.common.storages.file_storage import FileStorage

    def refuses(name: str) -> bool:
        try:
            FileStorage.validate_file_name_component(name)
        except ValueError:
            return True
        return False

    near = {f"{name}{end}" for name in DEVICE_NAMES for end in ("", "x", "_1")} | {"conin", "clock", "com10"}
    assert {name for name in near if refuses(name)} == DEVICE_NAMES


def test_a_name_that_no_pipeline_can_have_is_fine_beside_a_pipeline_name_and_for_a_dataset(
    tmp_path: Path,
) -> None:
    text = """\
        sources:
          - name: nul
            dlt_native: {source_module: m, source_function: f, pipeline_name: nothing, dataset_name: nul}
        """
    assert project(tmp_path, text).sources[0].dataset_name == "nul"
