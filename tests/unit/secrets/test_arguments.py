"""References and literals among the arguments."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from launcher.errors import ConfigurationError
from launcher.secrets.literals import looks_secret, take_out
from runner.contract import VALUES_FILE
from tests.unit.secrets.asking import cut, given, part

SOURCES = """\
sources:
  - name: acme
    dlt_native:
      source_module: m
      source_function: f
      function_kwargs:
        token: hunter2
        auth: {type: bearer, token: "env:ACME_TOKEN"}
        list: [{password: "hunter3"}, plain]
        page_token: ""
        limit: 5
"""


def test_a_literal_that_looks_like_a_secret_travels_in_the_slice(tmp_path: Path) -> None:
    project = given(tmp_path, SOURCES, env="ACME_TOKEN=t\n")
    assert part(project, "acme").kwargs == {
        "token": "env:DLTPOD_LITERAL_1",
        "auth": {"type": "bearer", "token": "env:ACME_TOKEN"},
        "list": [{"password": "env:DLTPOD_LITERAL_2"}, "plain"],
        "page_token": "",
        "limit": 5,
    }
    made = cut(project, "acme")
    assert json.loads(made.files[VALUES_FILE]) == {
        "ACME_TOKEN": "t",
        "DLTPOD_LITERAL_1": "hunter2",
        "DLTPOD_LITERAL_2": "hunter3",
    }
    assert [w.partition(": acme: ")[2] for w in made.warnings] == [
        "function_kwargs.token looks like a secret; keep it in .env and write env:NAME here",
        "function_kwargs.list[0].password looks like a secret; keep it in .env and write env:NAME here",
    ]
    assert "hunter" not in repr(made)


def test_arguments_of_single_resources_are_treated_like_the_functions(tmp_path: Path) -> None:
    more = '      resource_kwargs: {issues: {api_token: hunter5, since: "env:SINCE"}}\n'
    project = given(tmp_path, SOURCES + more, env="ACME_TOKEN=t\nSINCE=2024\n")
    assert part(project, "acme").resource_kwargs == {
        "issues": {"api_token": "env:DLTPOD_LITERAL_3", "since": "env:SINCE"}
    }
    made = cut(project, "acme")
    assert json.loads(made.files[VALUES_FILE])["SINCE"] == "2024"
    assert made.warnings[-1].partition(": acme: ")[2] == (
        "resource_kwargs.issues.api_token looks like a secret; keep it in .env and write env:NAME here"
    )


def test_an_argument_of_this_run_replaces_the_entrys_and_its_secret_travels_too(tmp_path: Path) -> None:
    project = given(tmp_path, SOURCES)
    overrides: dict[str, Any] = {"token": "for this run", "auth": None, "list": []}
    kwargs = part(project, "acme", overrides=overrides).kwargs
    assert kwargs["token"] == "env:DLTPOD_LITERAL_1"
    values = json.loads(cut(project, "acme", overrides=overrides).files[VALUES_FILE])
    assert values == {"DLTPOD_LITERAL_1": "for this run"}


def test_a_secret_that_was_given_for_this_run_is_not_blamed_on_the_file(tmp_path: Path) -> None:
    project = given(tmp_path, SOURCES, env="ACME_TOKEN=t\n")
    overrides: dict[str, Any] = {"token": "for this run", "auth": [{"password": "hunter4"}]}
    assert [w.removeprefix(f"{tmp_path}/") for w in cut(project, "acme", overrides=overrides).warnings] == [
        *(
            f"acme: --set {place} looks like a secret, and the shell's history keeps it; "
            "keep it in .env and give env:NAME"
            for place in ("token", "auth[0].password")
        ),
        "sources.yml:2: acme: function_kwargs.list[0].password looks like a secret; keep it in .env and "
        "write env:NAME here",
    ]


def test_a_variable_that_was_asked_for_in_this_run_alone_is_not_blamed_on_the_file(tmp_path: Path) -> None:
    project = given(tmp_path, SOURCES, env="ACME_TOKEN=t\n")
    with pytest.raises(ConfigurationError, match=r"^acme: NOPE is not set, but --set uses it\.$"):
        cut(project, "acme", overrides={"limit": "env:NOPE"})
    with pytest.raises(ConfigurationError, match=r"^acme: --set limit: begins with env:"):
        cut(project, "acme", overrides={"limit": "env:no pe"})


def test_a_variable_that_is_set_and_empty_is_told_to_be_empty(tmp_path: Path) -> None:
    project = given(tmp_path, SOURCES, env="ACME_TOKEN=\n")
    with pytest.raises(ConfigurationError) as caught:
        cut(project, "acme")
    assert caught.value.message.endswith("acme: ACME_TOKEN is empty, but the entry uses it.")
    assert caught.value.hint == (
        f"Give ACME_TOKEN a value, in {tmp_path}/.env or in the environment, which wins over it."
    )


def test_all_variables_without_a_value_are_told_at_once(tmp_path: Path) -> None:
    sources = SOURCES.replace("limit: 5", 'limit: 5\n        x: ["env:OTHER_ONE", {y: "env:EMPTY"}]')
    project = given(tmp_path, sources, env="ACME_TOKN=t\nEMPTY=\n")
    with pytest.raises(ConfigurationError) as caught:
        cut(project, "acme")
    assert caught.value.message.replace(f"{tmp_path}/", "") == (
        "sources.yml:2: acme: ACME_TOKEN; did you mean 'ACME_TOKN'?, OTHER_ONE are not set, EMPTY is empty, "
        "but the entry uses them."
    )
    assert "ACME_TOKEN=..." in caught.value.hint
    assert "export ACME_TOKEN=..." in caught.value.hint


@pytest.mark.parametrize("text", ["env:", "env:my-token", "env:1A", "env: A"])
def test_a_reference_to_no_name_is_a_fault(tmp_path: Path, text: str) -> None:
    project = given(tmp_path, SOURCES.replace("env:ACME_TOKEN", text))
    with pytest.raises(ConfigurationError, match=r"function_kwargs\.auth\.token: begins with env:"):
        cut(project, "acme")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("password", "x"),
        ("api_key", "abc"),
        ("apiKey", "abc"),
        ("X-API-KEY", "abc"),
        ("client_secret", "abc"),
        ("credentials", "user-and-password"),
        ("url", "postgres://u:p@h/db"),
        ("url", "https://h/x?api_key=abc"),
        ("anything", "ghp_" + "a" * 36),
        ("anything", "xoxb-1234567890-abc"),
        ("anything", "-----BEGIN RSA PRIVATE KEY-----\nabc"),
        ("anything", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc"),
        ("header", "Bearer abcdefghijklmnop"),
    ],
)
def test_a_secret_is_known_by_its_key_or_its_shape(key: str, value: str) -> None:
    assert looks_secret(key, value)
    assert value not in json.dumps(take_out({"a": [{key: value}]}).kwargs)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("primary_key", "id"),
        ("token_url", "https://h/token"),
        ("credentials", "sqlite:////workspace/shop.db"),
        ("sort_key", "x"),
        ("url", "https://user@h/x?page=1"),
        ("password", ""),
        ("password", "env:PASSWORD"),
        ("max_tokens", 100),
        ("token", None),
        ("author", "x"),
    ],
)
def test_what_only_resembles_a_secret_stays_where_it_is(key: str, value: object) -> None:
    assert take_out({key: value}).kwargs == {key: value}
