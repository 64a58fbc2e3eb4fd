"""Arguments are checked against the signature before the source runs, and all faults told at once."""

from __future__ import annotations

import json
import typing

import pytest

from runner.contract import ExitCode, FailureKind
from tests.pipeline.runner.box import Box

SHOP = """
    import datetime, json
    from typing import Literal, Optional
    import dlt

    def show(**arguments):
        print(json.dumps(arguments, default=repr))
        return [{"id": 1}]

    @dlt.source
    def orders(
        since: datetime.date,
        limit: int = 10,
        kinds: list[str] = None,
        mode: Literal["full", "delta"] = "delta",
        nested: Optional[dict] = None,
        key: str = dlt.secrets.value,
    ):
        data = show(since=since, limit=limit, kinds=kinds, mode=mode, nested=nested, key=key)
        return dlt.resource(data, name="orders")

    @dlt.resource
    def resource(since: datetime.date, key: str = dlt.secrets.value):
        yield show(since=since, key=key)

    def plain(since: datetime.date, key=dlt.secrets.value):
        return show(since=since, key=key)

    def mutable(since: datetime.date, kinds=["a"], key=dlt.secrets.value):
        return show(since=since, kinds=kinds, key=key)

    def mutable_generator(since: datetime.date, kinds=["a"], key=dlt.secrets.value):
        yield show(since=since, kinds=kinds, key=key)

    def open_ended(a: int, **more):
        return show(a=a, **more)

    parent = dlt.resource([1], name="parent")

    @dlt.transformer(data_from=parent)
    def transformer(item, since: datetime.date):
        yield show(since=since)

    instance = dlt.resource([1], name="instance")
"""
SECRET = '[shop.sources]\nkey = "from-the-secrets"\n'


def given(box: Box, function: str = "orders", **kwargs: typing.Any) -> typing.Any:
    """The arguments as the function got them."""
    box.write("shop.py", SHOP)
    outcome = box.run(SECRET, function=function, kwargs=kwargs)
    assert outcome.code == 0, outcome.log
    return json.loads(next(line for line in outcome.log.splitlines() if line.startswith("{")))


def refused(box: Box, function: str = "orders", **changes: typing.Any) -> str:
    box.write("shop.py", SHOP)
    outcome = box.run(SECRET, function=function, **changes)
    assert (outcome.code, outcome.failure.kind) == (ExitCode.CONFIGURATION, FailureKind.ARGUMENTS), (
        outcome.log
    )
    assert "extract" not in [event.get("phase") for event in outcome.events]
    return f"{outcome.failure.message} | {outcome.failure.hint}"


def test_arguments_are_coerced_by_the_type_hints(box: Box) -> None:
    got = given(box, since="2024-01-31", limit="5", kinds=["x"], mode="full", nested={"a": [1]})
    assert got["since"] == "datetime.date(2024, 1, 31)"
    assert (got["limit"], got["kinds"], got["mode"], got["nested"]) == (5, ["x"], "full", {"a": [1]})


@pytest.mark.parametrize("function", ["resource", "plain", "transformer"])
def test_resources_transformers_and_plain_functions_are_coerced_alike(box: Box, function: str) -> None:
    assert given(box, function, since="2024-01-31")["since"] == "datetime.date(2024, 1, 31)"


def test_references_are_resolved_at_any_depth_and_the_values_stay_secret(box: Box) -> None:
    box.write("shop.py", SHOP.replace("json.dumps(", "arguments['nested']['a'][1]['b'][::-1], json.dumps("))
    values = {"ONE": "v4lue-one", "TWO": "2024-01-31"}
    outcome = box.run(SECRET, values, kwargs={"since": "env:TWO", "nested": {"a": [0, {"b": "env:ONE"}]}})
    assert outcome.code == 0, outcome.log
    assert "v4lue-one"[::-1] in outcome.log
    assert "v4lue-one" not in outcome.everything


def test_references_without_a_value_are_told_all_at_once(box: Box) -> None:
    text = refused(box, kwargs={"since": "env:B", "nested": {"x": ["env:A", "env:B"]}})
    assert "A, B" in text


def test_an_explicit_argument_overrides_the_secret_of_its_name(box: Box) -> None:
    got = given(box, since="2024-01-31", key="explicit")
    assert got["key"] == "explicit"


