"""What ``dltpod check`` tells of a source without running it."""

from __future__ import annotations

import subprocess
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

import pytest

from launcher.check.all_rows import joined
from launcher.check.verdicts import Level, Row, check_project, check_source, worst
from launcher.environment.describe import describe
from launcher.environment.values import Requirement
from launcher.environment.verified_sources import Repository
from launcher.errors import BuildError, ConfigurationError
from launcher.secrets.gather import read_environment
from tests.unit.cli.records import WELL
from tests.unit.closed import closed
from tests.unit.config.project import write
from tests.unit.secrets.asking import given, source

CODE = """\
import dlt
from typing import Optional
from helpers import retried
from .parts import part


@dlt.source
def api(subdomain: str, token: str = dlt.secrets.value, region: Optional[str] = dlt.config.value, *, pages=1):
    return []


@dlt.transformer(data_from=part)
def bound(item, factor: int): ...


@retried
def wrapped(x): ...


@dlt.resource
def newest(updated: dlt.sources.incremental[str]): ...


def open_ended(**options): ...


class Api: ...


@dlt.source
def database(tables: list, credentials: Optional[ConnectionStringCredentials] = dlt.secrets.value): ...


def asked_of(client: "Api"): ...


shared = api("x")
"""


class Sources(Repository):
    """Verified sources at hand, named ``jira`` and ``stripe``."""

    def __init__(self) -> None:
        pass

    def may_have(self, module: str, requirements: Collection[str]) -> bool:
        return True

    def names(self) -> list[str]:
        return ["jira", "stripe"]

    def commit(self, name: str) -> str:
        return "c0ffee"

    def requirements(self, name: str) -> tuple[Requirement, ...]:
        return (Requirement("requests==2.31.0", f"verified source {name}"),)

    def code(self, name: str) -> list[Path]:
        return []


class Unreachable(Sources):
    def names(self) -> list[str]:
        raise BuildError("no network")


def entry(function: str = "api", more: str = "", module: str = "api") -> str:
    return (
        f"sources:\n  - name: acme\n    dlt_native: {{source_module: {module}, source_function: {function}, "
        f"function_kwargs: {{subdomain: x}}}}\n{more}"
    )


def rows(
    root: Path, sources: str, secrets: str = '[sources.acme]\ntoken = "long enough"\n'
) -> dict[str, list[Row]]:
    project = given(root, sources, secrets, code=CODE)
    found: dict[str, list[Row]] = {}
    for row in check_source(project, source(project, "acme"), read_environment(project, {}), Sources()):
        assert row.source == "acme"
        found.setdefault(row.what, []).append(row)
    return found


def wrong(found: dict[str, list[Row]]) -> list[str]:
    return [row.text for what in found.values() for row in what if row.level is Level.WRONG]


def test_a_source_that_is_right_has_a_verdict_of_each_kind(tmp_path: Path) -> None:
    found = rows(tmp_path, entry())
    assert {
        what: [(r.level.value, r.text.replace(f"{tmp_path}/", "")) for r in rs] for what, rs in found.items()
    } == {
        "module": [("ok", "custom_sources/api.py")],
        "function": [("ok", "custom_sources/api.py:8: api")],
        "arguments": [("ok", "'subdomain'")],
        "destination": [("ok", "data/warehouse.duckdb")],
        "secrets": [("ok", "'token', 'region'")],
    }
    assert worst(row for what in found.values() for row in what) is Level.OK


@pytest.mark.parametrize(
    ("module", "text", "hint"),
    [
        ("api.py", "'api.py' is not the name of a Python module", "source_module: api"),
        ("custom_sources/api.py", "is not the name of a Python module", "source_module: api"),
        ("..api", "'..api' is not the name", "source_module: api"),
        ("api..part", "'api..part' is not the name", "source_module: api.part"),
        ("my-api", "'my-api' is not the name", "my_api, with its file named custom_sources/my_api.py"),
        ("../evil", "'../evil' is not the name", "Put it into custom_sources/ and write source_module: evil"),
        ("/srv/code/evil.py", "is not the name", "Put it into custom_sources/ and write source_module: evil"),
        ("'..'", "'..' is not the name", "a dotted Python name: jira for custom_sources/jira.py"),
        ("1st api", "'1st api' is not the name", "a dotted Python name"),
        ("''", "source_module is empty", "a dotted Python name"),
        ("apy", "did you mean 'api'?", "requirements"),
        ("strpe", "did you mean 'stripe'?", "requirements"),
        ("rest_apy", "did you mean 'rest_api'?", "requirements"),
    ],
)
def test_a_module_that_is_nowhere_is_told_with_what_is_meant(
    tmp_path: Path, module: str, text: str, hint: str
) -> None:
    every = rows(tmp_path, entry(module=module))
    assert "environment" not in every
    found = every["module"]
    assert [row.level for row in found] == [Level.WRONG]
    assert text in found[0].text
    assert hint in found[0].hint


