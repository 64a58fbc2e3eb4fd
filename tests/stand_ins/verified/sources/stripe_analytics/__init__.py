"""A module with the interface of dlt's verified source for Stripe, for tests where that can't be had."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Optional

import dlt
from dlt.common.time import ensure_pendulum_datetime
from dlt.sources.helpers import requests

_PATHS = {"Customer": "customers", "Product": "products", "Event": "events"}


@dlt.source
def stripe_source(
    endpoints: tuple[str, ...] = ("Customer", "Product"),
    stripe_secret_key: str = dlt.secrets.value,
    start_date: Optional[datetime] = None,
    end_date: Optional[datetime] = None,
) -> Any:
    """All objects of some kinds, anew at each run."""
    for endpoint in endpoints:
        pages = dlt.resource(_pages, name=endpoint, write_disposition="replace")
        yield pages(stripe_secret_key, endpoint, start_date, end_date)


@dlt.source
def incremental_stripe_source(
    endpoints: tuple[str, ...] = ("Event",),
    stripe_secret_key: str = dlt.secrets.value,
    initial_start_date: Optional[datetime] = None,
    end_date: Optional[datetime] = None,
) -> Any:
    """Objects that never change: the new ones."""
    first = int(ensure_pendulum_datetime(initial_start_date).timestamp()) if initial_start_date else -1

    def new(
        endpoint: str,
        created: Optional[Any] = dlt.sources.incremental("created", initial_value=first),
    ) -> Iterator[list[Any]]:
        assert created is not None
        yield from _pages(stripe_secret_key, endpoint, created.last_value, end_date)

    for endpoint in endpoints:
        yield dlt.resource(new, name=endpoint, write_disposition="append", primary_key="id")(endpoint)


def _pages(key: str, endpoint: str, start: Any, end: Any) -> Iterator[list[Any]]:
    limits = {"created[gte]": start, "created[lt]": end}
    query: dict[str, Any] = {
        name: int(ensure_pendulum_datetime(value).timestamp()) for name, value in limits.items() if value
    }
    query["limit"] = 100
    while True:
        url, headers = f"https://api.stripe.com/v1/{_PATHS[endpoint]}", {"Authorization": f"Bearer {key}"}
        body = requests.get(url, params=query, headers=headers).json()
        yield body["data"]
        if not body["has_more"]:
            return
        query["starting_after"] = body["data"][-1]["id"]
