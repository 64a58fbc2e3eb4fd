"""What ``dltpod check`` tells of a custom source's function and its arguments."""

from __future__ import annotations

from pathlib import Path

import pytest

from launcher.check.verdicts import Level
from tests.unit.check.test_check import entry, rows, wrong


@pytest.mark.parametrize(
    ("function", "text", "hint"),
    [
        ("apy", "has no 'apy'; did you mean 'api'?", "It has: api, bound, newest, database"),
        ("Api", "'Api' is a class, not a source", "It has: api, bound, newest, database"),
        ("nothing_like_it", "has no 'nothing_like_it'", "It has: api, bound, newest, database"),
    ],
)
def test_a_function_that_is_not_there_is_told_with_those_that_are(
    tmp_path: Path, function: str, text: str, hint: str
) -> None:
    found = rows(tmp_path, entry(function))["function"]
    assert [row.level for row in found] == [Level.WRONG]
    assert text in found[0].text
    assert found[0].hint == hint


@pytest.mark.parametrize("function", ["shared", "part", "retried", "wrapped", "open_ended"])
def test_a_name_that_may_be_a_source_is_no_fault(tmp_path: Path, function: str) -> None:
    assert wrong(rows(tmp_path, entry(function))) == []


@pytest.mark.parametrize(
    ("function", "kwargs", "faults"),
    [
        (
            "api",
            "{subdoman: x}",
            ["api has no argument 'subdoman'; did you mean 'subdomain'?", "api needs 'subdomain'"],
        ),
        (
            "api",
            "{subdomain: x, zzz: 1}",
            ["api has no argument 'zzz'; it takes 'subdomain', 'token', 'region', 'pages'"],
        ),
        ("api", "{subdomain: x, pages: 2, token: t}", []),
        ("bound", "{factor: 2}", []),
        ("bound", "{item: 2, factor: 2}", ["bound has no argument 'item'; it takes 'factor'"]),
        ("newest", "{}", []),
        ("open_ended", "{anything: 1}", []),
        ("wrapped", "{anything: 1}", []),
        ("database", "{tables: [], credentials: {drivername: postgresql, host: db}}", []),
        (
            "database",
            "{tables: [], drivername: postgresql}",
            ["database has no argument 'drivername', but it may be a part of 'credentials'"],
        ),
        (
            "database",
            "{table: []}",
            ["database has no argument 'table'; did you mean 'tables'?", "database needs 'tables'"],
        ),
        (
            "asked_of",
            "{url: x, client: {}}",
            ["asked_of has no argument 'url', but it may be a part of 'client'"],
        ),
    ],
)
def test_arguments_are_held_against_the_signature(
    tmp_path: Path, function: str, kwargs: str, faults: list[str]
) -> None:
    assert wrong(rows(tmp_path, entry(function).replace("{subdomain: x}", kwargs))) == faults


def test_a_field_of_credentials_given_as_an_argument_is_told_with_what_to_write(tmp_path: Path) -> None:
    sources = entry("database").replace("{subdomain: x}", "{tables: [], host: db}")
    (found,) = rows(tmp_path, sources)["arguments"]
    assert found.hint == "if it is, write function_kwargs: {credentials: {host: …}}"
