"""A module with the interface of dlt's verified source for Zendesk, for tests where that can't be had."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Optional, Union

import dlt
from dlt.common.configuration import configspec
from dlt.common.configuration.specs import CredentialsConfiguration
from dlt.common.time import ensure_pendulum_datetime
from dlt.common.typing import TSecretValue
from dlt.sources.helpers import requests


@configspec
class ZendeskCredentialsToken(CredentialsConfiguration):
    subdomain: str = dlt.config.value
    email: str = dlt.config.value
    token: TSecretValue = dlt.secrets.value


@configspec
class ZendeskCredentialsOAuth(CredentialsConfiguration):
    subdomain: str = dlt.config.value
    oauth_token: TSecretValue = dlt.secrets.value


@dlt.source(max_table_nesting=2)
def zendesk_support(
    credentials: Union[ZendeskCredentialsToken, ZendeskCredentialsOAuth] = dlt.secrets.value,
    load_all: bool = True,
    pivot_ticket_fields: bool = True,
    start_date: Optional[datetime] = None,
    end_date: Optional[datetime] = None,
) -> Any:
    """Tickets that changed, and all users and organizations."""
    login: dict[str, Any] = {}
    if isinstance(credentials, ZendeskCredentialsOAuth):
        login["headers"] = {"Authorization": f"Bearer {credentials.oauth_token}"}
    else:
        login["auth"] = (f"{credentials.email}/token", credentials.token)
    first = ensure_pendulum_datetime(start_date or "2000-01-01T00:00:00Z")

    def pages(path: str, key: str, query: dict[str, Any]) -> Iterator[list[Any]]:
        url: Optional[str] = f"https://{credentials.subdomain}.zendesk.com{path}"
        while url:
            body = requests.get(url, params=query, **login).json()
            yield body[key]
            more = body["meta"]["has_more"] if "meta" in body else not body["end_of_stream"]
            url, query = (
                (body["links"]["next"] if "meta" in body else body["next_page"]) if more else None,
                {},
            )

    @dlt.resource(primary_key="id", write_disposition="merge")
    def tickets(
        updated_at: dlt.sources.incremental[Any] = dlt.sources.incremental(
            "updated_at", initial_value=first, allow_external_schedulers=True
        ),
    ) -> Iterator[list[Any]]:
        query = {"start_time": updated_at.last_value.int_timestamp, "per_page": 1000}
        for page in pages("/api/v2/incremental/tickets", "tickets", query):
            yield [{**row, "updated_at": ensure_pendulum_datetime(row["updated_at"])} for row in page]

    yield tickets
    for name in ("users", "organizations"):
        resource = dlt.resource(pages, name=name, write_disposition="replace")
        yield resource(f"/api/v2/{name}.json", name, {"page[size]": 100})