@pytest.mark.parametrize(
    ("module", "more", "level", "text"),
    [
        ("sql_database", "", Level.OK, "dlt.sources.sql_database"),
        ("jira", "    container: {extras: [jira]}\n", Level.OK, "dlt's verified source jira"),
        ("jira", "", Level.NOTE, "taken by itself"),
        ("my_company.erp", "    container: {requirements: [my-company]}\n", Level.NOTE, "is not in"),
    ],
)
def test_a_module_from_elsewhere_is_told_by_where_it_comes_from(
    tmp_path: Path, module: str, more: str, level: Level, text: str
) -> None:
    found = rows(tmp_path, entry(module=module, more=more))["module"]
    assert [row.level for row in found] == [level]
    assert text in found[0].text


def test_a_driver_that_comes_by_itself_is_named_with_what_needs_it(tmp_path: Path) -> None:
    secrets = '[sources.acme]\ncredentials = "mysql+pymysql://reader:any@db/shop"\n'
    project = given(tmp_path, entry("sql_database", module="sql_database"), secrets)
    found = check_source(project, source(project, "acme"), read_environment(project, {}))
    assert [(row.level, row.text) for row in found if row.what == "adds"] == [
        (Level.OK, "pymysql[rsa], for 'mysql+pymysql://', sources.yml:2 (acme)")
    ]


def test_a_destination_that_a_container_tried_is_told_of_once(tmp_path: Path) -> None:
    files = [Row("destination", Level.OK, f"{name}.db", source=name) for name in ("shop", "erp")]
    verdict = {"what": "destination", "ok": True, "text": "crm.db: logged in"}
    told = joined(files, [replace(WELL, verdicts=(verdict,))])
    assert [(row.source, row.text) for row in told] == [("erp", "erp.db"), ("shop", "crm.db: logged in")]


def test_without_the_verified_sources_at_hand_an_unknown_module_is_no_fault(tmp_path: Path) -> None:
    project = given(tmp_path, entry(module="jira", more="    container: {extras: [jira]}\n"))
    for verified in (None, Unreachable()):
        found = check_source(project, source(project, "acme"), {}, verified)
        assert worst(found) is not Level.WRONG


def test_verified_sources_that_cannot_be_asked_are_told_of(tmp_path: Path) -> None:
    project = given(tmp_path, entry(module="jira"))
    found = check_source(project, source(project, "acme"), {}, Unreachable())
    (module,) = [row for row in found if row.what == "module"]
    assert module.level is Level.NOTE
    assert module.text.endswith("; dlt's verified sources couldn't be asked")


def test_a_module_of_a_verified_source_is_found_in_it(tmp_path: Path) -> None:
    (row,) = rows(tmp_path, entry(module="jira.helpers"))["module"]
    assert row.text == "dlt's verified source jira, taken by itself"


@pytest.mark.parametrize(
    ("module", "file", "shut", "mode", "hint"),
    [
        ("api", "api.py", "api.py", 0, "chmod a+r"),
        ("api", "api/__init__.py", "api", 0, "chmod -R a+rX"),
        ("api", "api/__init__.py", "api", 0o444, "chmod -R a+rX"),
        ("api", "api/other.py", "api", 0o111, "chmod -R a+rX"),
        ("erp.api", "erp/api/__init__.py", "erp", 0, "chmod -R a+rX"),
        ("api", "api/__init__.py", ".", 0, "chmod -R a+rX"),
    ],
)
def test_code_that_may_not_be_read_is_told_with_the_chmod_that_mends_it(
    place: Path, module: str, file: str, shut: str, mode: int, hint: str
) -> None:
    project = given(place, entry(module=module))
    write(project.root, CODE, f"custom_sources/{file}")
    unreadable = project.custom_sources / shut
    with closed(unreadable, mode):
        found = check_source(project, source(project, "acme"), {})
        with pytest.raises(ConfigurationError) as refused:
            describe(project, source(project, "acme"), base_identity="")
    describe(project, source(project, "acme"), base_identity="")
    (row,) = (row for row in found if row.what == "module")
    told = project.custom_sources / file.removesuffix("/__init__.py").removesuffix("/other.py")
    assert (row.text, row.hint) == (f"{told}: can't be read: Permission denied", f"{hint} {unreadable}")
    assert (refused.value.message, refused.value.hint) == (row.text, row.hint)
    assert [row.what for row in found if row.level is Level.WRONG] == ["module"]


