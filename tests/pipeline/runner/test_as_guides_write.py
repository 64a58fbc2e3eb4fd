"""Entries and code as guides write them, which dlt's sources don't take like that: what comes of them."""

from __future__ import annotations

import shutil
import typing

import pytest

from runner.contract import ExitCode, FailureKind
from tests.pipeline.runner.box import REPOSITORY, Box

MODULES = REPOSITORY / "tests" / "stand_ins" / "verified" / "sources"


@pytest.mark.parametrize(
    ("module", "function", "kwargs", "said"),
    [
        (
            "jira",
            "jira",
            {"subdomain": "acme", "project_keys": ["PROJ", "TEAM"]},
            "no argument 'project_keys' (it takes subdomain, email, api_token, page_size)",
        ),
        (
            "stripe_analytics",
            "stripe_source",
            {"endpoint": "Event", "start_date": "2024-01-01"},
            "no argument 'endpoint' (did you mean 'endpoints'?)",
        ),
        (
            "mongodb",
            "mongodb",
            {
                "connection_url": "mongodb://mongo.example/",
                "database": "production",
                "collections": ["users"],
            },
            "no argument 'collections' (did you mean 'collection_names'",
        ),
    ],
)
def test_an_argument_that_a_guide_made_up_is_refused_with_those_there_are(
    box: Box, module: str, function: str, kwargs: dict[str, typing.Any], said: str
) -> None:
    shutil.copytree(MODULES / module, box.root / "opt" / "verified_sources" / module)
    outcome = box.run(module=module, function=function, kwargs=kwargs)
    assert (outcome.code, outcome.failure.kind) == (ExitCode.CONFIGURATION, FailureKind.ARGUMENTS), (
        outcome.log
    )
    assert said in outcome.failure.message


SHOP = """
    import dlt

    @dlt.source
    def orders(app_key: str = dlt.secrets.value):
        @dlt.resource(write_disposition="merge", primary_key="order_id")
        def orders(created_after: dlt.sources.incremental("created_at") = None):
            first = created_after.last_value or "2024-01-01"
            yield [{"order_id": 1, "created_at": first}]

        @dlt.resource(write_disposition="merge", primary_key="sku_id")
        def products():
            pass

        return orders, products
"""
KEY = '[sources.shop]\napp_key = "key-of-the-shop"\n'


def test_an_incremental_that_stands_as_a_hint_with_none_as_default_works_from_the_first_run_on(
    box: Box,
) -> None:
    box.write("shop.py", SHOP)
    assert box.run(KEY, resources=("orders",)).stored.rows == {"orders": 1}


def test_a_resource_that_is_not_written_yet_is_named(box: Box) -> None:
    box.write("shop.py", SHOP)
    assert box.run(KEY).failure.message == "resource 'products' failed: its function returned nothing"