def test_unknown_missing_and_ill_typed_arguments_are_told_at_once_with_the_functions_name(box: Box) -> None:
    text = refused(box, kwargs={"limt": 5, "limit": "many-of-them", "mode": "ful"})
    assert "function 'orders'" in text
    assert "has no argument 'limt' (did you mean 'limit'" in text
    assert "wants a whole number for 'limit'" in text
    assert "wants one of 'full', 'delta' for 'mode'" in text
    assert "needs 'since'" in text
    assert "orders(since, limit=…, kinds=…, mode=…, nested=…, key=…)" in text
    assert "many-of-them" not in text


@pytest.mark.parametrize("function", ["resource", "plain", "transformer"])
def test_a_missing_argument_of_any_kind_of_function_is_told_and_a_secret_is_no_argument(
    box: Box, function: str
) -> None:
    text = refused(box, function)
    what = "function" if function == "plain" else "resource"
    assert f"{what} '{function}' needs 'since'" in text
    assert "'key'" not in text.partition("|")[0]


def test_a_transformers_item_is_no_argument(box: Box) -> None:
    assert "has no argument 'item'" in refused(box, "transformer", kwargs={"item": 1, "since": "2024-01-31"})


def test_a_function_with_open_keywords_takes_any_and_still_checks_those_it_names(box: Box) -> None:
    assert given(box, "open_ended", a="1", b="two") == {"a": 1, "b": "two"}
    assert "wants a whole number for 'a'" in refused(box, "open_ended", kwargs={"a": "x", "b": 1})


def test_an_instance_takes_no_arguments(box: Box) -> None:
    assert "takes no arguments" in refused(box, "instance", kwargs={"since": 1})


def test_an_argument_given_for_this_run_only_is_named_so(box: Box) -> None:
    assert "(by --set)" in refused(box, kwargs={"since": "yesterday"}, overrides=("since",))


@pytest.mark.parametrize("function", ["mutable", "mutable_generator"])
def test_a_plain_function_may_have_the_mutable_defaults_that_dlt_refuses(box: Box, function: str) -> None:
    assert given(box, function, since="2024-01-31")["kinds"] == ["a"]
    got = given(box, function, since="2024-01-31", kinds=["b"])
    assert (got["kinds"], got["since"], got["key"]) == (["b"], "datetime.date(2024, 1, 31)", "***")


NAMED = """
import dlt

@dlt.resource(name=lambda args: args["stream"])
def orders(stream: str = dlt.config.value, other: str = "x"):
    yield [{"id": stream}]
"""


def test_an_argument_that_names_the_resource_must_be_given_for_dlt_reads_configuration_later(
    box: Box,
) -> None:
    box.write("shop.py", NAMED)
    outcome = box.run(config="[sources.shop]\nstream = 'a'")
    assert outcome.failure.kind is FailureKind.ARGUMENTS
    assert "function 'orders' needs 'stream'" in outcome.failure.message
    assert box.run(kwargs={"stream": "a"}).code == 0


def test_a_key_error_of_the_sources_own_is_no_missing_argument(box: Box) -> None:
    box.write("shop.py", 'def orders(stream: str = ""):\n    return [{"id": {}["stream"]}]\n')
    assert box.run().failure.kind is FailureKind.EXTRACT


@pytest.mark.parametrize("action", ["sync", "check"])
@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"strategy": "scd9"}, "scd9"),
        ({"strategi": "scd2"}, "has no 'strategi' in a write disposition, only"),
        ({"strategy": "scd2", "boundary_timestamp": "soon"}, "could not parse `boundary_timestamp`"),
        ({"strategy": "scd2", "validity_column_names": ["a"]}, "refuses this write_disposition"),
    ],
)
def test_a_write_disposition_that_this_dlt_does_not_know_is_refused_before_the_source_runs(
    box: Box, action: str, more: dict[str, typing.Any], message: str
) -> None:
    box.write("shop.py", "def orders():\n    print('ran')\n    yield [{'id': 1}]\n")
    outcome = box.run(action=action, write_disposition={"disposition": "merge", **more})
    assert (outcome.code, outcome.failure.kind) == (ExitCode.CONFIGURATION, FailureKind.CONFIGURATION)
    assert message in outcome.failure.message
    assert "a newer dlt may take it" in outcome.failure.hint
    assert "ran" not in outcome.log


