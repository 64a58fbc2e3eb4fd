"""Invoices of the company's ERP system, those that changed since the last run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import dlt
from dlt.sources.helpers import requests
from stdnum import luhn


@dlt.source
def erp(api_key: str = dlt.secrets.value, url: str = "https://erp.example.com/invoices") -> Any:
    """One table, ``invoices``."""

    @dlt.resource(primary_key="number", write_disposition="merge")
    def invoices(
        version: dlt.sources.incremental[int] = dlt.sources.incremental("version", initial_value=0),
    ) -> Iterator[list[dict[str, Any]]]:
        since = version.last_value  # it grows with each page
        page: int | None = 1
        while page:
            query = {"since": since, "page": page}
            body = requests.get(url, params=query, headers={"X-Api-Key": api_key}).json()
            yield [{**row, "number_is_valid": luhn.is_valid(row["number"])} for row in body["invoices"]]
            page = body.get("next_page")

    return invoices
