"""Configurations within configurations: an entry's are found at any depth, and what is missing can be pasted.

dlt looks for ``credentials.inner.city`` below ``sources.<module>.<function>`` and else at ``sources.inner``:
``sources.credentials.inner`` is no place of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from runner.contract import Failure
from tests.unit.secrets.asking import ENTRY, answer, given, row_or_failure

CODE = """\
import dlt
from dlt.common.configuration import configspec, with_config
from dlt.common.configuration.specs import BaseConfiguration, CredentialsConfiguration


@configspec
class Deep(BaseConfiguration):
    street: str = None


@configspec
class Inner(BaseConfiguration):
    city: str = None


@configspec
class Deeper(Inner):
    deep: Deep = None


@configspec
class One(CredentialsConfiguration):
    inner: Inner = None


@configspec
class Two(BaseConfiguration):
    user: str = None
    inner: Deeper = None


def row(**found):
    return dlt.resource([{key: dict(value) for key, value in found.items()}], name="rows")


@dlt.source
def one(credentials: One = dlt.secrets.value):
    return row(it=credentials)


@dlt.source
def named(account: One = dlt.secrets.value):
    return row(it=account)


@dlt.source
def two(credentials: Two = dlt.secrets.value):
    return row(it=credentials)


@dlt.source
def named_two(account: Two = dlt.secrets.value):
    return row(it=account)


@dlt.resource
def bare(account: Two = dlt.secrets.value):
    yield {"it": dict(account)}


@dlt.source
def within():
    @dlt.resource
    def rows(account: Two = dlt.secrets.value):
        yield {"it": dict(account)}

    return rows


@dlt.source
def within_credentials():
    @dlt.resource
    def rows(credentials: One = dlt.secrets.value):
        yield {"it": dict(credentials)}

    return rows


@dlt.source(name="renamed", section="elsewhere")
def renamed(account: Two = dlt.secrets.value):
    return row(it=account)


@dlt.source(section="else" + "where")
def unreadable(credentials: One = dlt.secrets.value):
    return row(it=credentials)


@dlt.source
def pair(left: One = dlt.secrets.value, right: One = dlt.secrets.value):
    return row(left=left, right=right)


@with_config(sections=("library",))
def of_a_library(key: str = dlt.secrets.value, account: One = dlt.secrets.value):
    return {"inner": account.inner, "key": key}


@dlt.source
def helped():
    return row(it=of_a_library())