def test_a_check_tells_that_the_write_disposition_is_known(box: Box) -> None:
    box.write("shop.py", "def orders():\n    yield [{'id': 1}]\n")
    outcome = box.check(write_disposition={"disposition": "merge", "strategy": "scd2"})
    assert [v.what for v in outcome.stored.verdicts if v.ok][3] == "write_disposition"


SEARCH = """
import dlt

@dlt.source
def orders(page_size: int = 50):
    @dlt.resource(write_disposition="replace")
    def issues(jql_queries: list, since: int = 0):
        for query in jql_queries:
            yield {"id": query, "size": page_size, "since": since}

    @dlt.resource
    def users():
        yield {"id": 1}

    return issues, users
"""


def test_a_resources_own_arguments_are_given_by_its_name_converted_and_with_variables(box: Box) -> None:
    box.write("shop.py", SEARCH)
    given = {"issues": {"jql_queries": ["a", "env:QUERY"], "since": "7"}}
    ran = box.run(resource_kwargs=given, values={"QUERY": "b"})
    assert ran.stored.failure is None, ran.log
    assert box.rows("SELECT id, since FROM raw_shop.issues ORDER BY id") == [("a", 7), ("b", 7)]


@pytest.mark.parametrize(
    ("given", "message", "hint"),
    [
        ({}, "resource 'issues' needs 'jql_queries'", "resource_kwargs: {issues: {jql_queries: …}}"),
        ({"issue": {"jql_queries": []}}, "and orders has no such resource", "did you mean 'issues'?"),
        (
            {"issues": {"jql": ["a"]}},
            "resource 'issues' has no argument 'jql' (it takes jql_queries, since); it needs 'jql_queries'",
            "its signature: issues(jql_queries, since=…)",
        ),
        ({"issues": {"jql_queries": "a"}}, "wants list for 'jql_queries', not text", "its signature"),
        ({"users": {"id": 1}, "issues": {"jql_queries": []}}, "resource 'users' has no argument 'id'", ""),
    ],
)
@pytest.mark.parametrize("action", ["sync", "check"])
def test_what_does_not_fit_a_resource_is_refused(
    box: Box, action: str, given: dict[str, object], message: str, hint: str
) -> None:
    box.write("shop.py", SEARCH)
    failure = box.run(action=action, resource_kwargs=given).failure
    assert failure.kind is FailureKind.ARGUMENTS
    assert message in failure.message
    assert hint in failure.hint


def test_a_resource_that_does_not_run_needs_no_arguments(box: Box) -> None:
    box.write("shop.py", SEARCH)
    assert box.run(resources=("users",)).stored.failure is None


def test_a_resource_that_its_source_has_bound_takes_no_more(box: Box) -> None:
    box.write("shop.py", SEARCH.replace("return issues,", "return issues(['x']),"))
    failure = box.run(resource_kwargs={"issues": {"since": 1}}).failure
    assert failure.message.startswith("resource 'issues' takes no arguments")
    assert "function_kwargs" in failure.hint


MODELS = """
import dataclasses
import dlt
import pydantic

@dataclasses.dataclass
class Login:
    user: str
    pages: int = 1

class Window(pydantic.BaseModel):
    days: int

@dlt.source
def orders(login: Login, window: Window | None = None):
    return dlt.resource([{"user": login.user, "pages": login.pages, "days": window.days}], name="orders")
"""


@pytest.mark.parametrize("action", ["sync", "check"])
def test_a_mapping_becomes_the_dataclass_or_the_model_that_the_hint_names(box: Box, action: str) -> None:
    box.write("shop.py", MODELS)
    ran = box.run(action=action, kwargs={"login": {"user": "u", "pages": "3"}, "window": {"days": 7}})
    assert ran.stored.failure is None, ran.log
    if action == "sync":
        assert box.rows('SELECT "user", pages, days FROM raw_shop.orders') == [("u", 3, 7)]


