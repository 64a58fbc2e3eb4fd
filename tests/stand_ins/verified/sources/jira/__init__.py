"""A module with the interface of dlt's verified source for Jira, for tests where that can't be had."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import dlt
from dlt.sources.helpers import requests

_SEARCH = "rest/api/3/search/jql"


@dlt.source
def jira(
    subdomain: str = dlt.secrets.value,
    email: str = dlt.secrets.value,
    api_token: str = dlt.secrets.value,
    page_size: int = 50,
) -> Any:
    """Issues, users and projects."""

    def pages(path: str, key: str | None, **query: str) -> Iterator[list[Any]]:
        yield from _pages(subdomain, (email, api_token), path, key, {**query, "maxResults": page_size})

    new = dlt.resource(pages, name="issues", write_disposition="replace")
    yield new(_SEARCH, "issues", jql="created >= '2000-01-01'")
    yield new.with_name("users")("rest/api/3/users", None)
    yield new.with_name("projects")("rest/api/3/project/search", "values")


@dlt.source
def jira_search(
    subdomain: str = dlt.secrets.value,
    email: str = dlt.secrets.value,
    api_token: str = dlt.secrets.value,
    page_size: int = 50,
) -> Any:
    """The issues that queries in Jira's language find."""

    @dlt.resource(write_disposition="replace")
    def issues(jql_queries: list[str]) -> Iterator[list[Any]]:
        for jql in jql_queries:
            query = {"jql": jql, "maxResults": page_size}
            yield from _pages(subdomain, (email, api_token), _SEARCH, "issues", query)

    return issues


def _pages(
    subdomain: str, login: tuple[str, str], path: str, key: str | None, query: dict[str, Any]
) -> Iterator[list[Any]]:
    at = 0
    while True:
        body = requests.get(f"https://{subdomain}.atlassian.net/{path}", auth=login, params=query).json()
        rows = body[key] if key else body
        if rows:
            yield rows
        if path == _SEARCH:
            if not body.get("nextPageToken"):
                return
            query = {**query, "nextPageToken": body["nextPageToken"]}
        else:
            if not rows:
                return
            at += len(rows)
            query = {**query, "startAt": at}