"""

FUNCTIONS = [
    "one",
    "named",
    "two",
    "named_two",
    "bare",
    "within",
    "within_credentials",
    "renamed",
    "unreadable",
    "pair",
    "helped",
]


def values(found: object) -> list[object]:
    inner = found.values() if isinstance(found, Mapping) else None
    return [found] if inner is None else [value for each in inner for value in values(each)]


def asked(root: Path, function: str, secrets: str, config: str = "") -> object:
    """What the source was given, or the failure that people are told."""
    return row_or_failure(root, function, CODE, secrets, config)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_pasting_what_the_hint_prints_is_all_that_it_takes(tmp_path: Path, function: str) -> None:
    failure = asked(tmp_path / "a", function, "")
    assert isinstance(failure, Failure)
    head, _, lines = failure.hint.partition("\n")
    assert head == "add to .dlt/secrets.toml:"
    found = asked(tmp_path / "b", function, lines)
    assert not isinstance(found, Failure), (lines, found)
    assert values(found) == ["…"] * lines.count("…")


def test_the_hint_names_the_whole_path(tmp_path: Path) -> None:
    one = asked(tmp_path, "one", "")
    assert isinstance(one, Failure)
    assert one.message == "missing secret 'city' for source 'acme'"
    assert one.hint == 'add to .dlt/secrets.toml:\n[sources.acme.credentials.inner]\ncity = "…"'
    two = asked(tmp_path, "named_two", "")
    assert isinstance(two, Failure)
    assert two.message == "missing secrets 'user', 'city', 'street' for source 'acme'"
    assert two.hint.splitlines()[1:] == [
        "[sources.acme.account]",
        'user = "…"',
        "[sources.acme.account.inner]",
        'city = "…"',
        "[sources.acme.account.inner.deep]",
        'street = "…"',
    ]


def test_what_two_parameters_lack_stands_in_a_table_each(tmp_path: Path) -> None:
    pair = asked(tmp_path, "pair", "")
    assert isinstance(pair, Failure)
    assert pair.message == "missing secret 'city' for source 'acme'"
    assert pair.hint.splitlines()[1::2] == ["[sources.acme.left.inner]", "[sources.acme.right.inner]"]


@pytest.mark.parametrize(
    "secrets",
    [
        '[sources.acme.inner]\ncity = "Bern"\n',
        '[sources.acme.one.credentials.inner]\ncity = "Bern"\n',
        '[sources.api.one.credentials.inner]\ncity = "Bern"\n',
        '[sources.api.inner]\ncity = "Bern"\n',
        '[acme.sources.inner]\ncity = "Bern"\n',
        '[sources.acme.credentials.inner]\ncity = "Bern"\n[sources.api.one.credentials.inner]\ncity = "x"\n',
        '[sources.acme.credentials.inner]\ncity = "Bern"\n[sources.api.inner]\ncity = "x"\n',
        '[sources.acme.credentials.inner]\ncity = "Bern"\n[acme.sources.api.one.inner]\ncity = "x"\n',
        '[sources.acme.credentials.inner]\ncity = "Bern"\n[acme.sources.inner]\ncity = "x"\n',
        '[sources.acme.inner]\ncity = "Bern"\n[sources.acme.credentials.inner]\ncity = "x"\n',
        '[sources.acme.one.credentials.inner]\ncity = "Bern"\n[sources.acme.credentials.inner]\ncity = "x"\n',
    ],
)
def test_every_place_is_looked_at_and_the_entrys_plainest_wins(tmp_path: Path, secrets: str) -> None:
    assert asked(tmp_path, "one", secrets) == {"it": {"inner": {"city": "Bern"}}}


def test_a_table_of_the_entrys_own_is_filled_up_from_the_credentials(tmp_path: Path) -> None:
    secrets = (
        '[sources.acme.credentials]\nuser = "u"\n[sources.acme.inner]\ncity = "Bern"\n'
        '[sources.acme.credentials.inner]\ncity = "x"\n[sources.acme.credentials.inner.deep]\nstreet = "s"\n'
    )
    inner = {"city": "Bern", "deep": {"street": "s"}}
    assert asked(tmp_path, "two", secrets) == {"it": {"user": "u", "inner": inner}}


@pytest.mark.parametrize("swapped", [False, True])
def test_nested_credentials_may_be_split_over_secrets_and_config(tmp_path: Path, swapped: bool) -> None:
    files = [
        '[sources.acme.account]\nuser = "u"\n[sources.acme.account.inner]\ncity = "Bern"\n',
        '[sources.acme.account.inner.deep]\nstreet = "s"\n[sources.api.account.inner]\ncity = "x"\n',
    ]
    found = asked(tmp_path, "named_two", *(reversed(files) if swapped else files))
    assert found == {"it": {"user": "u", "inner": {"city": "Bern", "deep": {"street": "s"}}}}


def test_two_parameters_have_each_its_own(tmp_path: Path) -> None:
    secrets = '[sources.acme.left.inner]\ncity = "Bern"\n[sources.acme.right.inner]\ncity = "Basel"\n'
    assert asked(tmp_path, "pair", secrets) == {
        "left": {"inner": {"city": "Bern"}},
        "right": {"inner": {"city": "Basel"}},
    }


def test_a_variable_may_say_the_whole_path(tmp_path: Path) -> None:
    project = given(tmp_path, ENTRY.format(function="one", more=""), code=CODE)
    environ = {"SOURCES__ACME__CREDENTIALS__INNER__CITY": "Bern"}
    assert answer(project, "acme", "one", environ) == {"it": {"inner": {"city": "Bern"}}}


@pytest.mark.parametrize(
    ("place", "told"),
    [
        ("sources.acme.wrong.inner", " (there is one in [sources.acme.wrong.inner])"),
        ("sources.acme", " (there is one in [sources.acme])"),
        ("sources.api.wrong", ""),
        ("destination.duckdb", ""),
    ],
)
def test_a_key_of_that_name_is_told_with_its_place_or_not_at_all(
    tmp_path: Path, place: str, told: str
) -> None:
    failure = asked(tmp_path, "one", f'[{place}]\ncity = "Bern"\n')
    assert isinstance(failure, Failure)
    assert failure.message == f"missing secret 'city' for source 'acme'{told}"
