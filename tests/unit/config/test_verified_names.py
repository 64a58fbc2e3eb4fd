"""A name that can only stand for one verified source is taken for that."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import verified_cases
from launcher.config import load
from launcher.config.verified import KNOWN, verified_name
from tests.unit.closed import closed
from tests.unit.config.project import write

ENTRY = "sources:\n  - {{name: a, dlt_native: {{source_module: {module}, source_function: f}}{more}}}\n"


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("stripe", "stripe_analytics"),
        ("shopify", "shopify_dlt"),
        ("asana", "asana_dlt"),
        ("zendesk_support", "zendesk"),
        ("jira_search", "jira"),
        ("google", None),  # one of three
        ("jira", None),
        ("rest_api", None),
        ("sql", None),
        ("my_company", None),
    ],
)
def test_what_a_name_stands_for(name: str, source: str | None) -> None:
    assert verified_name(name) == source


@pytest.mark.parametrize(
    ("more", "custom", "module"),
    [
        ("", None, "stripe_analytics"),
        ("", "stripe.py", "stripe"),
        ("", "stripe/__init__.py", "stripe"),
        (', container: {requirements: ["./packages/stripe"]}', None, "stripe"),
        (', container: {requirements: ["git+https://example.com/erp"]}', None, "stripe"),
        (', container: {requirements: ["my-stripe"]}', None, "stripe"),
        # What such a source itself is made with is no other source.
        (', container: {requirements: ["stripe<16", "pandas"]}', None, "stripe_analytics"),
        (', container: {requirements: ["pandas"], extras: [stripe]}', None, "stripe_analytics"),
    ],
)
def test_anything_that_can_account_for_the_name_comes_first(
    tmp_path: Path, more: str, custom: str | None, module: str
) -> None:
    if custom:
        write(tmp_path, "", f"custom_sources/{custom}")
    project = load(write(tmp_path, ENTRY.format(module="stripe", more=more)))
    assert project.sources[0].dlt_native.source_module == module
    assert project.modules == ({"a": "stripe"} if module != "stripe" else {})


@pytest.mark.parametrize("module", ["api", "stripe"])
def test_a_project_is_loaded_where_its_code_may_not_be_looked_at(module: str, place: Path) -> None:
    file = write(place, ENTRY.format(module=module, more=""))
    code = write(place, "", f"custom_sources/{module}.py").parent
    load(file)  # while root can read all that this takes
    with closed(code):
        assert load(file).names == {"a"}


def test_another_repository_has_names_of_its_own(tmp_path: Path) -> None:
    text = "verified_sources: {location: ./mine}\n" + ENTRY.format(module="stripe", more="")
    assert load(write(tmp_path, text)).sources[0].dlt_native.source_module == "stripe"


def test_a_work_tree_that_has_the_source_is_as_good_as_dlts_repository(tmp_path: Path) -> None:
    write(tmp_path, "", "mine/sources/stripe_analytics/__init__.py")
    text = "verified_sources: {location: ./mine}\n" + ENTRY.format(module="stripe", more="")
    assert load(write(tmp_path, text)).sources[0].dlt_native.source_module == "stripe_analytics"
    write(tmp_path, "", "mine/sources/stripe/__init__.py")
    assert load(write(tmp_path, text)).sources[0].dlt_native.source_module == "stripe"


def test_each_known_source_is_one_that_the_bench_extracts_with(tmp_path: Path) -> None:
    measured = {case.module for case in verified_cases.cases(tmp_path, "postgresql://")}
    assert measured | set(verified_cases.NO_SOURCE) == KNOWN | set(verified_cases.DLTS_OWN)
