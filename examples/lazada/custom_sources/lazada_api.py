"""Lazada's Open Platform: orders and products of a seller, those that changed since the last run.

A token is good for one country's marketplace. ``api`` is its address: https://api.lazada.sg/rest and, for the
others, lazada.com.my, .co.th, .vn, .com.ph and .co.id.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Any

import dlt
from dlt.common.exceptions import TransientException
from dlt.sources.helpers import requests

Row = dict[str, Any]

# Errors come with status 200. Of these types the platform itself is the cause, and of these codes the pace.
PASSING_TYPES = ("SYSTEM", "ISP")
PASSING_CODES = ("ApiCallLimit", "AppCallLimit", "SellerCallLimit", "ServiceTimeout", "901")
BEGINNING = datetime(2024, 1, 1, tzinfo=timezone.utc)
ORDERS_A_PAGE, PRODUCTS_A_PAGE = 100, 50  # the most that Lazada gives


class LazadaError(Exception):
    """An error that comes again: a wrong token, an argument that Lazada doesn't know."""


class LazadaBusy(TransientException):
    """An error that passes. dltpod tries the run again."""


@dlt.source(name="lazada")
def lazada_source(
    app_key: str = dlt.secrets.value,
    app_secret: str = dlt.secrets.value,
    access_token: str = dlt.secrets.value,
    api: str = "https://api.lazada.sg/rest",
    since: datetime = BEGINNING,
) -> Any:
    """The orders and the products of one seller. ``since`` is where the first run begins."""
    # A fault that passes is asked about again, as 429 and 5xx are, with growing pauses.
    client = requests.Client(retry_condition=_asks_again)

    def call(path: str, **arguments: object) -> Row:
        query = {
            "app_key": app_key,
            "access_token": access_token,
            "timestamp": str(int(time.time() * 1000)),
            "sign_method": "sha256",
            **{name: str(value) for name, value in arguments.items()},
        }
        query["sign"] = signature(app_secret, path, query)
        body: Row = client.get(api + path, params=query).json()
        if str(body.get("code")) == "0":
            return dict(body.get("data") or {})
        kind = LazadaBusy if _passes(body) else LazadaError
        raise kind(f"Lazada's {path}: {body.get('code')}: {body.get('message')}")

    def pages(path: str, key: str, size: int, after: datetime, **arguments: object) -> Iterator[list[Row]]:
        offset = 0
        while True:
            data = call(path, update_after=after.isoformat(), offset=offset, limit=size, **arguments)
            rows = data.get(key) or []
            if rows:
                yield rows
            if len(rows) < size:
                return
            offset += size

    # An order that changes comes again and replaces its row.
    @dlt.resource(primary_key="order_id", write_disposition="merge")
    def orders(
        updated: dlt.sources.incremental[datetime] = dlt.sources.incremental(
            "updated_at", initial_value=since
        ),
    ) -> Iterator[list[Row]]:
        order = {"sort_by": "updated_at", "sort_direction": "ASC"}
        for rows in pages("/orders/get", "orders", ORDERS_A_PAGE, updated.last_value, **order):
            for row in rows:
                row.update({name: _time(row[name]) for name in ("created_at", "updated_at")})
            yield rows

    @dlt.resource(primary_key="item_id", write_disposition="merge")
    def products(
        updated: dlt.sources.incremental[datetime] = dlt.sources.incremental(
            "updated_time", initial_value=since
        ),
    ) -> Iterator[list[Row]]:
        for rows in pages("/products/get", "products", PRODUCTS_A_PAGE, updated.last_value, filter="all"):
            for row in rows:
                row["updated_time"] = _milliseconds(row["updated_time"])
            yield rows

    return orders, products


def signature(secret: str, path: str, query: dict[str, str]) -> str:
    """HMAC-SHA256 of the path and all parameters by name, names and values without anything between."""
    text = path + "".join(name + query[name] for name in sorted(query))
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest().upper()


def _asks_again(answer: requests.Response | None, error: BaseException | None) -> bool:
    return answer is not None and answer.ok and _passes(answer.json())


def _passes(body: Row) -> bool:
    wrong = str(body.get("code")) != "0"
    return wrong and (body.get("type") in PASSING_TYPES or body.get("code") in PASSING_CODES)


def _time(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%d %H:%M:%S %z").astimezone(timezone.utc)


def _milliseconds(text: str) -> datetime:
    return datetime.fromtimestamp(int(text) / 1000, timezone.utc)