@pytest.mark.parametrize(
    "given", [{"login": {"name": "u"}}, {"login": {"user": "u"}, "window": {"days": "x"}}]
)
@pytest.mark.parametrize("action", ["sync", "check"])
def test_a_mapping_that_does_not_fit_its_class_is_refused(
    box: Box, action: str, given: dict[str, object]
) -> None:
    box.write("shop.py", MODELS)
    failure = box.run(action=action, kwargs=given).failure
    assert failure.kind is FailureKind.ARGUMENTS
    assert "a mapping that makes a" in failure.message or "wants Window" in failure.message


SPECS = """
import dataclasses
from typing import Optional
import dlt
from dlt.common.configuration.specs import BaseConfiguration, CredentialsConfiguration, configspec

@configspec
class Broker(CredentialsConfiguration):
    bootstrap_servers: str = None
    sasl_password: Optional[dlt.TSecretStrValue] = None

@configspec
class Paging(BaseConfiguration):
    page_size: int = 10

@dataclasses.dataclass
class Window:
    days: int = 1

@dlt.resource
def orders(
    topics: list,
    credentials: Optional[Broker] = dlt.secrets.value,
    paging: Paging = None,
    window: Optional[Window] = None,
    at: dlt.sources.incremental[int] = dlt.sources.incremental("id"),
):
    yield {"id": 1, "asked": credentials.bootstrap_servers, "size": paging.page_size}
"""
BROKER = '[sources.shop.credentials]\nbootstrap_servers = "…"'


@pytest.mark.parametrize("action", ["sync", "check"])
@pytest.mark.parametrize(
    ("kwargs", "message", "hint"),
    [
        (
            {"topics": [], "bootstrap_servers": "a:9092"},
            "resource 'orders' has no argument 'bootstrap_servers' (it is a part of 'credentials')",
            f"not an argument but in .dlt/secrets.toml:\n{BROKER}",
        ),
        (
            {"bootstrap_servers": "a:9092", "sasl_password": "pw-of-the-broker"},
            "'bootstrap_servers' (it is a part of 'credentials'); it has no argument 'sasl_password' (it is"
            " a part of 'credentials'); it needs 'topics'",
            f'not an argument but in .dlt/secrets.toml:\n{BROKER}\nsasl_password = "…"',
        ),
        (
            {"topics": [], "page_size": 5},
            "has no argument 'page_size' (it is a part of 'paging')",
            'not an argument but in .dlt/config.toml:\n[sources.shop.paging]\npage_size = "…"',
        ),
        (
            {"topics": [], "days": 5},
            "has no argument 'days' (it is a part of 'window')",
            "write in its place: window: {days: …}",
        ),
        (
            {"topics": [], "initial_value": 5},
            "has no argument 'initial_value' (it is a part of 'at')",
            "write in its place: at: {initial_value: …}",
        ),
    ],
)
def test_what_is_a_part_of_a_parameter_is_told_with_the_lines_to_write(
    box: Box, action: str, kwargs: dict[str, object], message: str, hint: str
) -> None:
    box.write("shop.py", SPECS)
    outcome = box.run(action=action, kwargs=kwargs)
    assert outcome.failure.kind is FailureKind.ARGUMENTS
    assert message in outcome.failure.message
    assert outcome.failure.hint == hint
    assert "pw-of-the-broker" not in outcome.everything


def test_a_resources_own_argument_that_is_a_part_of_its_credentials_is_told_so(box: Box) -> None:
    box.write("shop.py", f"{SPECS}\n@dlt.source\ndef every():\n    return orders\n")
    failure = box.run(function="every", resource_kwargs={"orders": {"bootstrap_servers": "a:9092"}}).failure
    assert failure.hint == f"not an argument but in .dlt/secrets.toml:\n{BROKER}"


def test_what_is_a_part_of_a_parameter_is_found_where_the_lines_say(box: Box) -> None:
    box.write("shop.py", SPECS)
    ran = box.run(
        '[shop.sources.credentials]\nbootstrap_servers = "a:9092"\n',
        config='[shop.sources.paging]\npage_size = "5"\n',
        kwargs={"topics": [], "at": {"initial_value": 0}},
    )
    assert ran.stored.failure is None, ran.log
    assert box.rows("SELECT asked, size FROM raw_shop.orders") == [("a:9092", 5)]
