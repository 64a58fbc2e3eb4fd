"""The Lazada example in its container, against a stand-in under the real host name."""

from __future__ import annotations

from collections.abc import Iterator

import docker
import pytest

from tests.containers.folder import Folder
from tests.containers.gallery.example import Example
from tests.containers.gallery.reach import https
from tests.stand_ins.lazada import Lazada, order, product
from tests.stand_ins.web import BROKEN, TOO_MANY, Site

SHOP = Lazada()
SITE = Site("api.lazada.sg", SHOP.answer)
SECRETS = {"app_key": SHOP.app_key, "app_secret": SHOP.app_secret, "access_token": SHOP.access_token}


@pytest.fixture(scope="module")
def network(client: docker.DockerClient, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with https(client, tmp_path_factory.mktemp("tls"), SITE) as name:
        yield name


def test_lazada(project: Folder, network: str) -> None:
    example = Example(project, "lazada", {"sources": {"lazada_sg": SECRETS}}, network)
    SHOP.orders = [order(n) for n in range(230)]
    SHOP.products = [product(n) for n in range(60)]
    SITE.faults = {2: TOO_MANY, 4: BROKEN}
    # what Lazada says in answers of status 200
    SHOP.failures = [("ISP", "ServiceTimeout")]
    assert example.run("lazada_sg") == {
        "orders": 230,
        "orders__statuses": 230,
        "products": 60,
        "products__skus": 60,
    }
    assert SITE.trouble() == [429, 500]
    assert [code for code in codes() if code != "0"] == ["ServiceTimeout"]

    SHOP.orders += [order(n) for n in range(230, 235)]
    SHOP.orders[0] = order(0, "shipped", minute=300)
    SHOP.products.append(product(60))
    example.run("lazada_sg")
    orders = project.rows(
        "select order_id, price, value from raw_lazada_sg.orders o "
        "join raw_lazada_sg.orders__statuses s on s._dlt_parent_id = o._dlt_id order by order_id"
    )
    assert orders == [(9000 + n, f"{n}.50", "pending" if n else "shipped") for n in range(235)]
    products = project.rows("select item_id, attributes__name from raw_lazada_sg.products order by item_id")
    assert products == [(700 + n, f"thing {n}") for n in range(61)]

    example.fill_in({"sources": {"lazada_sg": {**SECRETS, "access_token": "expired"}}})
    record = example.fails("lazada_sg")
    assert record.failure_kind == "extract"
    assert "IllegalAccessToken" in record.message
    assert codes()[-1] == "IllegalAccessToken"


def codes() -> list[str]:
    """What Lazada said in answers of status 200, so far."""
    return [answer.body["code"] for answer in SITE.given if answer.status == 200]
