"""The Lazada example, with dlt alone, against a stand-in that checks each signature."""

from __future__ import annotations

import importlib
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dlt
import pytest
from dlt.pipeline.exceptions import PipelineStepFailed

from tests.stand_ins.lazada import Lazada, order, product
from tests.stand_ins.web import Site, serving

EXAMPLE = Path(__file__).parents[2] / "examples/lazada/custom_sources"
Run = Callable[..., list[tuple[Any, ...]]]


@pytest.fixture(scope="module")
def lazada_api() -> types.ModuleType:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(EXAMPLE)
        return importlib.import_module("lazada_api")


@pytest.fixture
def shop() -> Lazada:
    return Lazada()


@pytest.fixture
def site(shop: Lazada) -> Site:
    return Site("api.lazada.sg", shop.answer)


@pytest.fixture
def run(lazada_api: types.ModuleType, shop: Lazada, site: Site, tmp_path: Path) -> Iterator[Run]:
    """Loads, and answers a query."""
    with serving([site]) as port:

        def load(query: str = "select 1", **keys: str) -> list[tuple[Any, ...]]:
            destination = dlt.destinations.duckdb(str(tmp_path / "lazada.duckdb"))
            pipeline = dlt.pipeline(
                "lazada", str(tmp_path / "state"), destination=destination, dataset_name="l"
            )
            given = {
                "app_key": shop.app_key,
                "app_secret": shop.app_secret,
                "access_token": shop.access_token,
            }
            pipeline.run(lazada_api.lazada_source(**{**given, **keys}, api=f"http://127.0.0.1:{port}/rest"))
            with pipeline.sql_client() as client, client.execute_query(query) as cursor:
                return list(cursor.fetchall())

        yield load


def test_all_pages_of_orders_and_products_arrive(run: Run, shop: Lazada) -> None:
    shop.orders = [order(n) for n in range(230)]
    shop.products = [product(n) for n in range(100)]
    assert run("select count(*), count(distinct order_id), min(order_id) from orders") == [(230, 230, 9000)]
    assert run("select count(*) from products__skus") == [(100,)]


def test_a_first_run_that_finds_nothing_leaves_the_next_one_all_there_is(run: Run, shop: Lazada) -> None:
    run()
    shop.orders, shop.products = [order(1)], [product(1)]
    assert run("select order_id from orders") == [(9001,)]
    assert run("select item_id from products") == [(701,)]


def test_an_order_that_changed_replaces_its_row_and_only_what_changed_is_asked_for(
    run: Run, shop: Lazada, site: Site
) -> None:
    shop.orders = [order(n) for n in range(3)]
    run()
    site.forget()
    shop.orders[0] = order(0, "shipped", minute=10)
    query = "select o.order_id, s.value from orders o join orders__statuses s on s._dlt_parent_id = o._dlt_id"
    assert sorted(run(query)) == [(9000, "shipped"), (9001, "pending"), (9002, "pending")]
    assert site.seen[0].query["update_after"] == "2026-02-28T16:02:00+00:00"


def test_an_error_that_passes_is_asked_about_again(run: Run, shop: Lazada) -> None:
    shop.orders, shop.failures = [order(1)], [("ISV", "ApiCallLimit")]
    assert run("select order_id from orders") == [(9001,)]


def test_an_error_that_stays_in_an_answer_of_status_200_ends_the_run(run: Run, site: Site) -> None:
    with pytest.raises(PipelineStepFailed, match="IllegalAccessToken"):
        run(access_token="expired")
    assert len(site.seen) == 1


def test_a_signature_by_another_secret_is_refused(run: Run) -> None:
    with pytest.raises(PipelineStepFailed, match="IncompleteSignature"):
        run(app_secret="another")