def test_a_file_that_is_no_python_is_told_by_its_line(tmp_path: Path) -> None:
    project = given(tmp_path, entry(), code="import dlt\ndef api(:\n")
    found = check_source(project, source(project, "acme"), {})
    assert [(r.what, r.level.value, r.text.replace(f"{tmp_path}/", "")) for r in found[:1]] == [
        ("module", "wrong", "custom_sources/api.py:2: syntax error: invalid syntax")
    ]


def test_a_secret_that_is_not_there_is_told_with_its_place_and_the_near_miss(tmp_path: Path) -> None:
    found = rows(tmp_path, entry(), '[sources.acme]\ntokn = "x"\n[destination.duckdb]\ntoken = "x"\n')[
        "secrets"
    ]
    missing = [row for row in found if row.level is Level.WRONG]
    assert [row.text for row in missing] == ["'token' has no value; did you mean 'tokn'?"]
    assert missing[0].hint == f'In {tmp_path}/.dlt/secrets.toml: [sources.acme] and below it token = "..."'


def test_where_no_secrets_are_asked_for_all_else_is_judged(tmp_path: Path) -> None:
    more = "    container: {env: {KEY: 'env:ACME_KEY'}}\n"

    def judged(sources: str, *, with_secrets: bool = False) -> list[tuple[str, str, str]]:
        project = given(tmp_path, sources, code=CODE.replace("region: Optional[str]", "region: str"))
        found = check_source(
            project,
            source(project, "acme"),
            read_environment(project, {}),
            Sources(),
            with_secrets=with_secrets,
        )
        return [(row.what, row.level.value, row.text) for row in found if row.level is not Level.OK]

    assert judged(entry(more=more)) == [
        ("secrets", "note", "'region' has no value here, and none is asked for")
    ]
    assert "ACME_KEY is not set" in judged(entry(more=more), with_secrets=True)[0][2]
    assert [row[:2] for row in judged(entry(), with_secrets=True)] == [("secrets", "wrong")] * 2
    # A form that names no variable, an argument that is none: those need no value to be seen.
    assert "begins with env:" in judged(entry(more=more.replace("ACME_KEY", "")))[0][2]
    assert "no argument 'subdomin'" in judged(entry().replace("subdomain:", "subdomin:"))[0][2]


def test_variables_that_are_not_set_are_told(tmp_path: Path) -> None:
    found = rows(tmp_path, entry().replace("{subdomain: x}", '{subdomain: "env:NOT_SET"}'))["secrets"]
    assert "NOT_SET is not set" in found[0].text


def test_literals_and_short_secrets_and_lost_references_are_worth_a_note(tmp_path: Path) -> None:
    kwargs = '{subdomain: "Bearer env:TOKEN", token: hunter2}'
    found = rows(tmp_path, entry().replace("{subdomain: x}", kwargs), '[sources.acme]\napi_key = "abc"\n')[
        "secrets"
    ]
    notes = [row.text for row in found if row.level is Level.NOTE]
    assert len(notes) == 3
    assert "function_kwargs.token looks like a secret" in notes[0]
    assert notes[1].startswith("function_kwargs.subdomain contains env: inside a longer text")
    assert notes[2] == "sources.acme.api_key: shorter than 8 characters, so masked as a whole word only"
    assert "hunter2" not in repr(found)


def test_a_secret_that_can_not_be_masked_is_worth_a_note(tmp_path: Path) -> None:
    secrets = '[sources.acme]\napi_key = "k1"\n[destination.duckdb]\npassword = "ACME"\n'
    found = rows(tmp_path, entry(), secrets)["secrets"]
    assert [row.text for row in found if row.level is Level.NOTE] == [
        "destination.duckdb.password: is one of the names in sources.yml, so not masked",
        "sources.acme.api_key: shorter than 3 characters, so not masked",
    ]


@pytest.mark.parametrize(
    ("container", "text"),
    [
        ('{python: "3.99"}', "3.99"),
        ('{dlt: "==1.5.0"}', "1.5.0"),
        ('{requirements: ["not a requirement !"]}', "not a requirement"),
        ("{extras: [jiraa]}", "did you mean 'jira'?"),
        ("{requirements: [./packages/none]}", "packages/none"),
        ("{requirements: [stripe==1, stripe==2]}", "stripe==1 (sources.yml:2 (acme)) contradicts stripe==2"),
        ("{mounts: ['none:/workspace/none']}", "none does not exist"),
    ],
)
def test_an_environment_that_can_not_be_is_told(tmp_path: Path, container: str, text: str) -> None:
    found = rows(tmp_path, entry(more=f"    container: {container}\n"))["environment"]
    assert [row.level for row in found] == [Level.WRONG]
    assert text in found[0].text


def test_a_destination_outside_of_data_is_one_verdict(tmp_path: Path) -> None:
    found = rows(
        tmp_path, entry(), '[sources.acme]\ntoken = "t"\n[destination.duckdb]\ncredentials = "x.duckdb"\n'
    )
    assert len(wrong(found)) == 1
    assert "is not below" in wrong(found)[0]


def test_a_section_that_no_source_reads_is_told_with_what_is_meant(tmp_path: Path) -> None:
    secrets = "[sources.acm]\na = 1\n[sources.api]\na = 1\n[sources.acme]\na = 1\n[sources.shared]\na = 1\n"
    sources = entry().replace("source_module: api", "secret_sections: [sources.shared], source_module: api")
    project = given(tmp_path, sources, secrets, "[sources.zzz]\na = 1\n")
    (tmp_path / ".dlt" / "secrets.toml").chmod(0o600)
    assert [row.text.replace(f"{tmp_path}/", "") for row in check_project(project)[1:]] == [
        ".dlt/secrets.toml: no source reads [sources.acm]; did you mean 'acme'?",
        ".dlt/config.toml: no source reads [sources.zzz]",
    ]


def test_a_section_is_not_taken_for_a_function_of_a_similar_name(tmp_path: Path) -> None:
    sources = entry().replace("source_function: api", "source_function: stripe_source")
    project = given(tmp_path, sources, "[sources.stripe]\na = 1\n")
    (tmp_path / ".dlt" / "secrets.toml").chmod(0o600)
    (row,) = check_project(project)[1:]
    assert row.text.endswith("no source reads [sources.stripe]")


def test_secrets_that_git_keeps_are_told(tmp_path: Path) -> None:
    project = given(tmp_path, entry(), "[sources.acme]\n", env="A=b\n")
    for file in (".env", ".dlt/secrets.toml"):
        (tmp_path / file).chmod(0o600)
    for command in (["init", "-q"], ["add", ".env"]):
        subprocess.run(["git", "-C", str(tmp_path), *command], check=True)
    found = check_project(project)[1:]
    assert [(row.level, row.text) for row in found] == [
        (Level.NOTE, f"{tmp_path}/.env is in git, and so in every clone")
    ]


def test_the_files_that_all_share_are_judged_once(tmp_path: Path) -> None:
    project = given(tmp_path, entry(), "broken\n", env="A=b\n")
    write(tmp_path, "", ".dlt/config.toml")
    (tmp_path / ".env").chmod(0o644)
    (tmp_path / ".dlt" / "secrets.toml").chmod(0o600)
    found = check_project(project)
    assert [(r.what, r.level.value) for r in found] == [
        ("configuration", "ok"),
        ("secrets", "wrong"),
        ("secrets", "note"),
    ]
    assert found[1].text.endswith("secrets.toml:1: a key without '='.")
    assert found[2].hint == f"chmod 600 {tmp_path}/.env"


@pytest.mark.parametrize("section", ["sources.crm", "sources.crm.credentials"])
def test_a_secret_in_the_section_of_another_entry_is_told_with_the_line_that_shares_it(
    tmp_path: Path, section: str
) -> None:
    sources = entry() + "  - {name: crm, dlt_native: {source_module: crm, source_function: crm}}\n"
    found = rows(tmp_path, sources, f'[{section}]\ntoken = "x"\n')["secrets"]
    (missing,) = [row for row in found if row.level is Level.WRONG]
    assert missing.text == "'token' has no value"
    assert missing.hint.endswith("or share [sources.crm]: dlt_native: {secret_sections: [sources.crm]}")
